"""The published directory as a client sees it: from a checkpoint and tiles alone, every entry and the root follow."""

import os
import subprocess
import sys
from typing import Any

import pytest

from amos.crypto import verify
from amos.protocol.checkpoint_host import open_checkpoint
from amos.protocol.merkle import leaf_hash, node_hash
from amos_ledger import registry
from amos_ledger.errors import RolledBack
from amos_ledger.log.tiles import TILE_WIDTH
from amos_ledger.public import Public


def fetch(world: Any, name: str, count: int, index: int) -> bytes:
    """A tile by the client's rules: the partial one of the checkpoint's size, else the full one."""
    grouped = f"{index % 1000:03}"
    root = world.path / "audit" / "tile" / name
    partial = root / f"{grouped}.p" / str(count)
    return (partial if count < TILE_WIDTH else root / grouped).read_bytes()


def bundle_entries(data: bytes) -> list[bytes]:
    entries = []
    while data:
        size = int.from_bytes(data[:2], "big")
        entries.append(data[2 : 2 + size])
        data = data[2 + size :]
    return entries


def mth(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node_hash(mth(hashes[:k]), mth(hashes[k:]))


def head(world: Any) -> Any:
    note = (world.folder.public / "checkpoint").read_bytes()
    return open_checkpoint(note, world.folder.trust.origin, world.folder.public_key, verify)


MADE_WITH = 3
"""Entries of a world: the genesis, a manifest and a catalogue."""


def append(world: Any, first: int, end: int) -> None:
    with world.folder.open_store() as store:
        store.append([b"entry %d" % index for index in range(first, end)])
        registry.publish(world.folder, store)


@pytest.mark.parametrize("sizes", [(4,), (255, 256, 257), (300, 520), (511, 512)])
def test_a_client_rebuilds_the_log_from_files(world: Any, sizes: tuple[int, ...]) -> None:
    at = MADE_WITH
    for size in sizes:
        append(world, at, size)
        at = size
        checkpoint = head(world)
        assert checkpoint.size == size
        entries, leaves = [], []
        for index in range(-(-size // TILE_WIDTH)):
            count = min(TILE_WIDTH, size - index * TILE_WIDTH)
            entries += bundle_entries(fetch(world, "entries", count, index))
            tile = fetch(world, "0", count, index)
            assert len(tile) == 32 * count
            leaves += [tile[at : at + 32] for at in range(0, len(tile), 32)]
        assert leaves == [leaf_hash(entry) for entry in entries]
        assert mth(leaves) == checkpoint.root
        if size >= TILE_WIDTH:
            above = fetch(world, "1", size // TILE_WIDTH, 0)
            assert above[:32] == mth(leaves[:TILE_WIDTH])


def test_partial_tiles_go_when_the_full_one_is_there(world: Any) -> None:
    append(world, MADE_WITH, 200)
    assert (world.path / "audit/tile/entries/000.p/200").is_file()
    append(world, 200, 300)
    assert not (world.path / "audit/tile/entries/000.p").exists()
    assert not (world.folder.public / "tile/0/000.p").exists()


def test_missing_files_are_written_again(world: Any) -> None:
    append(world, MADE_WITH, 300)
    files = {path: path.read_bytes() for path in world.folder.public.rglob("*") if path.is_file()}
    for path in files:
        if path.name != "checkpoint":
            path.unlink()
    append(world, 0, 0)
    gone = {world.folder.public / "tile/0/000.p/3", world.path / "audit/tile/entries/000.p/3"}
    assert {path: path.read_bytes() for path in files if path not in gone} == files


def test_documents_are_published_under_their_hash(world: Any) -> None:
    manifest = world.folder.public / "manifests" / f"{world.pack.id.hex()}.cose"
    assert manifest.read_bytes() == world.pack.manifest
    (catalogue,) = (world.folder.public / "catalogues").iterdir()
    assert catalogue.read_bytes() == world.pack.catalogue


def test_a_checkpoint_of_somebody_else_is_not_written_over(world: Any) -> None:
    path = world.folder.public / "checkpoint"
    path.write_text("something else\n")
    with pytest.raises(RolledBack, match="move it away"):
        append(world, MADE_WITH, MADE_WITH + 1)
    assert path.read_text() == "something else\n"
    path.unlink()
    append(world, 0, 0)
    assert head(world).size == MADE_WITH + 1


def test_two_processes_publish_without_going_back(world: Any) -> None:
    seen = []
    code = (
        "import sys, pathlib\n"
        "from amos_ledger import registry\n"
        "from amos_ledger.folder import Folder\n"
        "folder = Folder(pathlib.Path(sys.argv[1]))\n"
        "with folder.open_store() as store:\n"
        "    for number in range(15):\n"
        "        store.append([b'%d' % number])\n"
        "        registry.publish(folder, store)\n"
    )

    running = [subprocess.Popen([sys.executable, "-c", code, str(world.path)]) for _ in range(2)]
    while any(process.poll() is None for process in running):
        seen.append(head(world).size)
    assert [process.returncode for process in running] == [0, 0]
    assert seen == sorted(seen)
    assert head(world).size == MADE_WITH + 30


def test_the_names_of_published_files_and_of_their_folders_are_flushed(world: Any, monkeypatch: Any) -> None:
    flushed = set()
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        flushed.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    root = world.folder.public
    Public(world.folder).write("statements/2026-11-EUR/ann.json.gz", b"{}")
    written = [root, root / "statements", root / "statements/2026-11-EUR", root / "statements/2026-11-EUR/ann.json.gz"]
    assert {path.stat().st_ino for path in written} <= flushed

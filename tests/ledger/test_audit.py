"""The audit folder: what lies in which folder, what following costs, and places that fail."""

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from databases import only_sqlite
from typer.testing import CliRunner

from amos.protocol.answer import ACCEPTED
from amos_ledger import registry
from amos_ledger.audit import FOLLOWS_S, Audit, Following, follow_now
from amos_ledger.errors import AuditUnusable, LedgerExists
from amos_ledger.folder import Folder, init_folder
from amos_ledger.recovery import recover
from amos_ledger.scrub import scrub
from amos_places.errors import PlaceFailed, PlaceUnusable
from amos_places.folder import FolderPlace
from amos_places.named import place_at
from amos_tools.cli import app as amos

NOON = 1_793_534_400
KEPT = Path(__file__).parent / "kept"


def names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_no_entry_is_in_the_public_folder(world: Any) -> None:
    device = world.device()
    segment = device.seal()
    world.take(device, segment)
    world.restart()
    for path in world.folder.public.rglob("*"):
        assert path.is_dir() or (segment not in path.read_bytes() and b"player-1" not in path.read_bytes())
    assert any(name.startswith("tile/entries/") for name in names(world.path / "audit"))


def test_a_receipt_waits_for_no_audit_folder(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = world.device()
    said: list[str] = []
    (world.path / "audit").rename(world.path / "away")
    (world.path / "audit").write_text("in the way")
    following = Following(world.folder, said.append, threading.Event())
    following._step()
    assert [item.verdict for item in world.take(device, device.seal())] == [ACCEPTED]
    assert len(said) == 1 and said[0].startswith("cannot write the audit folder: ")
    (world.path / "audit").unlink()
    (world.path / "away").rename(world.path / "audit")
    following._step(last=True)
    assert said[1:] == ["writes the audit folder again"] and scrub(world.folder) == []


def test_one_segment_a_second_writes_at_most_eight_bytes_a_byte(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five minutes of virtual time; what is written below both folders, against the bytes of the entries."""
    device, clock, written = world.device(), [0.0], [0]
    audit = Audit(world.folder, lambda: clock[0])
    with world.folder.open_store() as store:
        audit.follow(store)
        begun = store.size()
    write = FolderPlace.write

    def counting(self: FolderPlace, name: str, data: bytes) -> None:
        written[0] += len(data)
        write(self, name, data)

    monkeypatch.setattr(FolderPlace, "write", counting)
    rows = [(index % 4, index * 20_000, 15_000) for index in range(100)]
    for second in range(300):
        clock[0] = float(second)
        assert [item.verdict for item in world.take(device, device.seal(rows))] == [ACCEPTED]
        with world.folder.open_store() as store:
            if audit.is_due(store.size()):
                audit.follow(store)
    with world.folder.open_store() as store:
        stored = sum(len(entry) for _index, entry in store.entries(begun, store.size()))
    assert written[0] <= 8 * stored, (written[0] / stored, stored / 300)


def test_it_follows_when_a_bundle_is_full_and_else_each_minute(world: Any) -> None:
    clock = [0.0]
    audit = Audit(world.folder, lambda: clock[0])
    with world.folder.open_store() as store:
        assert audit.is_due(store.size())
        head = audit.follow(store)
        assert head is not None and not audit.is_due(head.size) and not audit.is_due(head.size + 1)
        assert audit.is_due(256)
        clock[0] = FOLLOWS_S
        assert audit.is_due(head.size + 1) and not audit.is_due(head.size)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_ledger_from_before_stays_open_and_moves_its_bundles(tmp_path: Path, version: int) -> None:
    shutil.unpack_archive(KEPT / f"schema_{version}.tar.gz", tmp_path)
    folder = Folder(tmp_path / "ledger")
    assert (folder.public / "tile/entries").is_dir() and folder.trust.audit == "public/audit"
    with folder.open_store() as store:
        registry.publish(folder, store)
    assert not (folder.public / "tile/entries").exists()
    assert any(name.startswith("tile/entries/") for name in names(folder.public / "audit"))
    assert scrub(folder) == []


@only_sqlite
def test_another_audit_folder_is_another_ledger(world: Any) -> None:
    keys = world.operator.public, world.publisher.public
    with pytest.raises(LedgerExists):
        init_folder(world.path, world.folder.trust.origin, *keys, audit="public/audit")
    opened = init_folder(world.path.parent / "open", "open.example/amos", *keys, audit="public/audit")
    with opened.open_store() as store:
        registry.publish(opened, store)
    assert (opened.public / "audit/checkpoint").read_bytes() == (opened.public / "checkpoint").read_bytes()


@only_sqlite
@pytest.mark.parametrize("url", ["local://{}/auditors", "file://{}/elsewhere"])
def test_it_may_lie_at_any_url(world: Any, tmp_path: Path, url: str) -> None:
    url = url.format(tmp_path)
    device = world.device()
    world.take(device, device.seal())
    path = world.path / "trust.json"
    path.write_text(path.read_text().replace('"audit": "audit"', f'"audit": "{url}"'))
    folder = Folder(world.path)
    with folder.open_store() as store:
        follow_now(folder, store)
        size = store.size()
    assert scrub(folder) == []
    world.ledger.close()
    folder.store_path.unlink()
    assert recover(Folder(world.path, recovered=True), [url]).entries == size


@only_sqlite
@pytest.mark.parametrize(
    "audit",
    [
        "public",
        "./public/",
        "public/tile",
        "audit/../public",
        "",
        ".",
        "..",
        "/",
        "file:///",
        "memory://x",
        "http://a/x",
    ],
)
def test_a_place_where_the_log_would_not_be_kept_is_none(world: Any, tmp_path: Path, audit: str) -> None:
    keys = world.operator.public.hex(), world.publisher.public.hex()
    words = ["ledger", "init", str(tmp_path / "new"), "--origin", "a.example/b", "--operator-key", keys[0]]
    done = CliRunner().invoke(amos, [*words, "--publisher-key", keys[1], "--audit", audit])
    assert done.exit_code == 2 and "AuditUnusable: audit: expected a folder of its own" in done.output, done.output
    assert not (tmp_path / "new").exists()
    path = world.path / "trust.json"
    path.write_text(path.read_text().replace('"audit": "audit"', f'"audit": "{audit}"'))
    with pytest.raises(AuditUnusable, match=r"trust\.json"):
        Folder(world.path)


def test_what_a_place_lacks_or_refuses_is_named(tmp_path: Path) -> None:
    for url, said in (("nosuch://a/b", "expected a URL that fsspec knows"), ("https://a.example", "of the web")):
        with pytest.raises(PlaceUnusable, match=said):
            place_at(url, tmp_path)
    with pytest.raises(PlaceFailed, match="checkpoint"):
        place_at("memory://empty", tmp_path).read("checkpoint", 10)

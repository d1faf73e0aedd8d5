"""Go's note and tlog read what a ledger publishes, its proofs, receipts and witnesses, and refuse what is spoilt.

The other tests of ledgers that were migrated, restored or made again ask Go as well, whether the log only grew.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import witness_process
from audited import audited
from databases import only_sqlite
from go_log import GoLog, GoRefuses
from nacl.signing import SigningKey
from typer.testing import CliRunner

from amos_ledger.folder import Folder
from amos_ledger.proving import prove
from amos_tools.cli import app


def checkpoint(folder: Folder) -> bytes:
    return (folder.public / "checkpoint").read_bytes()


def test_it_follows_a_log_over_the_edges_of_its_tiles(world: Any, go_log: GoLog) -> None:
    """Around 256 entries a tile becomes full and another begins; the receipts of every head hold under the last."""
    device = world.device()
    taken: list[tuple[bytes, bytes]] = []
    heads = [checkpoint(world.folder)]
    for count in (1, 2, 250, 1, 1, 1, 1, 30):
        segments = [device.seal() for _ in range(count)]
        answers = world.take(device, *segments)
        taken += [(answer.receipt, segment) for answer, segment in zip(answers, segments, strict=True)]
        heads.append(checkpoint(world.folder))
        for head in heads:
            go_log.follows(head, world.folder)
    assert go_log.head(world.folder) > 287
    for receipt, segment in taken:
        assert go_log.receipted(world.folder, receipt, segment)
    with world.folder.open_store() as store:
        for sequence in (1, 2, 200, 287):
            found = go_log.proven(world.folder, prove(world.folder, store, device.key.id, sequence))
            assert found["index"] == store.chain.leaf_of(device.key.id, sequence)


def flip(path: Path, at: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.fixture
def log(world: Any) -> tuple[Folder, bytes]:
    """A published log of some 300 entries, and a head from before half of them."""
    device = world.device()
    world.take(device, *(device.seal() for _ in range(100)))
    before = checkpoint(world.folder)
    world.take(device, *(device.seal() for _ in range(200)))
    return world.folder, before


@pytest.mark.parametrize(
    "name", ["checkpoint", "tile/0/000", "tile/0/001.p/*", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/*"]
)
def test_a_flipped_bit_in_any_file_is_refused(log: tuple[Folder, bytes], go_log: GoLog, name: str) -> None:
    folder, before = log
    go_log.follows(before, folder)
    for at in (0, -1):
        place = audited(folder) if "entries" in name else folder.public
        path = max(place.glob(name), key=lambda path: path.stat().st_mtime_ns)
        whole = path.read_bytes()
        flip(path, at)
        with pytest.raises(GoRefuses):
            go_log.follows(before, folder)
        path.write_bytes(whole[:-32] if name != "checkpoint" else whole[:-2])
        with pytest.raises(GoRefuses):
            go_log.follows(before, folder)
        path.write_bytes(whole)
    go_log.follows(before, folder)


def verdict(world: Any, note: bytes, tmp_path: Path) -> int:
    """The exit code of `amos verify --since` with that checkpoint."""
    (tmp_path / "since").write_bytes(note)
    keys = {"ledger": world.folder.public_key, "publisher": world.publisher.public, "operator": world.operator.public}
    pinned = {name: key.hex() for name, key in keys.items()} | {"origin": world.folder.trust.origin}
    (tmp_path / "keys.json").write_text(json.dumps(pinned))
    words = [
        "verify",
        "--since",
        tmp_path / "since",
        "--published",
        audited(world.folder),
        "--keys",
        tmp_path / "keys.json",
    ]
    return CliRunner().invoke(app, [str(word) for word in words]).exit_code


@only_sqlite
def test_another_history_of_the_same_ledger_is_refused(world: Any, go_log: GoLog, tmp_path: Path) -> None:
    """The second history is whole in itself; only the head that was kept shows that it is another."""
    device, other = world.device(), world.device(2)
    world.take(device, device.seal())
    common = checkpoint(world.folder)
    world.ledger.close()
    copy = shutil.copytree(world.path, tmp_path / "copy")
    world.restart()
    world.take(device, device.seal())
    kept = checkpoint(world.folder)
    world.ledger.close()
    shutil.rmtree(world.path)
    shutil.copytree(copy, world.path)
    world.restart()
    world.take(other, *(other.seal() for _ in range(3)))
    go_log.follows(common, world.folder)
    assert [verdict(world, note, tmp_path) for note in (common, kept)] == [0, 1], "amos verify says what Go says"
    with pytest.raises(GoRefuses, match="two histories"):
        go_log.follows(kept, world.folder)
    with pytest.raises(GoRefuses, match="behind"):
        go_log.follows(checkpoint(world.folder), Folder(Path(copy)))


def test_a_receipt_for_other_bytes_or_by_another_is_refused(log: Any, world: Any, go_log: GoLog) -> None:
    folder, _before = log
    device = world.device(7)
    one, two = device.seal(), device.seal()
    receipts = [answer.receipt for answer in world.take(device, one, two)]
    first, second = (go_log.receipted(folder, *pair)["index"] for pair in zip(receipts, (one, two), strict=True))
    assert second == first + 1
    for at in range(len(receipts[0])):
        spoilt = bytearray(receipts[0])
        spoilt[at] ^= 4
        with pytest.raises(GoRefuses):
            go_log.receipted(folder, bytes(spoilt), one)
    with pytest.raises(GoRefuses):
        go_log.receipted(folder, receipts[0], two)


def test_a_proof_that_was_tampered_with_is_refused(log: Any, world: Any, go_log: GoLog) -> None:
    folder, _before = log
    with folder.open_store() as store:
        proof = prove(folder, store, world.device(enrolled=False).key.id, 3)
    assert go_log.proven(folder, proof)
    for number, line in enumerate(proof.split(b"\n")):
        if line:
            with pytest.raises(GoRefuses):
                go_log.proven(folder, proof.replace(line, line[:-6] + b"AAAAA=", 1) if number else proof[1:])


def test_cosignatures_count_with_the_witness_key_alone(log: tuple[Folder, bytes], go_log: GoLog) -> None:
    folder, _before = log
    note = checkpoint(folder)
    seed = SigningKey(hashlib.sha256(b"witness").digest())
    name, key = "ada.example/w", bytes(seed.verify_key)
    text = note[: note.rindex(b"\n\n") + 1]
    line = witness_process.cosignature(name, seed, text, 1_793_534_400)
    known = witness_process.vkey(name, 4, key)
    found = go_log.opened(folder, note + line, (known,))
    assert found["cosigners"] == {name: 1_793_534_400} and found["signers"] == [folder.trust.origin]
    assert go_log.opened(folder, note + line)["unverified"] == [name]
    with pytest.raises(GoRefuses):
        go_log.opened(folder, note + witness_process.cosignature(name, seed, text + b"x\n", 1), (known,))
    with pytest.raises(GoRefuses, match="itself"):
        go_log.opened(folder, text + b"\n" + line, (known,))

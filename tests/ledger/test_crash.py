"""A process that dies at any step loses nothing, counts nothing twice and never signs two histories.

The child is killed for good (`os._exit`), not unwound: no `finally`, no rollback, no close.
"""

import os
from typing import Any

import pytest
from accrued import rolled_frames

from amos.crypto import verify
from amos.protocol import answer
from amos.protocol.checkpoint_host import Checkpoint, open_checkpoint
from amos.protocol.merkle import leaf_hash
from amos.protocol.receipt import parse_receipt
from amos_ledger.folder import Folder
from amos_ledger.ledger import Ledger
from amos_ledger.log import tree
from amos_ledger.log.tiles import tiles_between
from amos_ledger.store.database import Database
from amos_places.folder import FolderPlace

NOON = 1_793_534_400
STEPS = ("persisted", "signed", "tiles written", "published")


def die_in_child(work: Any) -> None:
    """Run `work(die)` in a process of its own that must die by calling `die`."""
    child = os.fork()
    if not child:
        try:
            work(lambda: os._exit(77))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 77


def published(world: Any) -> Checkpoint:
    note = (world.folder.public / "checkpoint").read_bytes()
    return open_checkpoint(note, world.folder.trust.origin, world.folder.public_key, verify)


def check_whole(world: Any, device: Any, before: Checkpoint) -> None:
    """Log, tree, published files and receipts agree, and the log grew out of what was published before."""
    with world.folder.open_store() as store:
        entries = [entry for _, entry in store.entries(0, store.size())]
        assert [entry for entry in entries if entry in device.sealed] == device.sealed
        hashes: dict[tuple[int, int], bytes] = {}
        for level, index, value in tree.grow(0, map(leaf_hash, entries), lambda *key: hashes[key]):
            hashes[level, index] = value
        assert store.root() == tree.root(len(entries), lambda *key: hashes[key])
        head = published(world)
        assert (head.size, head.root) == (store.size(), store.root())
        proof = tree.consistency_proof(before.size, head.size, store.log.read)
        tree.check_consistency(before.size, head.size, before.root, head.root, proof)
        totals = store.totals()
        assert totals.accepted == len(device.sealed)
        rolled = rolled_frames(store)
        assert rolled == totals.frames
    for tile in tiles_between(0, head.size):
        assert tile.level is None or (world.folder.public / tile.path).is_file()


@pytest.mark.parametrize("step", STEPS)
def test_dying_at_a_step(world: Any, step: str) -> None:
    device = world.device()
    world.take(device, device.seal())
    world.ledger.close()
    before = published(world)
    batch = [device.seal() for _ in range(3)]

    def work(die: Any) -> None:
        ledger = Ledger(Folder(world.path), at=lambda name: die() if name == step else None)
        ledger.take([device.message(segment) for segment in batch], NOON)

    die_in_child(work)
    late = world.answers(world.restart())  # receipts of what was not published are sent to whom they are due
    assert len(late) == (0 if step == "published" else 3)
    resent = world.take(device, *device.sealed)
    assert [item.verdict for item in resent] == [answer.DUPLICATE] * 4
    for item in resent:
        parse_receipt(item.receipt).check(device.sealed[item.sequence - 1], world.folder.public_key, verify)
    check_whole(world, device, before)
    originals = {item.sequence: item.receipt for item in resent}
    assert {item.sequence: item.receipt for item in late}.items() <= originals.items()


@pytest.mark.parametrize("statement", ["INSERT INTO entry", "INSERT INTO usage", "INSERT INTO rollup", "COMMIT"])
def test_dying_inside_the_first_transaction_leaves_nothing(world: Any, statement: str) -> None:
    device = world.device()
    world.ledger.close()
    before = published(world)
    batch = [device.seal() for _ in range(2)]

    def work(die: Any) -> None:
        ledger = Ledger(Folder(world.path))
        database: Database = ledger._opened()._database
        many, commit = database._execute_many, database._commit
        database._execute_many = lambda sql, rows: die() if sql.startswith(statement) else many(sql, rows)  # type: ignore[method-assign]
        database._commit = lambda: die() if statement == "COMMIT" else commit()  # type: ignore[method-assign]
        ledger.take([device.message(segment) for segment in batch], NOON)

    die_in_child(work)
    assert world.restart() == []
    assert world.totals().accepted == 0
    assert [item.verdict for item in world.take(device, *batch)] == [answer.ACCEPTED] * 2
    check_whole(world, device, before)


@pytest.mark.parametrize("fatal", ["tile/0/000.p/8", "checkpoint"])
def test_dying_while_a_file_is_written(world: Any, fatal: str) -> None:
    device = world.device()
    world.ledger.close()
    before = published(world)
    batch = [device.seal() for _ in range(3)]

    def work(die: Any) -> None:
        whole = FolderPlace._put

        def torn(self: FolderPlace, put: Any, name: str, data: bytes) -> None:
            if name == fatal:
                (self.path / name).with_name(f".{name.rpartition('/')[2]}.new").write_bytes(data[: len(data) // 2])
                die()
            whole(self, put, name, data)

        FolderPlace._put = torn  # type: ignore[method-assign]
        Ledger(Folder(world.path)).take([device.message(segment) for segment in batch], NOON)

    die_in_child(work)
    assert published(world) == before
    assert [item.verdict for item in world.answers(world.restart())] == [answer.ACCEPTED] * 3
    check_whole(world, device, before)

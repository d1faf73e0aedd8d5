"""The judge of the crash tests finds a sound ledger sound, and notices each thing that it is there to notice."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from databases import only_sqlite
from every_kind import with_every_kind
from ledger_check import Check, Seen

from amos.protocol.checkpoint_host import Checkpoint, sign_checkpoint

pytestmark = only_sqlite  # harm is done to its file

NOON = 1_793_534_400


@pytest.fixture
def played(world: Any) -> tuple[Any, Seen]:
    """A world in which two players had segments receipted, and all that was seen of it."""
    seen = Seen(sent=set())
    for number in (1, 2):
        device = world.device(number)
        for answer in world.take(device, *(device.seal() for _ in range(3))):
            seen.receipts.add((device.sealed[answer.sequence - 1], answer.receipt))
        seen.sent |= set(device.sealed)
        seen.checkpoints.add((world.folder.public / "checkpoint").read_bytes())
    world.ledger.close()
    return world, seen


def judge(world: Any, seen: Seen) -> None:
    Check(world.path, world.folder.trust.origin, world.folder.public_key).all(seen)


def run(world: Any, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(world.folder.store_path)) as connection, connection:
        assert connection.execute(sql, values).rowcount


def test_a_sound_ledger(played: tuple[Any, Seen]) -> None:
    judge(*played)


def test_every_kind_of_entry(world: Any) -> None:
    with_every_kind(world)
    judge(world, Seen())


def forget_a_segment(world: Any, seen: Seen) -> None:
    run(world, "DELETE FROM entry WHERE leaf_index = (SELECT MAX(leaf_index) FROM entry)")


def count_twice(world: Any, seen: Seen) -> None:
    sql = "INSERT INTO entry SELECT (SELECT MAX(leaf_index) + 1 FROM entry), bytes FROM entry WHERE leaf_index = ?"
    run(world, sql, max(Check(world.path, world.folder.trust.origin, world.folder.public_key).segments))


def count_too_much(world: Any, seen: Seen) -> None:
    run(world, "UPDATE rollup SET frames = frames + 1 WHERE stem_id = (SELECT MIN(stem_id) FROM rollup)")


def count_too_much_of_a_device(world: Any, seen: Seen) -> None:
    run(world, "UPDATE usage SET played_frames = played_frames + 1 WHERE sequence = 2")


def sign_another_history(world: Any, seen: Seen) -> None:
    size = len(Check(world.path, world.folder.trust.origin, world.folder.public_key).entries)
    head = Checkpoint(world.folder.trust.origin, size, bytes(32))
    seen.checkpoints.add(sign_checkpoint(head, world.folder.public_key, world.folder.sign))


def forge_a_checkpoint(world: Any, seen: Seen) -> None:
    head = Checkpoint(world.folder.trust.origin, 1, bytes(32))
    seen.checkpoints.add(sign_checkpoint(head, world.folder.public_key, world.operator.sign))


def swap_receipts(world: Any, seen: Seen) -> None:
    (one, _), (_, other) = sorted(seen.receipts)[:2]
    seen.receipts.add((one, other))


def take_what_nobody_sent(world: Any, seen: Seen) -> None:
    assert seen.sent is not None
    seen.sent.pop()


def flip(name: str) -> Callable[[Any, Seen], None]:
    def change(world: Any, seen: Seen) -> None:
        place = world.path / "audit" if "entries" in name else world.folder.public
        path = next(iter(sorted(place.glob(name))))
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))

    return change


def remove_bundles(world: Any, seen: Seen) -> None:
    for path in (world.path / "audit").glob("tile/entries/000.p/*"):
        path.unlink()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (forget_a_segment, "a receipt (for leaf|of another history)"),
        (count_twice, "twice"),
        (count_too_much, "counted of the stems"),
        (count_too_much_of_a_device, "counted of the devices"),
        (sign_another_history, "two checkpoints over as many"),
        (forge_a_checkpoint, "without the ledger's signature"),
        (swap_receipts, "where something else stands"),
        (take_what_nobody_sent, "that nobody sent"),
        (flip("tile/entries/000.p/*"), "other entries than"),
        (flip("tile/0/000.p/*"), "other hashes than"),
        (flip("manifests/*"), "another document"),
        (remove_bundles, "a published tile is missing"),
    ],
)
def test_harm_is_noticed(played: tuple[Any, Seen], harm: Callable[[Any, Seen], None], told: str) -> None:
    harm(*played)
    with pytest.raises(AssertionError, match=told):
        judge(*played)

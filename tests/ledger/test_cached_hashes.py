"""Stored hashes of the log's tree, read many at once and kept in parts."""

import random
from typing import Any

import pytest

from amos_ledger.log import tree
from amos_ledger.store import entries


@pytest.mark.parametrize("kept_leaves", [1, 8, 4096])
def test_they_are_those_that_are_stored_whatever_is_kept(
    world: Any, monkeypatch: pytest.MonkeyPatch, kept_leaves: int
) -> None:
    monkeypatch.setattr(entries, "KEPT_LEAVES", kept_leaves)
    device = world.device()
    world.take(device, *(device.seal() for _ in range(40)))
    draw = random.Random(kept_leaves)
    with world.folder.open_store() as store:
        size = store.size()
        stored = list(tree.completed(0, size))
        for _turn in range(20):
            first, end = sorted(draw.sample(range(size + 1), 2))
            read = store.log.cached(first, end)
            for level, index in draw.sample(stored, 30):
                assert read(level, index) == store.log.read(level, index)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_was_appended_last_is_not_read_until_somebody_else_writes(world: Any) -> None:
    asked: list[str] = []
    with world.folder.open_store() as store, world.folder.open_store() as other:
        store._database._connection.set_trace_callback(asked.append)

        def root() -> bytes:
            asked.clear()
            with store.snapshot():
                size = store.size()
                return tree.root(size, store.log.cached(first, size))

        first = store.append([b"one", b"two", b"three"])
        assert root() == other.root() and not any("node" in sql for sql in asked)
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.append([b"never"])
            raise ZeroDivisionError
        assert root() == other.root()
        store.append([b"four"])
        assert store.root() == other.root()
        other.append([b"five", b"six"])
        assert root() == other.root() and any("node" in sql for sql in asked)
        store.append([b"seven"])
        assert store.root() == other.root() == tree.root(other.size(), other.log.read)

"""The database is a cache: what its log gives is what it has, and a new one made from the log takes its place."""

from typing import Any

from every_kind import everything, played, with_every_kind

from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.scrub import scrub
from amos_ledger.store.comparison import CARRIED, COUNTING


def test_every_table_counts_or_is_carried(world: Any) -> None:
    assert set(everything(world.folder.store_path)) == {*COUNTING, *CARRIED}


def test_a_rebuilt_ledger_is_the_live_one(world: Any) -> None:
    played(world)
    world.ledger.close()
    before = everything(world.folder.store_path)
    rebuilt = rebuild_folder(world.folder, 0)
    assert everything(world.folder.store_path) == before
    assert everything(rebuilt.kept) == before
    assert (rebuilt.left, rebuilt.mended, rebuilt.receipts, scrub(world.folder)) == ((), (), 0, [])


def test_a_ledger_with_every_kind_of_entry_is_rebuilt_as_it_is(world: Any) -> None:
    with_every_kind(world)
    before = everything(world.folder.store_path)
    assert {name for name, rows in before.items() if not rows} == set()
    assert scrub(world.folder) == []
    rebuilt = rebuild_folder(world.folder, 0)
    assert everything(world.folder.store_path) == before
    assert (rebuilt.left, rebuilt.mended, rebuilt.receipts, scrub(world.folder)) == ((), (), 0, [])

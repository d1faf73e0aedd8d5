"""The database is a cache: what its log gives is what it has, and a new one made from the log takes its place."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from every_kind import NOON, everything, played, signed_opt_outs, with_every_kind
from go_log import GoLog
from typer.testing import CliRunner

from amos.protocol.answer import ACCEPTED
from amos.protocol.document import document_entry
from amos_batches.runner import InProcess
from amos_ledger import registry
from amos_ledger.errors import NotRebuilt
from amos_ledger.folder import Folder
from amos_ledger.log.tiles import TILE_WIDTH
from amos_ledger.opt_outs import add_opt_outs
from amos_ledger.published_log import PublishedLog
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.replay import rebuild
from amos_ledger.scrub import keys_of, published_head, scrub
from amos_ledger.store.comparison import CARRIED, COUNTING
from amos_ledger.store.place import StorePlace
from amos_ledger.store.store import Store
from amos_tools.cli import app

KEPT = Path(__file__).parent / "kept"


def checkpoint(folder: Folder) -> bytes:
    return (folder.public / "checkpoint").read_bytes()


def republished(folder: Folder) -> None:
    """All that is published is made again from the database."""
    shutil.rmtree(folder.public)
    with folder.open_store() as store:
        registry.publish(folder, store)


def test_every_table_counts_or_is_carried(world: Any) -> None:
    assert set(everything(world.folder.place)) == {*COUNTING, *CARRIED}


def test_a_rebuilt_ledger_is_the_live_one(world: Any, go_log: GoLog) -> None:
    played(world)
    world.ledger.close()
    head = checkpoint(world.folder)
    before = everything(world.folder.place)
    rebuilt = rebuild_folder(world.folder, 0)
    assert everything(world.folder.place) == before
    if rebuilt.kept.is_file():  # in PostgreSQL, it says that the log goes on elsewhere
        assert everything(rebuilt.kept) == before
    assert (rebuilt.left, rebuilt.mended, rebuilt.heads, scrub(world.folder)) == ((), (), 0, [])
    republished(world.folder)
    go_log.follows(head, world.folder)


def test_a_ledger_with_every_kind_of_entry_is_rebuilt_as_it_is(world: Any, go_log: GoLog) -> None:
    with_every_kind(world)
    head = checkpoint(world.folder)
    before = everything(world.folder.place)
    assert {name for name, rows in before.items() if not rows} == set()
    assert scrub(world.folder) == []
    rebuilt = rebuild_folder(world.folder, 0)
    assert everything(world.folder.place) == before
    assert (rebuilt.left, rebuilt.mended, rebuilt.heads, scrub(world.folder)) == ((), (), 0, [])
    republished(world.folder)
    go_log.follows(head, world.folder)


@pytest.mark.parametrize("players", [8, pytest.param(64, marks=pytest.mark.sweep)])
def test_a_ledger_of_thousands_of_segments_is_rebuilt_as_it_is(world: Any, players: int, go_log: GoLog) -> None:
    devices = [world.device(number) for number in range(1, players + 1)]
    for _ in range(10):
        messages = [device.message(device.seal()) for device in devices for _ in range(32)]
        assert {reply.answer.verdict for reply in world.ledger.take(messages, NOON)} == {ACCEPTED}
    world.ledger.close()
    head = checkpoint(world.folder)
    before = everything(world.folder.place)
    assert len(before["usage"]) == 320 * players
    rebuild_folder(world.folder, 0)
    assert everything(world.folder.place) == before and scrub(world.folder) == []
    republished(world.folder)
    go_log.follows(head, world.folder)


def stored(place: StorePlace, world: Any) -> Store:
    """A fresh store at this place."""
    Store.create(place, world.folder.trust.origin, world.folder.public_key)
    return Store(place)


def test_what_published_bundles_alone_give_is_what_counts(world: Any) -> None:
    with_every_kind(world)
    head, _fault = published_head(world.folder)
    assert head is not None
    published = PublishedLog(world.folder.audit, head.size)
    entries = [published.entry(index) for index in range(head.size)]
    assert None not in entries
    with world.folder.place.scratch() as place, stored(place, world) as store:
        assert rebuild(entries, store, keys_of(world.folder), published.document) == head.size
        assert store.root() == head.root
        live = store.beside(world.folder.place)
        assert [table for table in COUNTING if live.missing(table) or live.surplus(table)] == []
        assert live.losses() == []


@pytest.mark.parametrize(
    "entries, said",
    [
        (lambda genesis: [], "entry 0: expected the first entry"),
        (lambda genesis: [genesis + b"x"], "entry 0: expected the first entry"),
        (lambda genesis: [genesis, b"junk"], "entry 1: "),
        (lambda genesis: [genesis, document_entry("manifest", 1, bytes(32), 0)], "entry 1: .* found nothing"),
        (lambda genesis: [genesis, b"amos-batch/1 7\n"], "entry 1: batch: expected a whole minute"),
    ],
)
def test_what_is_no_log_is_not_rebuilt(world: Any, tmp_path: Path, entries: Any, said: str) -> None:
    with world.folder.open_store() as store:
        genesis = store.log.entry(0)
    Store.create(tmp_path / "new.sqlite", world.folder.trust.origin, world.folder.public_key)
    published = PublishedLog(world.folder.audit, 1)
    with Store(tmp_path / "new.sqlite") as store, pytest.raises(NotRebuilt, match=said):
        rebuild(entries(genesis), store, keys_of(world.folder), published.document)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_ledger_of_an_earlier_version_is_sound_and_rebuilt_as_it_is(
    tmp_path: Path, version: int, go_log: GoLog
) -> None:
    shutil.unpack_archive(KEPT / f"schema_{version}.tar.gz", tmp_path)
    folder = Folder(tmp_path / "ledger")
    head = checkpoint(folder)
    with folder.open_store() as store:
        registry.publish(folder, store)
    assert scrub(folder) == []
    before = everything(folder.place)
    rebuild_folder(folder, 0)
    assert everything(folder.place) == before and scrub(folder) == []
    go_log.follows(head, folder)


def test_by_command(world: Any) -> None:
    played(world)
    world.ledger.close()
    run = CliRunner().invoke
    assert run(app, ["ledger", "fsck", str(world.path)]).output == "nothing wrong\n"
    said = run(app, ["ledger", "fsck", "--rebuild", str(world.path)])
    assert said.exit_code == 0 and said.output.startswith("rebuilt from 11 entries; the old database is ")
    facts = json.loads(run(app, ["ledger", "fsck", "--rebuild", str(world.path), "--json"]).output)
    assert (facts["rebuilt"]["size"], facts["findings"]) == (11, [])
    assert facts["rebuilt"]["kept"].endswith(("ledger.sqlite.old-2", "amos_ledger_old_2"))


class MeanwhileServed(InProcess):
    """The ledger takes in and publishes more than a bundle, and another opt-out list, while the log is worked out."""

    def __init__(self, world: Any, device: Any) -> None:
        self._world, self._device, self._served = world, device, False

    def pairs(self, work: Any, batches: Any) -> Iterator[Any]:
        yield from super().pairs(work, batches)
        if not self._served:
            self._served = True
            self._world.take(self._device, *(self._device.seal() for _ in range(TILE_WIDTH)))
            add_opt_outs(self._world.folder, signed_opt_outs(self._world, 2, NOON + 1))


def test_nothing_is_wrong_with_a_ledger_that_serves_meanwhile(world: Any) -> None:
    device = played(world)
    add_opt_outs(world.folder, signed_opt_outs(world, 1, NOON))
    assert scrub(world.folder, MeanwhileServed(world, device)) == []


def test_an_opt_out_list_that_is_not_the_logs_is_found_though_the_ledger_serves_meanwhile(world: Any) -> None:
    device = played(world)
    forged = signed_opt_outs(world, 9, NOON)

    class Forging(MeanwhileServed):
        def pairs(self, work: Any, batches: Any) -> Iterator[Any]:
            yield from super().pairs(work, batches)
            (world.folder.public / "opt-outs.cose").write_bytes(forged)

    add_opt_outs(world.folder, signed_opt_outs(world, 1, NOON))
    found = scrub(world.folder, Forging(world, device))
    assert [(item.where, item.what) for item in found] == [("public/opt-outs.cose", "is not what the log gives")]

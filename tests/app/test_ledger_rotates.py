"""The ledger changes its key while segments wait on players: real players, courier and ledger, over a broker."""

import contextlib
from pathlib import Path

import pytest
from kill_venue import Venue

from amos.edges.sector_device import FileSectorDevice
from amos.edges.two_slot_file import TwoSlotFile
from amos.journal.journal import Journal
from amos.ledger_keys import KEPT_BYTES_MAX, LedgerKeys
from amos_ledger import rotating
from amos_ledger.folder import Folder
from amos_ledger.scrub import scrub
from amos_tools.demo.broker import start_broker
from amos_tools.demo.processes import Processes

YEAR_S = 365 * 86_400


def unsynced(venue: Venue) -> list[int]:
    counts = []
    for player in venue.players:
        store = FileSectorDevice(str(player.folder / "journal.ring"), 0)
        journal = Journal(store, bytes(8))
        store.close()
        counts.append(len(journal.segments))
    return counts


def believed(venue: Venue, first: bytes) -> list[bytes]:
    kept = [TwoSlotFile(str(player.folder / "ledger-key"), KEPT_BYTES_MAX) for player in venue.players]
    return [LedgerKeys(first, file).key for file in kept]


@pytest.mark.long
def test_players_follow_the_line_and_free_what_waited(tmp_path: Path, micropython: list[str]) -> None:
    venue = Venue(tmp_path, micropython)
    first = venue.folder.public_key
    with Processes(tmp_path) as processes, contextlib.ExitStack() as stack:
        kind, port = start_broker(processes, tmp_path / "broker")

        def serving() -> contextlib.ExitStack:
            """Courier and ledger, until the context ends; the courier was told the first key."""
            up = contextlib.ExitStack()
            for service in venue._services(kind, port):
                up.callback(service.stop)
            return stack.enter_context(up)

        services = serving()
        venue.play("linger=receipted")
        services.close()
        venue.play("linger=no")
        assert min(unsynced(venue)) > 0
        rotating.rotate_ledger(Folder(venue.folder.path), YEAR_S, 1)
        rotating.rotate_ledger(Folder(venue.folder.path), 0, 2)  # a second one, before anybody heard of the first
        services = serving()
        venue.play("linger=receipted")
        services.close()
        assert unsynced(venue) == [0, 0]
        folder = Folder(venue.folder.path)
        assert believed(venue, first) == [folder.public_key] * 2 and folder.public_key not in (first, None)
        venue.play("linger=no")
        rotating.rotate_ledger(folder, YEAR_S, 3)  # both keys sign: the courier takes what its players believe
        services = serving()
        venue.play("linger=receipted")
        services.close()
        assert unsynced(venue) == [0, 0] and believed(venue, first) == [folder.public_key] * 2
    totals = venue.totals()
    assert totals.accepted and not totals.held and not totals.evidence and not totals.quarantined
    assert scrub(Folder(venue.folder.path)) == []
    for name in ("ledger.log", "courier.log"):
        assert "Traceback" not in (tmp_path / name).read_text()

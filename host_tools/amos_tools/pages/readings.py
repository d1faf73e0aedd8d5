"""What a page asks the ledger's store for, once somebody opens it: by the functions of `amos ledger`'s commands."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from amos_ledger.cli_quarantine import device_facts, evidence_facts, waiting_facts
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.proof_of_play import ProofOfPlay, proof_of_play
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store
from amos_ledger.totals import DeviceDay, SessionSeen
from amos_ledger.watch.alerts import Alert
from amos_ledger.watch.state_file import read_state, snooze_alert
from amos_tools.pages.limits import HISTORY_SEGMENTS_MAX, SESSIONS_MAX, WAITING_ROWS_MAX
from amos_web.errors import WebRefusal

Found = TypeVar("Found")


@dataclass(frozen=True)
class History:
    """A device's latest days, sessions, and what is kept of it as evidence."""

    days: list[DeviceDay]
    sessions: list[SessionSeen]
    evidence: list[dict[str, Any]]


@dataclass(frozen=True)
class Waiting:
    """What waits for an operator or for something else; of each kind the first few, and how many there are."""

    quarantined: list[dict[str, Any]]
    held: list[dict[str, Any]]
    held_count: int
    oddities: list[dict[str, Any]]


def history(device_id: bytes) -> Callable[[Store], History]:
    """Of one device."""

    def read(store: Store) -> History:
        days = store.played_days.of_device(device_id, HISTORY_SEGMENTS_MAX)
        evidence = store.quarantines.evidence(device_id)[:WAITING_ROWS_MAX]
        sessions = store.played_days.sessions(device_id, SESSIONS_MAX)
        return History(days, sessions, [evidence_facts(item) for item in evidence])

    return read


def waiting(store: Store) -> Waiting:
    """Of all devices."""
    held, now_s = store.chain.waiting(), int(time.time())
    oddities = [asdict(odd) | {"share": odd.share} for odd in store.oddities()[:WAITING_ROWS_MAX]]
    return Waiting(
        [device_facts(device) for device in store.quarantines.devices()],
        [waiting_facts(item, now_s) for item in held[:WAITING_ROWS_MAX]],
        len(held),
        oddities,
    )


def played(period: str) -> Callable[[Store], ProofOfPlay]:
    """Of one month."""
    return lambda store: proof_of_play(period, store.played_days.of_sites(period))


def alerts_of(state: Path) -> list[dict[str, Any]]:
    """What the watch found, as `amos ledger alerts` tells it. Raises `WebRefusal`."""
    with _refusing():
        return read_state(state).facts()


def snoozed(state: Path, key: str, seconds: int) -> Alert | None:
    """The alert of that key, which is not told for so long; None where there is none. Raises `WebRefusal`."""
    with _refusing():
        return snooze_alert(state, key, int(time.time()) + seconds) if key else None


def read_now(folder: Folder, read: Callable[[Store], Found]) -> Found:
    """What `read` finds in the ledger's store at this moment. Raises `WebRefusal`."""
    with _refusing(), Folder(folder.path).open_store_to_read() as store, store.snapshot():
        return read(store)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (OSError, *DATABASE_ERRORS, LedgerError) as error:
        sentence = f"the ledger cannot be read: {' '.join(str(error).split())}"
        raise WebRefusal(503, "LedgerUnreadable", sentence, "try again in a while") from None

"""What the pages show of the fleet, made on threads of their own: no page waits for the store or the broker.

One thread reads the store, read-only, and rests; another hears what the broker retains; a third looks at the tags that
the desk keeps. Each leaves a whole behind that any thread may read.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.totals import Backlog
from amos_ledger.watch.state_file import read_state
from amos_mqtt.broker import Broker
from amos_tools.fleet.desk import Desk
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.members import Members
from amos_tools.fleet.tags.kept import TagsSeen
from amos_tools.fleet.tags.tags import NO_TAGS, Tags
from amos_tools.pages.fleet_query import in_order
from amos_tools.pages.fleet_rows import FleetRow, fleet_rows
from amos_tools.pages.limits import BROKER_AGAIN_S, LOOK_S_MIN, LOOK_SHARE, STALE_S, TAGS_AGAIN_S

NO_BROKER = "no broker was named, so what players say is not known"


@dataclass(frozen=True)
class Looked:
    """The fleet at one moment. `origin` is the ledger's name; `trouble` are sentences on what could not be read."""

    origin: str
    unix_s: float
    rows: tuple[FleetRow, ...] = ()
    backlog: Backlog | None = None
    trouble: tuple[str, ...] = ()
    rest_s: float = LOOK_S_MIN

    def is_stale(self, now_s: float) -> bool:
        """Whether nobody knows any more what it shows."""
        return now_s - self.unix_s > max(STALE_S, 3 * self.rest_s)


class Looking:
    """At the ledger's folder, what its watch keeps at `state`, the broker, and the tags in the folder `desk`. `looked`
    is what was seen last."""

    def __init__(
        self,
        folder: Folder,
        state: Path,
        broker: Broker | None,
        report: Callable[[str], None],
        desk: Path | None = None,
    ) -> None:
        self._path, self.state = folder.path, state
        self._broker = broker
        self._report = report
        self._stop = threading.Event()
        self._members: Members | None = None
        self._lock = threading.Lock()
        self._hearing = NO_BROKER if broker is None else "the broker was not reached yet"
        self._said = ""
        self.looked = Looked(folder.trust.origin, 0.0)
        self._turned_s = time.monotonic()
        self._threads = [threading.Thread(target=self._look_on, name="look", daemon=True)]
        if broker is not None:
            self._threads.append(threading.Thread(target=self._hear_on, name="hear", daemon=True))
        self._tags = None if desk is None else TagsSeen(desk)
        if desk is not None:
            self._threads.append(threading.Thread(target=self._look_at_tags_on, name="tags", daemon=True))

    def start(self) -> None:
        """Look for the first time, and go on by itself until `end`."""
        self.look()
        self.look_at_tags()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Look no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join(BROKER_AGAIN_S)

    @property
    def tags(self) -> tuple[Tags, str]:
        """Those that the desk keeps, as they were seen last, and why they cannot be read: then nobody has any."""
        return (NO_TAGS, "") if self._tags is None else self._tags.seen

    def look_at_tags(self) -> tuple[Tags, str]:
        """`tags` of this moment; on a thread that may wait for the desk's folder."""
        return self.tags if self._tags is None else self._tags.look()

    @property
    def turns(self) -> bool:
        """Whether it goes on looking, also where it finds that nothing can be read."""
        return time.monotonic() - self._turned_s <= max(STALE_S, 3 * self.looked.rest_s)

    def look(self) -> None:
        """Once, now."""
        self._look()
        self._turned_s = time.monotonic()

    def _look(self) -> None:
        begun_s = time.perf_counter()
        try:
            folder = Folder(self._path)
            with folder.open_store_to_read() as store:
                devices, backlog = store.totals().devices, store.backlog()
                operator_key = folder.operator_line(store).present
            alerts = read_state(self.state).facts()
        except (OSError, *DATABASE_ERRORS, LedgerError) as error:
            sentence = f"cannot read the ledger: {' '.join(str(error).split())}"
            self._tell(sentence)
            before = self.looked
            self.looked = Looked(before.origin, before.unix_s, before.rows, before.backlog, (sentence,), before.rest_s)
            return
        self._tell("")
        with self._lock:
            rows = in_order(fleet_rows(devices, self._members or Members(operator_key), alerts))
            trouble = (self._hearing,) if self._hearing else ()
        rest_s = max(LOOK_S_MIN, LOOK_SHARE * (time.perf_counter() - begun_s))
        self.looked = Looked(folder.trust.origin, time.time(), rows, backlog, trouble, rest_s)

    def _look_on(self) -> None:
        while not self._stop.wait(self.looked.rest_s):
            self.look()

    def _look_at_tags_on(self) -> None:
        while not self._stop.wait(TAGS_AGAIN_S):
            self.look_at_tags()

    def _hear_on(self) -> None:
        assert self._broker is not None
        while not self._stop.is_set():
            try:
                with Desk(self._broker, self._operator_key()) as desk:
                    while not self._stop.is_set():
                        with self._lock:
                            desk.turn()
                            self._members = desk.members
                            gone = "the broker is not reached: what players say is what they said last"
                            self._hearing = "" if desk.up else gone
                        time.sleep(0.01)  # a lock is no queue: whoever waits for it has its turn meanwhile
            except (FleetError, OSError, *DATABASE_ERRORS, LedgerError) as error:
                with self._lock:
                    self._hearing = f"the broker is not reached: {' '.join(str(error).split())}"
                self._stop.wait(BROKER_AGAIN_S)

    def _operator_key(self) -> bytes:
        folder = Folder(self._path)
        with folder.open_store_to_read() as store:
            return folder.operator_line(store).present

    def _tell(self, sentence: str) -> None:
        if sentence and sentence != self._said:
            self._report(sentence)
        self._said = sentence

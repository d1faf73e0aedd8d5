"""A payee's stems: which of them sound, what withdrawing one freezes, and the withdrawal itself, as `amos ledger
withdraw` does it."""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from amos_ledger.delegated import desk_of, withdraw_for, works_of
from amos_ledger.errors import LedgerError, OptOutsRefused
from amos_ledger.folder import Folder
from amos_ledger.opt_outs import listed_by_publisher
from amos_ledger.outside import ask_served
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_tools.pages.limits import BACK_MAX, BACK_S
from amos_web.errors import WebRefusal

SOUNDS, WITHDRAWN, BY_OTHER, BY_PUBLISHER = "sounds", "withdrawn", "by other", "by publisher"


@dataclass(frozen=True)
class OwnStem:
    """`stem` is the id in hexadecimal; `share_ppm` what the payee has of it; `who` the other payee who withdrew it;
    `may_change` whether this one may withdraw it, or bring it back, now; `misses_new` whether players set up since the
    ledger has its key refuse that."""

    stem: str
    title: str
    artist: str
    share_ppm: int
    state: str
    who: str
    may_change: bool
    misses_new: bool


def own_stems(folder: Folder, payee: str) -> list[OwnStem]:
    """Those of the catalogue in force that pay this payee. Raises `WebRefusal`."""
    try:
        now = Folder(folder.path)  # with the ledger's key as the log has it
        with now.open_store_to_read() as store, store.snapshot():
            works, desk = works_of(store, payee), desk_of(folder, store)
            theirs = listed_by_publisher(store)
    except (OSError, *DATABASE_ERRORS, LedgerError) as error:
        sentence = f"the ledger cannot be read: {' '.join(str(error).split())}"
        raise WebRefusal(503, "LedgerUnreadable", sentence, "try again in a while") from None
    found, now_s = [], int(time.time())
    misses_new = desk.delegation is not None and desk.delegation.ledger != now.public_key
    for work in works:
        who = desk.withdrawn.get(work.stem_id)
        state = SOUNDS if who is None else WITHDRAWN if who == payee else BY_OTHER
        state = BY_PUBLISHER if work.stem_id in theirs else state
        share = sum(share.ppm for share in work.splits if share.payee == payee)
        may_change = state is not BY_PUBLISHER and desk.may_change(work.stem_id, payee, now_s)
        other = who if who and state is BY_OTHER else ""
        told = work.stem_id.hex(), work.title, work.artist, share, state, other
        found.append(OwnStem(*told, may_change, may_change and misses_new))
    return found


def own_stem(folder: Folder, payee: str, stem: str) -> OwnStem:
    """The one of that id. Raises `WebRefusal`."""
    for found in own_stems(folder, payee):
        if found.stem == stem:
            return found
    raise WebRefusal(404, "StemUnknown", "no stem of this id pays you", "the first page lists those that do")


class Changes:
    """Withdrawals by payees. Each is an entry of the log for ever, so nobody brings stems back by the hundred; what
    sounds may always be withdrawn, which that bounds as well."""

    def __init__(self, folder: Folder, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock_s = folder, clock_s
        self._made: dict[str, deque[float]] = {}
        self._asking = threading.Lock()
        self._size_asked = -1

    def ask(self) -> None:
        """Ask the broker for what it keeps of this ledger, as commands that append do: once, and again when the log is
        shorter than it was, as in a folder that was put back. It may take seconds, which a withdrawal has not. Raises
        `LedgerError` and what the store does."""
        with self._asking:
            folder = Folder(self._folder.path)
            with folder.open_store_to_read() as store:
                size = store.size()
            if not 0 <= self._size_asked <= size:
                ask_served(folder)
            self._size_asked = size

    def ask_ahead(self) -> None:
        """The same before anybody waits for it, unless it is being asked; what is wrong with it, `make` says."""
        if self._asking.locked():
            return
        with suppress(LedgerError, OSError, *DATABASE_ERRORS):
            self.ask()

    def make(self, payee: str, stem: str, back: bool) -> bool:
        """Withdraw this stem, or bring it back; whether that changed anything. Raises `WebRefusal`."""
        found = own_stem(self._folder, payee, stem)
        if found.state == BY_PUBLISHER:
            raise WebRefusal(409, "ByPublisher", "the publisher withdrew this stem, and alone brings it back")
        if (found.state == SOUNDS) is back:
            return False
        if back:
            self._check_count(payee)
        try:
            self.ask()
            now_s = int(time.time())
            changed = withdraw_for(Folder(self._folder.path), payee, [bytes.fromhex(stem)], now_s, back=back)
        except OptOutsRefused as error:
            raise WebRefusal(409, "OptOutsRefused", str(error), "write to the operator") from None
        except (LedgerError, OSError, *DATABASE_ERRORS) as error:
            sentence = f"the ledger takes nothing now: {' '.join(str(error).split())}"
            raise WebRefusal(503, type(error).__name__, sentence, "try again, or write to the operator") from None
        if back and changed:
            self._made[payee].append(self._clock_s())
        return changed

    def _check_count(self, payee: str) -> None:
        now_s, made = self._clock_s(), self._made.setdefault(payee, deque())
        while made and now_s - made[0] >= BACK_S:
            made.popleft()
        if len(made) >= BACK_MAX:
            wait_s = round(BACK_S - (now_s - made[0]))
            sentence = f"expected at most {BACK_MAX} stems brought back within {BACK_S // 3600} hours; wait {wait_s} s"
            raise WebRefusal(429, "TooManyChanges", sentence, "or write to the operator")

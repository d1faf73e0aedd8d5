"""Between the courier's loop and the pages' thread: what the loop sees goes out, what people tell players comes in.

Neither waits for the other. The loop leaves a whole behind that any thread may read, and takes what waits in a queue of
bounded length; what became of an input is told on the thread of whoever asked.
"""

import queue
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from amos.protocol.link import STATE_PAUSED, STATE_PLAYING, Status
from amos.score.inputs import INPUT_PAUSE
from amos_sync.clock import clock_ms
from amos_sync.courier import Courier
from amos_sync.pairing import Outcome
from amos_sync.session import Session
from amos_sync.venue.pairs import Pairs, device_of
from amos_sync.venue.pauses import Pauses
from amos_sync.venue.seen import Seen, seen
from amos_sync.watched import Watched

NOTE_MS = 100
"""Between two looks at what has changed: soon enough after an input, and little beside a turn."""

ACTS_MAX = 64
RESUME_AGAIN_S = 10
"""After a player that did not take the end of its pause."""

STILL_MS = 10_000
"""A loop that has not turned for so long does not know what it shows."""

AWAY = "the player is not there; look at its power and its cable"
GONE = "the player went away before it took this; try again"
BUSY = "too much was asked at once; wait some seconds"


@dataclass(frozen=True)
class _Act:
    device_id: str
    kind: int
    value: int
    minutes: int | None
    done: "Future[str | None]"


class Desk:
    """`work` is the loop's alone; everything else is anybody's."""

    def __init__(self, spool: Path, wall_s: Callable[[], float] = time.time):
        self._told: Callable[[Seen], None] = lambda _seen: None
        self._wall_s = wall_s
        self._pauses = Pauses(spool / "web-pauses.json")
        self._acts: queue.Queue[_Act] = queue.Queue(ACTS_MAX)
        self._pairs = Pairs()
        self._wake: Callable[[], None] = lambda: None
        self._resting: set[str] = set()
        self._sessions: dict[str, Session] = {}
        self._receipted: dict[str, tuple[int, int | None]] = {}
        self._noted_ms = self._turned_ms = clock_ms()
        self.seen = Seen("")

    def tell(self, told: Callable[[Seen], None]) -> None:
        """Call `told(seen)` on the loop's thread with each change; it must not wait."""
        self._told = told

    @property
    def is_stale(self) -> bool:
        """Whether the loop stands still, so that nobody knows what holds."""
        return clock_ms() - self._turned_ms > STILL_MS

    def act(self, device_id: str, kind: int, value: int, minutes: int | None = None) -> "Future[str | None]":
        """Have the player take this input; a pause ends by itself after so many minutes, where told. The result is None
        when it did, else the sentence of who refused it."""
        done: Future[str | None] = Future()
        try:
            self._acts.put_nowait(_Act(device_id, kind, value, minutes, done))
        except queue.Full:
            done.set_result(BUSY)
        self._wake()
        return done

    def pair(self, device_id: str, code: str) -> "Future[Outcome]":
        """Have the operator's desk pair this player by a code of six digits."""
        done = self._pairs.ask(device_id, code)
        self._wake()
        return done

    def work(self, courier: Courier) -> None:
        """Once a turn."""
        self._turned_ms = now_ms = clock_ms()
        self._wake = courier.wake
        self._look_on(courier)
        while not self._acts.empty():
            self._give(courier, self._acts.get_nowait())
        self._end_pauses(courier)
        tell_paired = self._pairs.work(courier, now_ms)
        if now_ms - self._noted_ms >= NOTE_MS or tell_paired is not None:
            self._noted_ms = now_ms
            since = {device: when for device, (_last, when) in self._receipted.items() if when is not None}
            found = seen(courier, self._pauses.until_s, since, self._pairs.called)
            if found != self.seen:
                self.seen = found
                self._told(found)
        if tell_paired is not None:
            tell_paired()

    def _look_on(self, courier: Courier) -> None:
        """Watch each session, and tell those who wait for one that is over."""
        present = {device.address: device.session for device in courier.devices if device.session is not None}
        for address, session in list(self._sessions.items()):
            if present.get(address) is not session:
                del self._sessions[address]
                if session.watched is not None:
                    session.watched.end(GONE)
        for address, session in present.items():
            if address not in self._sessions:
                session.watched = Watched()
                self._sessions[address] = session
            if session.status is not None:
                self._note_receipt(session.status.device_id.hex(), session.status.last_receipted)

    def _note_receipt(self, device_id: str, last: int) -> None:
        before, when = self._receipted.get(device_id, (last, None))
        self._receipted[device_id] = last, int(self._wall_s()) if last > before else when

    def _give(self, courier: Courier, act: _Act) -> None:
        if not act.done.set_running_or_notify_cancel():
            return  # whoever asked waits no more
        device = device_of(courier, act.device_id)
        session = None if device is None else device.session
        if device is None or session is None or session.watched is None:
            act.done.set_result(AWAY)
            return

        def told(sentence: str | None) -> None:
            if sentence is None and act.kind == INPUT_PAUSE:
                if act.minutes is None:
                    self._pauses.over(act.device_id)
                else:
                    self._resting.discard(act.device_id)  # its status is still that of before
                    self._pauses.begin(act.device_id, int(self._wall_s()) + 60 * act.minutes)
            act.done.set_result(sentence)

        if not session.watched.ask(act.kind, act.value, told):
            act.done.set_result(BUSY)
            return
        device.wake()

    def _end_pauses(self, courier: Courier) -> None:
        for device_id, until_s in list(self._pauses.until_s.items()):
            device = device_of(courier, device_id)
            if device is None or device.session is None or device.session.watched is None:
                continue
            if self._went_on(device_id, device.session.status):
                self._pauses.over(device_id)
                continue
            if self._wall_s() < until_s:
                continue
            # Asked again in a while, unless it is over by then.
            self._pauses.until_s[device_id] = int(self._wall_s()) + RESUME_AGAIN_S
            if device.session.watched.ask(INPUT_PAUSE, 0, partial(self._ended, device_id)):
                device.wake()

    def _went_on(self, device_id: str, status: Status | None) -> bool:
        """Whether it rested and plays again: somebody else has ended its pause, or it was switched off and on."""
        if status is None or status.state not in (STATE_PAUSED, STATE_PLAYING):
            return False
        rested = device_id in self._resting
        self._resting.discard(device_id)
        if status.state == STATE_PAUSED:
            self._resting.add(device_id)
            return False
        return rested

    def _ended(self, device_id: str, refused: str | None) -> None:
        if refused is None:
            self._pauses.over(device_id)

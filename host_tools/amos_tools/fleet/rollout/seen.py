"""What the desk sees of a player: one moment, and what follows from one moment to the next. Nothing waits here."""

from dataclasses import dataclass

from amos.protocol.link import (
    OUTPUT_LOST,
    OUTPUT_SILENT,
    STATE_PAUSED,
    STATE_PLAYING,
    STATES,
    Status,
)
from amos.protocol.segment import PACES

RATIO_SPAN_MS = 2000
"""Less play than this says little: a player renders a block of a tenth of a second at a time."""

_FREE = PACES.index("free")


@dataclass(frozen=True)
class Seen:
    """One player at one moment. What a player or its courier says is signed by nobody, and is about that player only.

    wanted_serial, wanted_pack   of the operator's directive that the broker retains, signed; None: none, or no pack
    connected                    there is a status of it, and its courier is there
    serial, pack                 of the directive and the pack that its status says it has
    refused                      why it refused the directive that came last
    pack_refused                 which pack, under which directive, and why, as its courier says
    silent, silent_ms            why it plays nothing, and for how long; None: it plays, or pauses
    unheard_ms                   for how long nothing was heard of it, of the time that the desk listened
    by_earlier_key               an earlier key of the operator's signed what the broker retains, and this one nothing
    """

    wanted_serial: int | None = None
    wanted_pack: str | None = None
    connected: bool = False
    serial: int | None = None
    pack: str | None = None
    refused: str | None = None
    pack_refused: tuple[str, int, str] | None = None
    silent: str | None = None
    silent_ms: int = 0
    unheard_ms: int = 0
    by_earlier_key: bool = False


@dataclass(frozen=True)
class _Place:
    boot: int
    session: int
    frame: int
    uptime_ms: int


class Watch:
    """One player from one moment to the next: for how long it is silent, and not heard of."""

    def __init__(self, real_time_percent: int) -> None:
        self.silent: str | None = None
        self.silent_ms = 0
        self.unheard_ms = 0
        self._real_time_percent = real_time_percent
        self._slow: str | None = None
        self._last: Status | None = None
        self._mark: tuple[int, int] | None = None
        self._from: _Place | None = None

    def begin_anew(self) -> None:
        """The desk was not connected: what it missed, nobody knows."""
        self.unheard_ms, self._from, self._slow = 0, None, None

    def hear(self, status: Status | None, elapsed_ms: int) -> None:
        """The status that there is at the moment, so long after the moment before."""
        self.unheard_ms += elapsed_ms
        self.silent_ms += elapsed_ms if self.silent is not None else 0
        if status is self._last:
            return
        self._last = status
        if status is None:
            self._from = self._slow = None
            self._say(None)
            return
        # The broker repeats what it retains: the same words again are no sign of life.
        mark = (status.boot, status.uptime_ms)
        if mark != self._mark:
            self._mark, self.unheard_ms = mark, 0
        self._say(self._silence(status))

    def _say(self, silent: str | None) -> None:
        self.silent = silent
        if silent is None:
            self.silent_ms = 0

    def _silence(self, status: Status) -> str | None:
        self._measure(status)
        if status.state == STATE_PAUSED:
            return None
        if status.state != STATE_PLAYING:
            return f"is {STATES[status.state]}"
        if status.output == OUTPUT_SILENT:
            return "plays nothing but zeros"
        if status.output == OUTPUT_LOST:
            return "has lost its output"
        return self._slow

    def _measure(self, status: Status) -> None:
        """How fast it plays, from one status of a session to another, with no pause in between that was told."""
        if status.state != STATE_PLAYING or not status.rate_hz or status.pace == _FREE:
            self._from = self._slow = None
            return
        here, start = _Place(status.boot, status.session, status.frame, status.uptime_ms), self._from
        same = start is not None and (start.boot, start.session) == (here.boot, here.session)
        if start is None or not same or here.uptime_ms < start.uptime_ms or here.frame < start.frame:
            self._from, self._slow = here, None
            return
        span_ms = here.uptime_ms - start.uptime_ms
        if span_ms < RATIO_SPAN_MS:
            return
        percent = (here.frame - start.frame) * 100_000 // (status.rate_hz * span_ms)
        self._slow = f"plays at {percent} % of real time" if percent < self._real_time_percent else None
        self._from = here

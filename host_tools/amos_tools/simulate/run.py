"""Drives VM and meter through hours of play, without sources, mixer or output. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from amos.score.score import Score
from amos.score.vm import Vm
from amos.sound.envelope import CELL_FRAMES
from amos.sound.events import Level, Section, Start, Stop, Volume
from amos.sound.meter import PLACEMENTS_MAX, Meter
from amos.sound.mixer import LOOKAHEAD_FRAMES
from amos_tools.pack.profile import Profile
from amos_tools.pack.shape_loss import Loss
from amos_tools.simulate.inputs import TimedInput, in_order

HOURS_MAX = 24 * 366
STEP_S_MAX = 30

Event = Start | Stop | Level | Section | Volume
Row = tuple[int, int, int, int]
"""(stem, start frame, frames, flags), as `Meter` gives it."""


class SimStem(NamedTuple):
    """What the VM and a report know of a stem of the pack's table; `frames` and `gain_q15` are those of the pack.

    `profile`: how loud the pack's samples are, and `loss`: what a shape takes of them at most, where somebody asks for
    that.
    """

    frames: int
    gain_q15: int
    role: str
    title: str
    artist: str
    profile: Profile | None = None
    loss: Loss | None = None


class Step(NamedTuple):
    """A stretch of play that has been metered: frames `first` .. `until` - 1.

    ended    rows of the placements that ended in it; each row of the run comes once
    open     rows of what still sounds at `until`, up to there
    vm       read-only
    """

    first: int
    until: int
    ended: list[Row]
    open: list[Row]
    vm: Vm


class Watcher(Protocol):
    """What gathers something of a run: told everything, then that it is over."""

    def event(self, event: Event) -> None: ...

    def step(self, step: Step) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Totals:
    """What the meter of a player would have signed for: `stem_frames` by index of the stem table."""

    frames: int
    silent_frames: int
    stem_frames: tuple[int, ...]
    memory: bytes
    """Where the next session with this score may start from."""


def simulate(
    score: Score,
    stems: Sequence[SimStem],
    seed: bytes,
    hours: int | float | Fraction,
    on_event: Callable[[Event], None] | None = None,
    *,
    inputs: Sequence[TimedInput] = (),
    memory: bytes | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Totals:
    """Play `score` for `hours` from frame 0 and meter it.

    on_event   called with every VM event before the end, in order
    on_step    called for every stretch metered, at most `STEP_S_MAX` seconds long
    seed       32 bytes; `seed32` makes them of a number

    What is kept does not grow with the hours. Raises `ScoreError`, `InputRefused`, ValueError for hours out of bounds.
    """
    if not 0 < hours <= HOURS_MAX:
        raise ValueError(f"hours: expected more than 0 and at most {HOURS_MAX}, found {hours}")
    end = frames_in(hours, score.rate_hz)
    vm = Vm(score, [stem.frames for stem in stems], [stem.gain_q15 for stem in stems], seed, memory)
    meter = Meter(score.voices)
    stem_frames = [0] * len(stems)
    pending = in_order(inputs)
    given = 0
    step = step_frames(score)
    first = 0
    while first < end:
        until = min(end, first + step)
        # The VM decides one cell further than is delivered, as the mixer's look-ahead makes it do on a player.
        horizon = until + LOOKAHEAD_FRAMES
        while given < len(pending) and pending[given].frame < horizon:
            vm.input(pending[given].kind, pending[given].value, pending[given].frame)
            given += 1
        for event in vm.advance(horizon):
            if event.frame < end:
                _meter_event(meter, event)
                if on_event is not None:
                    on_event(event)
        if until < end:
            meter.delivered(until)
        else:
            meter.abort(until)
        ended = meter.take_ended()
        for stem, _start, frames, _flags in ended:
            stem_frames[stem] += frames
        if on_step is not None:
            on_step(Step(first, until, ended, meter.open_rows(), vm))
        first = until
    return Totals(end, meter.silent_frames, tuple(stem_frames), vm.memory())


def watch(
    score: Score,
    stems: Sequence[SimStem],
    seed: bytes,
    hours: int | float | Fraction,
    watchers: Sequence[Watcher],
    inputs: Sequence[TimedInput] = (),
) -> Totals:
    """`simulate` with watchers."""

    def on_event(event: Event) -> None:
        for watcher in watchers:
            watcher.event(event)

    def on_step(step: Step) -> None:
        for watcher in watchers:
            watcher.step(step)

    totals = simulate(score, stems, seed, hours, on_event, inputs=inputs, on_step=on_step)
    for watcher in watchers:
        watcher.finish()
    return totals


def frames_in(hours: int | float | Fraction, rate_hz: int) -> int:
    """Whole frames in so many hours."""
    return int(Fraction(hours) * 3600 * rate_hz)


def _meter_event(meter: Meter, event: Any) -> None:
    if isinstance(event, Start):
        meter.start(event)
    elif isinstance(event, Stop):
        meter.stop(event)


def step_frames(score: Score) -> int:
    """So short that the meter can hold the rows of a step: a voice starts at most one stem a beat, if not skipped."""
    beats = PLACEMENTS_MAX // (4 * score.voices)
    tempo_mbpm = max(score.tempo_of(section) for section in score.sections)
    frames = min(STEP_S_MAX * score.rate_hz, beats * score.rate_hz * 60_000 // tempo_mbpm)
    return max(CELL_FRAMES, frames // CELL_FRAMES * CELL_FRAMES)

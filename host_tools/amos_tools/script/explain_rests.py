"""Why a layer rests that plays `once` or `until bar`, why a section waits or has come, and what the day does."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amos.score.day_plan import DayPlan
from amos.score.day_sliders import DAY_SLIDER_FIELDS
from amos.score.expression import evaluate
from amos.score.score import Layer, Score, Slider
from amos.score.slots import Run, Slot
from amos.score.vm import Vm
from amos.sound.limiter import UNITY_Q15
from amos_tools.script.compile import Compiled
from amos_tools.script.times import moment, time_of
from amos_tools.simulate.run import SimStem
from amos_tools.stems import ROLES


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A step that was drawn where it had waited for visits: from section `before`, after so many."""

    before: int
    visits: int


class WatchedVm(Vm):
    """A VM that tells, where its time is, what rests in it, and which steps wait for visits."""

    def __init__(self, score: Score, stems: Sequence[SimStem], seed: bytes):
        Vm.__init__(self, score, [stem.frames for stem in stems], [stem.gain_q15 for stem in stems], seed)
        self._drawn: _Drawn | None = None  # not yet taken
        self._came: _Drawn | None = None  # how the section that plays was entered, over a bridge too
        self._led = False  # whether the day led there

    def _step(self, frame: int, events: list[Any]) -> None:
        before, visit = self.section, self.visit
        visits = self._conductor.visits[before]
        world = self._world()
        Vm._step(self, frame, events)
        again = self.visit != visit and self.section == before
        if visits and self._conductor.visits[before] < visits + again:
            self._drawn = _Drawn(before, visits)
        if self.visit != visit:
            self._came, self._drawn = self._drawn, None
            self._led = self._world() == self.section != world

    def told(self, compiled: Compiled, frame: int, played: Mapping[int, Sequence[str]]) -> list[str]:
        """Paragraphs about `frame`, the last that was advanced over: what rests, what waits for visits, and what came.

        `played`: what each layer of the section has played in this visit.
        """
        told = [*self._rests(compiled, frame, played), *self._arrival(compiled), *self._steps_that_wait(compiled)]
        down_db = -20 * math.log10(self._day.turned(UNITY_Q15) / UNITY_Q15)
        told += [f"volume: the day turns all down by {down_db:.1f} dB"] if down_db else []
        return told if self.score.day_sliders is None else [*told, *self._curves(self.score.day_sliders)]

    def _curves(self, table: Sequence[int]) -> Iterator[str]:
        """Of each slider that a curve of the day moves, and no daypart sets: where it is, and on which way."""
        for slider, value, row, by_hand in zip(
            self.score.sliders, self.slider_values(), self._day.rows, self._sliders.by_hand, strict=True
        ):
            if row >= 0:
                _days, begin, end, _slider, one, other = table[row : row + DAY_SLIDER_FIELDS]
                way = f"goes from {_at(slider, one, begin)} to {_at(slider, other, end)}"
                way = f"stays at {_units(slider, one)}" if one == other else way
                why = f"set by hand, until {time_of(end)} at the latest; " if by_hand else ""
                yield f"slider {slider.name}: {value / 32768:.3g}\n  why         {why}its curve of the day {way}"

    def _world(self) -> int:
        return self._day.world if isinstance(self._day, DayPlan) else 0

    def until_frame(self, layer: int) -> int | None:
        """Where this layer of the section that plays stops before its section does."""
        beats = self._layers()[layer].until_beats
        return None if beats is None else self._stage.clock.frame(self._stage.start_beat + beats)

    def _layers(self) -> list[Layer]:
        return self.score.sections[self.section].layers

    def _rests(self, compiled: Compiled, frame: int, played: Mapping[int, Sequence[str]]) -> Iterator[str]:
        for run in self._stage.runs:
            layer = run.layer
            if layer.once or layer.until_beats:
                silent = [slot for slot in run.slots if slot.end <= frame and slot.fading_end <= frame]
                if silent:
                    yield (
                        f"rests: {ROLES[layer.role]} from {compiled.pools[layer.pool]} in section "
                        f"{compiled.sections[self.section]} (visit {self.visit + 1})\n"
                        f"  why         {self._why(run, silent, frame, played.get(run.index, ()))}"
                    )

    def _why(self, run: Run, silent: Sequence[Slot], frame: int, played: Sequence[str]) -> str:
        layer, rate = run.layer, self.score.rate_hz
        entry = self._stage.clock.frame(self._stage.start_beat + layer.enter_beats)
        if (until := self.until_frame(run.index)) is not None and run.over:
            return f"it plays until bar {_bar(self.score, layer)}, which began at {moment(until, rate)}"
        if all(slot.rests for slot in silent):
            return f"it plays once a visit, and has: {', '.join(played)}"
        if entry > frame:
            return f"it enters at {moment(entry, rate)}"
        due = min(slot.due_frame for slot in silent if not slot.rests)
        if due >= self._stage.clock.frame(self._stage.end_beat):
            return "nothing began at its points, and none is left in this visit"
        return f"nothing began at its last point, by chance or a rule; the next is at {moment(due, rate)}"

    def _steps_that_wait(self, compiled: Compiled) -> Iterator[str]:
        nexts = self.score.sections[self.section].nexts
        if not any(item.after_visits for item in nexts):
            return
        name, visits = compiled.sections[self.section], self._conductor.visits[self.section]
        values = self._sliders.values(self.frame)
        reached = [visits >= (item.after_visits or 0) for item in nexts]
        weighs = [evaluate(item.weight, values) > 0 for item in nexts]
        holds = [item.when is None or bool(evaluate(item.when, values)) for item in nexts]
        free = not any(all(facts) for facts in zip(reached, weighs, holds, strict=True))
        for item, come, held in zip(nexts, reached, holds, strict=True):
            if not item.after_visits:
                continue
            if free:
                why = "may follow, for nothing else may"
            elif not come:
                why = "waits"
            else:
                why = "may follow" if held else "may not follow, for its condition does not hold"
            yield (
                f"next: {compiled.sections[item.section]} after {_visits(item.after_visits)} of {name}\n"
                f"  why         this is visit {visits} that counts: it {why}"
            )

    def _arrival(self, compiled: Compiled) -> Iterator[str]:
        head = f"section {compiled.sections[self.section]} (visit {self.visit + 1})\n  why         "
        if self._came is not None:
            yield f"{head}drawn after {_visits(self._came.visits)} of {compiled.sections[self._came.before]}"
        if self._led:
            leading = [part.name for part in compiled.dayparts if part.section == self.section]
            yield head + (f"the day leads here: {', '.join(leading)}" if leading else "no daypart leads elsewhere now")


def _at(slider: Slider, position_q15: int, minute: int) -> str:
    return f"{_units(slider, position_q15)} at {time_of(minute)}"


def _units(slider: Slider, position_q15: int) -> str:
    return f"{slider.value(position_q15) / 32768:.3g}"


def _visits(count: int) -> str:
    return f"{count} visit{'s' * (count != 1)}"


def _bar(score: Score, layer: Layer) -> int:
    return (layer.until_beats or 0) // score.beats_per_bar + 1


def rest_lines(layer: Layer, score: Score, until_frame: int | None) -> list[str]:
    """What a placement's story says of its layer; `until_frame`: where the layer stops in this visit, if known."""
    lines = ["  once        its layer begins nothing more in this visit"] if layer.once else []
    if layer.until_beats is not None:
        at = "" if until_frame is None else f", at {moment(until_frame, score.rate_hz)}"
        lines.append(f"  until       bar {_bar(score, layer)}{at}")
    return lines

"""A run in a fixed number of columns: what a picture of it needs, however long it is. Pure."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from amos.score.score import Score
from amos.sound.events import Section, Volume
from amos.sound.limiter import UNITY_Q15
from amos_tools.simulate.run import Event, Step
from amos_tools.simulate.vm_view import slider_shares

COLUMNS = 1200
DENSE_COLUMNS = 300
DENSE_FROM_S = 20
"""Where a column would hold a placement or two, fewer and wider ones show how much a stem plays instead of noise."""


class Day:
    """Shares of each column's frames: of stems (stems, columns), sections and sliders alike, each 0 .. 1.

    `turns` counts those of the volume. Give it every event and every step of a run of `frames` frames, then `finish()`.
    """

    def __init__(self, score: Score, stems: int, frames: int) -> None:
        columns = COLUMNS if frames <= COLUMNS * DENSE_FROM_S * score.rate_hz else DENSE_COLUMNS
        self.columns = max(1, min(columns, frames))
        self._frames = frames
        self._edges = [column * frames // self.columns for column in range(self.columns + 1)]
        self._stem_frames = np.zeros((stems, self.columns), np.int64)
        self._section_frames = np.zeros((len(score.sections), self.columns), np.int64)
        self._slider_sums = np.zeros((len(score.sliders), self.columns))
        self._section: tuple[int, int] | None = None
        self._volume_sums = np.zeros(self.columns)
        self._turned = (0, UNITY_Q15)  # the frame of the latest turn of the volume, and to what
        self.turns = 0

    def event(self, event: Event) -> None:
        """Take one event of the VM."""
        if isinstance(event, Section):
            self._leave_section(event.frame)
            self._section = (event.section, event.frame)
        elif isinstance(event, Volume):
            self._turn(event.frame, event.gain_q15)

    def step(self, step: Step) -> None:
        """Take one stretch of play."""
        for stem, start, frames, _flags in step.ended:
            self._add(self._stem_frames[stem], start, start + frames)
        for slider, share in enumerate(slider_shares(step.vm)):
            for column, frames in self._split(step.first, step.until):
                self._slider_sums[slider, column] += share * frames

    def finish(self) -> None:
        """The run is over."""
        self._leave_section(self._frames)
        self._section = None
        self._turn(self._frames, UNITY_Q15)
        self.turns -= 1

    def volume_db(self) -> NDArray[np.float64]:
        """Of each column, of the operator and of the day together."""
        decibels: NDArray[np.float64] = self._volume_sums / self._widths()
        return decibels

    def stem_shares(self) -> NDArray[np.float64]:
        return self._stem_frames / self._widths()

    def section_shares(self) -> NDArray[np.float64]:
        return self._section_frames / self._widths()

    def slider_means(self) -> NDArray[np.float64]:
        return self._slider_sums / self._widths()

    def _turn(self, frame: int, gain_q15: int) -> None:
        since, before_q15 = self._turned
        for column, frames in self._split(since, frame):
            self._volume_sums[column] += 20 * math.log10(before_q15 / UNITY_Q15) * frames
        self._turned = frame, gain_q15
        self.turns += 1

    def _widths(self) -> NDArray[np.int64]:
        edges = np.array(self._edges, np.int64)
        return edges[1:] - edges[:-1]

    def _leave_section(self, frame: int) -> None:
        if self._section is not None:
            section, entered = self._section
            self._add(self._section_frames[section], entered, frame)

    def _add(self, row: NDArray[np.int64], start: int, end: int) -> None:
        for column, frames in self._split(start, end):
            row[column] += frames

    def _split(self, start: int, end: int) -> Iterable[tuple[int, int]]:
        """(column, frames) of the stretch `start` .. `end`."""
        column = start * self.columns // self._frames
        while start < end and column < self.columns:
            until = min(end, self._edges[column + 1])
            if until > start:
                yield column, until - start
                start = until
            column += 1

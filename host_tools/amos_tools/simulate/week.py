"""A week as a score has it: what the parts and curves of each day set, and where they lead, as a calendar. SVG 1.1 by
hand."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import NamedTuple

from amos.score.day_sliders import DAY_SLIDER_FIELDS
from amos.score.score import DAY_SECTION_FIELDS, Score

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "holiday")
MINUTES = 1440
LEFT, TOP, COLUMN, HOUR = 44, 24, 130, 22
LINE, LETTERS_A_LINE = 14, 20
COLOURS = ("a", "b", "c", "d", "e", "f")
"""Classes; what is the same has the same, and says so in words too."""


@dataclass(frozen=True)
class Held:
    """From one minute of a day (0: Monday … 6: Sunday, 7: a holiday) until before another the same holds: `words`."""

    day: int
    from_minute: int
    until_minute: int
    words: tuple[str, ...]


def week_of(score: Score) -> list[Held]:
    """Where something holds, in order. Of rows that cover the same time the first holds, as for the player."""
    found: list[Held] = []
    for day in range(len(DAYS)):
        edges = sorted({0, MINUTES, *_edges(score, day)})
        for first, until in pairwise(edges):
            words = _words(score, day, first, until)
            if words and found and (found[-1].day, found[-1].until_minute, found[-1].words) == (day, first, words):
                found[-1] = Held(day, found[-1].from_minute, until, words)
            elif words:
                found.append(Held(day, first, until, words))
    return found


STYLE = (
    "<style>text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#222}.title{font-weight:600}.axis{stroke:#999}"
    ".held{stroke:#264653;fill:#e8eef4}.b{fill:#e3f1e6}.c{fill:#f6efd9}.d{fill:#f6e3da}.e{fill:#ece3f3}.f{fill:#e2f2f2}"
    "</style>"
)
"""Of a picture that stands alone; a page has its own."""


def week_svg(held: Sequence[Held], title: str, style: str = "") -> str:
    """The calendar. A holiday has a column where it is no day like Sunday."""
    days = [day for day in range(len(DAYS)) if day < 7 or _of(held, 7) != _of(held, 6)]
    width, height = LEFT + COLUMN * len(days), TOP + 24 * HOUR + 8
    kinds = {words: COLOURS[number % len(COLOURS)] for number, words in enumerate(dict.fromkeys(h.words for h in held))}
    parts = []
    for hour in range(0, 25, 3):
        y = TOP + hour * HOUR
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{hour:02}:00</text>')
        parts.append(f'<line class="axis" x1="{LEFT}" y1="{y}" x2="{width}" y2="{y}"/>')
    for column, day in enumerate(days):
        x = LEFT + column * COLUMN
        parts.append(f'<text class="title" x="{x + 6}" y="{TOP - 8}">{DAYS[day]}</text>')
        for item in held:
            if item.day == day:
                parts += _box(item, x, kinds[item.words])
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="week" role="img" {size}><title>{escape(title)}</title>{style}'
    )
    return f"{head}{''.join(parts)}</svg>"


def _box(item: Held, x: int, kind: str) -> list[str]:
    y, tall = TOP + item.from_minute * HOUR / 60, (item.until_minute - item.from_minute) * HOUR / 60
    told = f"{_clock(item.from_minute)}–{_clock(item.until_minute)} {', '.join(item.words)}"
    rect = f'<rect class="held {kind}" x="{x + 2}" y="{y:g}" width="{COLUMN - 4}" height="{tall:g}" rx="3">'
    parts = [f"{rect}<title>{DAYS[item.day]} {escape(told)}</title></rect>"]
    lines = [line for word in (_clock(item.from_minute), *item.words) for line in _wrapped(word)]
    for number, line in enumerate(lines[: int(tall / LINE)]):
        parts.append(f'<text x="{x + 8}" y="{y + 12 + number * LINE:g}">{escape(line)}</text>')
    return parts


def _edges(score: Score, day: int) -> Iterable[int]:
    for part in score.dayparts or ():
        if part.days >> day & 1:
            yield from (part.from_minute, part.until_minute)
    for days, first, until, _section in _day_sections(score):
        if days >> day & 1:
            yield from (first, until)
    for row in _day_sliders(score):
        if row.days >> day & 1:
            yield from (row.first, row.until % MINUTES)


def _words(score: Score, day: int, minute: int, until: int) -> tuple[str, ...]:
    """What holds on a day from one minute until another, between which there is no edge."""
    positions: dict[int, list[int]] = {}
    for part in score.dayparts or ():
        if part.days >> day & 1 and part.from_minute <= minute < part.until_minute:
            positions.setdefault(part.slider, [part.position_q15])
    for row in _day_sliders(score):
        begins = minute if minute >= row.first else minute + MINUTES
        if row.days >> day & 1 and row.first <= begins < row.until:
            positions.setdefault(row.slider, [row.at(begins), row.at(begins + until - minute)])
    found = []
    for index, stretch in sorted(positions.items()):
        slider = score.sliders[index]
        values = [f"{slider.value(position) / 32768:.3g}" for position in stretch]
        found.append(f"{slider.name} {' to '.join(dict.fromkeys(values))}")
    for days, first, until, section in _day_sections(score):
        if days >> day & 1 and first <= minute < until:
            return (f"→ {score.sections[section].name}", *found)
    return tuple(found)


def _day_sections(score: Score) -> list[Sequence[int]]:
    rows = list(score.day_sections or ())
    return [rows[at : at + DAY_SECTION_FIELDS] for at in range(0, len(rows), DAY_SECTION_FIELDS)]


class _Row(NamedTuple):
    days: int
    first: int
    until: int
    slider: int
    position_q15: int
    then_q15: int

    def at(self, minute: int) -> int:
        """Position there, from `first` to `until`."""
        rise = self.then_q15 - self.position_q15
        return self.position_q15 + rise * (minute - self.first) // (self.until - self.first)


def _day_sliders(score: Score) -> list[_Row]:
    rows = list(score.day_sliders or ())
    return [_Row(*rows[at : at + DAY_SLIDER_FIELDS]) for at in range(0, len(rows), DAY_SLIDER_FIELDS)]


def _of(held: Sequence[Held], day: int) -> list[tuple[int, int, tuple[str, ...]]]:
    return [(item.from_minute, item.until_minute, item.words) for item in held if item.day == day]


def _wrapped(word: str) -> list[str]:
    """Lines that break at spaces: half a number is another number."""
    return textwrap.wrap(word, LETTERS_A_LINE, break_on_hyphens=False)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"

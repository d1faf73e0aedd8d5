"""The day as a picture: a row for each stem in the lane of its role; what happens stands above, loudness and sliders
below.

A row's ink darkens with the share of its column in which the stem sounds (its root, in `LEVELS` steps: most shares of a
day are small): at an hour single placements are seen, at a day their density.
"""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from amos.score.score import Score
from amos_tools.simulate.day import Day
from amos_tools.simulate.drawing import (
    ANNOUNCED_COLOUR,
    CURVE,
    DAYPART_COLOUR,
    GAP,
    INPUT_COLOUR,
    LEFT,
    ROLE_COLOURS,
    SECTION_COLOURS,
    WIDTH,
    Canvas,
)
from amos_tools.simulate.loudness import LoudnessCurve
from amos_tools.simulate.marks import NO_MARKS, Mark, Marks
from amos_tools.simulate.names import Names
from amos_tools.simulate.run import SimStem
from amos_tools.simulate.tally import Tally
from amos_tools.stems import ROLES

LEVELS = 8
ROWS_OF_A_ROLE_MAX = 16
ROW, BAND = 12, 44
LABEL_LETTERS = 20
VOLUME_DB = 24
"""How far down the curve of the volume shows."""


def day_svg(
    score: Score,
    stems: Sequence[SimStem],
    tally: Tally,
    day: Day,
    subtitle: str,
    from_second: int | None = None,
    marks: Marks = NO_MARKS,
    loudness: LoudnessCurve | None = None,
) -> str:
    """The picture as one SVG document.

    from_second  of a day it begins; None: the hours count from 0
    loudness     of equal stretches of the run
    """
    canvas = Canvas(0, tally.frames, score.rate_hz, from_second)
    canvas.spans("parts of the day", marks.dayparts, DAYPART_COLOUR)
    canvas.marks("announcements", [Mark(span.first, span.text) for span in marks.announcements], ANNOUNCED_COLOUR)
    canvas.marks("inputs", marks.inputs, INPUT_COLOUR)
    _section_band(canvas, score, day)
    names = Names([stem.title for stem in stems])
    for role in ROLES:
        _lane(canvas, role, stems, names, tally, day)
    if loudness is not None:
        canvas.loudness(loudness, score.target_mlufs / 1000)
    if day.turns:
        _curve(canvas, "volume", np.clip(1 + day.volume_db() / VOLUME_DB, 0, 1), (0, -VOLUME_DB))
    for number, slider in enumerate(score.sliders):
        _curve(canvas, slider.name, day.slider_means()[number])
    canvas.ticks()
    canvas.legend(
        (SECTION_COLOURS[number % len(SECTION_COLOURS)], f"{section.name} {found.frames / max(1, tally.frames):.0%}")
        for number, (section, found) in enumerate(zip(score.sections, tally.sections, strict=True))
    )
    return canvas.document(score.name, subtitle)


def _section_band(canvas: Canvas, score: Score, day: Day) -> None:
    """Each column filled from the bottom up with the shares of the sections in it."""
    y = canvas.y
    canvas.label("sections", y + BAND // 2 + 4)
    tops = np.cumsum(day.section_shares(), axis=0) * BAND
    bottoms = np.vstack([np.zeros(day.columns), tops[:-1]])
    for section, (low, high) in enumerate(zip(np.rint(bottoms), np.rint(tops), strict=True)):
        path = "".join(
            f"M{_across(first, day.columns)} {y + BAND - int(high[first])}h{_wide(end - first, day.columns)}"
            f"v{int(high[first] - low[first])}h{_wide(first - end, day.columns)}z"
            for first, end in _runs(low * (BAND + 1) + high)
            if high[first] > low[first]
        )
        if path:
            name = escape(score.sections[section].name)
            colour = SECTION_COLOURS[section % len(SECTION_COLOURS)]
            canvas.add(f'<path d="{path}" fill="{colour}"><title>{name}</title></path>')
    canvas.y += BAND + GAP


def _lane(canvas: Canvas, role: str, stems: Sequence[SimStem], names: Names, tally: Tally, day: Day) -> None:
    """The rows of one role, most played first; what is beyond `ROWS_OF_A_ROLE_MAX` shares the last row."""
    found = [index for index, stem in enumerate(stems) if stem.role == role]
    found.sort(key=lambda index: (-tally.by_stem[index].frames, index))
    if not found:
        return
    y = canvas.y
    shares = day.stem_shares()
    kept = found if len(found) <= ROWS_OF_A_ROLE_MAX else found[: ROWS_OF_A_ROLE_MAX - 1]
    rows = [(names.within(index, LABEL_LETTERS), shares[index]) for index in kept]
    if len(kept) < len(found):
        rows.append((f"{len(found) - len(kept)} others", np.minimum(shares[found[len(kept) :]].sum(axis=0), 1)))
    colour = ROLE_COLOURS[ROLES.index(role)]
    height = ROW * len(rows)
    canvas.add(f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{height}" fill="{colour}" fill-opacity=".05"/>')
    canvas.add(f'<text x="8" y="{y + 9}" style="fill:{colour};font-weight:600">{role}</text>')
    for row, (title, share) in enumerate(rows):
        top = y + ROW * row
        canvas.label(title, top + 9, "label small")
        for level, path in _ink(share, top):
            opacity = f"{0.15 + 0.85 * level / LEVELS:.2f}"
            canvas.add(f'<path d="{path}" fill="{colour}" fill-opacity="{opacity}"/>')
    canvas.y += height + GAP


def _ink(share: NDArray[np.float64], top: int) -> Iterator[tuple[int, str]]:
    """(level, path) of a row: rectangles over the columns of that level, 1 .. LEVELS."""
    levels = np.ceil(np.sqrt(share) * LEVELS - 1e-9).astype(int)
    paths: dict[int, list[str]] = {}
    for first, end in _runs(levels):
        if levels[first] > 0:
            rectangle = (
                f"M{_across(first, len(levels))} {top + 1}h{_wide(end - first, len(levels))}"
                f"v{ROW - 2}h{_wide(first - end, len(levels))}z"
            )
            paths.setdefault(int(levels[first]), []).append(rectangle)
    for level, rectangles in sorted(paths.items()):
        yield level, "".join(rectangles)


def _across(column: int, columns: int) -> str:
    """Where a column begins, in pixels from the left of the run."""
    return f"{LEFT + column * WIDTH / columns:.6g}"


def _wide(columns_in: int, columns: int) -> str:
    return f"{columns_in * WIDTH / columns:.6g}"


def _runs(values: NDArray[np.float64] | NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """(first, end) of each run of equal values."""
    borders = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    yield from pairwise(borders)


def _curve(canvas: Canvas, name: str, means: NDArray[np.float64], decibels: tuple[int, int] | None = None) -> None:
    """Shares of the whole height; `decibels`: what top and bottom are."""
    y = canvas.y
    canvas.label(name, y + CURVE // 2 + 4)
    for value, at in zip(decibels or (), (y + 9, y + CURVE - 2), strict=False):
        canvas.add(f'<text x="{LEFT + WIDTH + 3}" y="{at}" class="small">{value}</text>')
    if decibels is not None:
        canvas.label("dB", y + CURVE // 2 + 17, "label small")
    canvas.add(f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{CURVE}" fill="#000" fill-opacity=".03"/>')
    points = []
    for first, end in _runs(np.round(means * (CURVE - 4), 1)):
        height = y + CURVE - 2 - round(float(means[first]) * (CURVE - 4), 1)
        points += [f"{_across(first, len(means))},{height:g}", f"{_across(end, len(means))},{height:g}"]
    canvas.add(f'<polyline points="{" ".join(points)}" fill="none" stroke="#222" stroke-width="1.2"/>')
    canvas.y += CURVE + GAP

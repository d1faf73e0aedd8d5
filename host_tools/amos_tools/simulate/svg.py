"""The day as a picture: one row for each stem in the lane of its role, sections above, sliders below. SVG 1.1 by hand.

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
from amos_tools.simulate.run import SimStem
from amos_tools.simulate.tally import Tally
from amos_tools.stems import ROLES

LEVELS = 8
ROWS_OF_A_ROLE_MAX = 16
LEFT, RIGHT, TOP = 190, 20, 62
WIDTH = 1200
"""Pixels of the whole run; a column is as many as fit."""
ROW, GAP, BAND, CURVE = 12, 8, 44, 40
ROLE_COLOURS = ("#c2410c", "#7c3aed", "#0f766e", "#1d4ed8", "#b45309", "#be185d", "#4b5563")
SECTION_COLOURS = ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#8ab17d", "#6d6875", "#b5838d", "#577590")
_TICKS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 604800)
_TICKS_MAX = 26
_STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#222}.small{font-size:10px;fill:#555}.title{font-size:16px;"
    "font-weight:600}.grid{stroke:#000;stroke-opacity:.12}.label{text-anchor:end}"
)


def day_svg(
    score: Score, stems: Sequence[SimStem], tally: Tally, day: Day, subtitle: str, from_second: int | None = None
) -> str:
    """The picture as one SVG document. `from_second` of a day it begins; None: the hours count from 0."""
    body: list[str] = []
    width = LEFT + WIDTH + RIGHT
    y = TOP
    y = _section_band(body, score, day, y)
    for role in ROLES:
        y = _lane(body, role, stems, tally, day, y)
    for number, slider in enumerate(score.sliders):
        y = _curve(body, slider.name, day.slider_means()[number], y)
    _ticks(body, tally.frames / score.rate_hz, from_second, y)
    y = _legend(body, score, tally, y + 26, width)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}">',
        f"<title>{escape(score.name)}</title><style>{_STYLE}</style>",
        f'<rect width="{width}" height="{y}" fill="#fff"/>',
        f'<text x="20" y="26" class="title">{escape(score.name)}</text>',
        f'<text x="20" y="44" class="small">{escape(subtitle)}</text>',
    ]
    return "\n".join([*head, *body, "</svg>", ""])


def _section_band(body: list[str], score: Score, day: Day, y: int) -> int:
    """Each column filled from the bottom up with the shares of the sections in it."""
    body.append(f'<text x="{LEFT - 8}" y="{y + BAND // 2 + 4}" class="label">sections</text>')
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
            body.append(f'<path d="{path}" fill="{colour}"><title>{name}</title></path>')
    return y + BAND + GAP


def _lane(body: list[str], role: str, stems: Sequence[SimStem], tally: Tally, day: Day, y: int) -> int:
    """The rows of one role, most played first; what is beyond `ROWS_OF_A_ROLE_MAX` shares the last row."""
    found = [index for index, stem in enumerate(stems) if stem.role == role]
    found.sort(key=lambda index: (-tally.by_stem[index].frames, index))
    if not found:
        return y
    shares = day.stem_shares()
    kept = found if len(found) <= ROWS_OF_A_ROLE_MAX else found[: ROWS_OF_A_ROLE_MAX - 1]
    rows = [(stems[index].title, shares[index]) for index in kept]
    if len(kept) < len(found):
        rows.append((f"{len(found) - len(kept)} others", np.minimum(shares[found[len(kept) :]].sum(axis=0), 1)))
    colour = ROLE_COLOURS[ROLES.index(role)]
    height = ROW * len(rows)
    body.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{height}" fill="{colour}" fill-opacity=".05"/>')
    body.append(f'<text x="8" y="{y + 9}" style="fill:{colour};font-weight:600">{role}</text>')
    for row, (title, share) in enumerate(rows):
        top = y + ROW * row
        shown = title if len(title) <= 20 else title[:19] + "…"
        body.append(f'<text x="{LEFT - 8}" y="{top + 9}" class="label small">{escape(shown)}</text>')
        for level, path in _ink(share, top):
            opacity = f"{0.15 + 0.85 * level / LEVELS:.2f}"
            body.append(f'<path d="{path}" fill="{colour}" fill-opacity="{opacity}"/>')
    return y + height + GAP


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


def _curve(body: list[str], name: str, means: NDArray[np.float64], y: int) -> int:
    body.append(f'<text x="{LEFT - 8}" y="{y + CURVE // 2 + 4}" class="label">{escape(name)}</text>')
    body.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{CURVE}" fill="#000" fill-opacity=".03"/>')
    points = []
    for first, end in _runs(np.round(means * (CURVE - 4), 1)):
        height = y + CURVE - 2 - round(float(means[first]) * (CURVE - 4), 1)
        points += [f"{_across(first, len(means))},{height:g}", f"{_across(end, len(means))},{height:g}"]
    body.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="#222" stroke-width="1.2"/>')
    return y + CURVE + GAP


def _ticks(body: list[str], seconds: float, from_second: int | None, bottom: int) -> None:
    every = next((tick for tick in _TICKS_S if seconds / tick <= _TICKS_MAX), round(seconds / _TICKS_MAX) or 1)
    first = -(from_second or 0) % every
    for second in range(first, int(seconds) + 1, every):
        x = LEFT + WIDTH * second / seconds
        body.append(f'<path d="M{x:.1f} {TOP}V{bottom}" class="grid"/>')
        text = _length(second, every) if from_second is None else _clock((from_second + second) % 86_400, every)
        body.append(f'<text x="{x:.1f}" y="{bottom + 12}" class="small" text-anchor="middle">{text}</text>')


def _clock(second: int, every: int) -> str:
    """Time of day."""
    text = f"{second // 3600:02}:{second // 60 % 60:02}"
    return f"{text}:{second % 60:02}" if every < 60 else text


def _length(seconds: int, every: int) -> str:
    """Time since the start."""
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if every >= 3600:
        return f"{hours} h"
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if every < 60 else f"{hours}:{minutes:02}"


def _legend(body: list[str], score: Score, tally: Tally, y: int, width: int) -> int:
    """Each section's colour and share."""
    x = LEFT
    for number, section in enumerate(score.sections):
        share = tally.sections[number].frames / max(1, tally.frames)
        text = f"{section.name} {share:.0%}"
        step = 24 + 7 * len(text)
        if x + step > width and x > LEFT:
            x, y = LEFT, y + 18
        colour = SECTION_COLOURS[number % len(SECTION_COLOURS)]
        body.append(f'<rect x="{x}" y="{y}" width="11" height="11" fill="{colour}"/>')
        body.append(f'<text x="{x + 15}" y="{y + 10}">{escape(text)}</text>')
        x += step
    return y + 28

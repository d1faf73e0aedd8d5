"""A few minutes as a picture: a bar for each placement in the lane of its role, with its fades as they are."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from amos.score.score import Score
from amos.sound.events import Section
from amos_tools.script.shapes import shape_text
from amos_tools.simulate.drawing import (
    ANNOUNCED_COLOUR,
    DAYPART_COLOUR,
    GAP,
    INPUT_COLOUR,
    LEFT,
    LETTER,
    ROLE_COLOURS,
    SECTION_COLOURS,
    Canvas,
)
from amos_tools.simulate.loudness import LoudnessCurve
from amos_tools.simulate.marks import Marks
from amos_tools.simulate.names import Names
from amos_tools.simulate.passage import Bar, Passage
from amos_tools.simulate.run import SimStem
from amos_tools.stems import ROLES

ROW, BAND = 22, 22
_WIDTH = 1680
"""So wide that a loop of four bars holds its name."""
_LETTERS_MIN = 4
_SHORTENED_MIN = 6
"""Of a name that is cut there are so many letters, or none of it: strokes close together are told by their colour."""
_GRID_PX_MIN = 8
_NUMBER_PX_MIN = 26
_SECTION_TEXT_DARK = ("#e9c46a", "#f4a261", "#8ab17d", "#b5838d")


def passage_svg(
    score: Score,
    stems: Sequence[SimStem],
    passage: Passage,
    curve: LoudnessCurve | None,
    marks: Marks,
    subtitle: str,
    from_second: int | None,
    themes: Sequence[str] = (),
) -> str:
    """One SVG document. `curve` is of equal stretches; `themes` has the theme of each section entered, or ""."""
    canvas = Canvas(passage.first, passage.until, score.rate_hz, from_second, _WIDTH)
    names = Names([stem.title for stem in stems])
    canvas.spans("parts of the day", marks.dayparts, DAYPART_COLOUR)
    canvas.spans("announcements", marks.announcements, ANNOUNCED_COLOUR)
    canvas.marks("inputs", marks.inputs, INPUT_COLOUR)
    _sections(canvas, score, passage, themes or [""] * len(passage.sections))
    for role in ROLES:
        bars = [bar for bar in passage.bars if stems[bar.stem].role == role]
        if bars:
            _lane(canvas, role, bars, stems, names, score.rate_hz)
    if curve is not None:
        canvas.loudness(curve, score.target_mlufs / 1000)
    canvas.ticks()
    return canvas.document(score.name, subtitle)


def _sections(canvas: Canvas, score: Score, passage: Passage, themes: Sequence[str]) -> None:
    """Each section with its name, and below it the numbers of its bars of music."""
    y = canvas.y
    canvas.label("sections", y + 15)
    canvas.label("bars", y + BAND + 13, "label small")
    ends = [section.frame for section in passage.sections[1:]] + [passage.until]
    for section, theme, end in zip(passage.sections, themes, ends, strict=True):
        left, right = max(canvas.x(section.frame), LEFT), canvas.x(end)
        colour = SECTION_COLOURS[section.section % len(SECTION_COLOURS)]
        name = score.sections[section.section].name + (f" · {theme}" if theme else "")
        canvas.add(
            f'<rect x="{left:.1f}" y="{y}" width="{max(right - left - 1, 1):.1f}" height="{BAND - 2}" fill="{colour}">'
            f"<title>{escape(name)}</title></rect>"
        )
        shown = _fitting(name, right - left - 12)
        if shown:
            kind = "" if colour in _SECTION_TEXT_DARK else ' class="on"'
            canvas.add(f'<text x="{left + 6:.1f}" y="{y + 14}"{kind}>{escape(shown)}</text>')
        _numbers(canvas, score, section, max(section.frame, passage.first), end, y + BAND)
    canvas.y += BAND + 18 + GAP


def _numbers(canvas: Canvas, score: Score, section: Section, first: int, end: int, y: int) -> None:
    """The bars of music of a section: a tick each, with a number wherever there is room for it."""
    entered, tempo_mbpm = section.frame, score.tempo_of(score.sections[section.section])
    bar_frames = score.beats_per_bar * score.rate_hz * 60_000 / tempo_mbpm
    bar_px = canvas.x(round(bar_frames)) - canvas.x(0)
    every = next(count for count in (1, 2, 4, 8, 16, 32, 64, 128, 1 << 20) if count * bar_px >= _NUMBER_PX_MIN)
    number = -(-(first - entered) // bar_frames)
    while entered + number * bar_frames < end:
        x = canvas.x(round(entered + number * bar_frames))
        numbered = number % every == 0 and x + _NUMBER_PX_MIN <= canvas.x(end)
        if numbered or bar_px >= _GRID_PX_MIN:
            canvas.add(f'<path d="M{x:.1f} {y}v{14 if numbered else 5}" stroke="#000" stroke-opacity=".3"/>')
        if numbered:
            canvas.add(f'<text x="{x + 3:.1f}" y="{y + 13}" class="small">{int(number) + 1}</text>')
        number += 1


def _lane(canvas: Canvas, role: str, bars: Sequence[Bar], stems: Sequence[SimStem], names: Names, rate_hz: int) -> None:
    """As many rows as sound at once."""
    rows: list[list[Bar]] = []
    for bar in bars:
        row = next((row for row in rows if row[-1].until <= bar.first), None)
        if row is None:
            rows.append(row := [])
        row.append(bar)
    colour, y = ROLE_COLOURS[ROLES.index(role)], canvas.y
    height = ROW * len(rows)
    canvas.add(
        f'<rect x="{LEFT}" y="{y}" width="{canvas.width}" height="{height}" fill="{colour}" fill-opacity=".05"/>'
    )
    canvas.add(f'<text x="{LEFT - 8}" y="{y + 15}" class="label" style="fill:{colour};font-weight:600">{role}</text>')
    for number, held in enumerate(rows):
        rooms = [canvas.x(behind.first) for behind in held[1:]] + [float(LEFT + canvas.width)]
        for bar, room in zip(held, rooms, strict=True):
            _bar(canvas, bar, y + ROW * number, room, colour, stems[bar.stem], names, rate_hz)
    canvas.y += height + GAP


def _bar(
    canvas: Canvas, bar: Bar, y: float, room: float, colour: str, stem: SimStem, names: Names, rate_hz: int
) -> None:
    """A placement, as high as its gain is of its greatest; a short one has its name behind it, where there is room."""
    floor, height = y + ROW - 2, ROW - 4
    left, right = max(canvas.x(bar.first), LEFT), min(canvas.x(bar.until), LEFT + canvas.width)
    points = [
        (min(max(canvas.x(frame), LEFT), LEFT + canvas.width), floor - height * level)
        for frame, level in _inside(bar, canvas)
    ]
    shape = " ".join(f"{x:.1f},{at:.1f}" for x, at in [(left, floor), *points, (right, floor)])
    seconds = (bar.until - bar.first) / rate_hz
    told = f"{stem.title} · {stem.artist} · {seconds:.2f} s"
    if bar.turned is not None:
        told += f" · {shape_text(bar.turned, rate_hz)}"
    canvas.add(
        f'<polygon points="{shape}" fill="{colour}" fill-opacity=".3" stroke="{colour}" stroke-width=".8" '
        f'stroke-linejoin="round"><title>{escape(told)}</title></polygon>'
    )
    least = min(max(len(stem.title), _LETTERS_MIN), _SHORTENED_MIN)
    inside, behind = int((right - left - 8) / LETTER), int((room - right - 6) / LETTER)
    if inside >= least:
        at, name, ink = left + 4, names.within(bar.stem, inside), "#111"
    elif behind >= least:
        at, name, ink = right + 3, names.within(bar.stem, behind), "#555"
    else:
        return
    canvas.add(f'<text x="{at:.1f}" y="{y + 15}" class="small" style="fill:{ink}">{escape(name)}</text>')


def _inside(bar: Bar, canvas: Canvas) -> list[tuple[int, float]]:
    """The shape within the picture, its level at both borders interpolated."""
    found: list[tuple[int, float]] = []
    for (before, low), (after, high) in pairwise(bar.shape):
        for border in (canvas.first, canvas.until):
            if before < border < after:
                found.append((border, low + (high - low) * (border - before) / (after - before)))
    inner = [point for point in bar.shape if canvas.first <= point[0] <= canvas.until]
    return sorted([*found, *inner])


def _fitting(text: str, pixels: float) -> str:
    """`text`, as much of it as there is room for; nothing rather than two letters."""
    letters = int(pixels / LETTER)
    if len(text) <= letters:
        return text
    return text[: letters - 1].rstrip() + "…" if letters > 3 else ""

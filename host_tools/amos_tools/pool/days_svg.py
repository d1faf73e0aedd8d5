"""On which days a payee's stems played: bars for all of them, and a row of shades for each. SVG 1.1 by hand."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from html import escape

from amos_tools.pool.statement_days import DayPlay, Detail, line_play, whole_play
from amos_tools.pool.statement_svg import label_at
from amos_tools.pool.statement_told import Core, clock

STEMS_MAX, DAYS_MAX = 24, 62
"""Rows, those with the most play; columns, the latest days."""
COLOUR = "#3d5a80"
"""Another than those that say what earns."""
WIDTH, LABEL, VALUE, ROW, BARS, HEAD = 720, 240, 110, 18, 90, 28


def days_svg(core: Core, detail: Detail) -> str:
    """The picture; nothing where no play is dated."""
    whole = whole_play(detail)
    if not whole.days:
        return ""
    days = _columns(whole)
    rows = _rows(core, detail)
    top = HEAD + BARS + 24
    height = top + (HEAD + ROW * len(rows) if rows else 0) + 8
    parts = [_title(0, "In play, by day"), *_bars(whole, days)]
    if rows:
        parts.append(_title(top, "In play, by stem and day"))
        parts += [_row(label, play, days, top + HEAD + ROW * at) for at, (label, play) in enumerate(rows)]
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}><title>Days</title>{"".join(parts)}</svg>'


def _columns(whole: DayPlay) -> list[date]:
    last = max(whole.days)
    count = min((last - min(whole.days)).days + 1, DAYS_MAX)
    return [last - timedelta(count - 1 - at) for at in range(count)]


def _rows(core: Core, detail: Detail) -> list[tuple[str, DayPlay]]:
    """(title, play) of each stem, the one with the most first."""
    found: dict[str, tuple[str, dict[date, int]]] = {}
    for (name, number), play in line_play(detail).items():
        line = core[name][number]
        days = found.setdefault(line["stem"], (line["title"] or line["stem"], {}))[1]
        for day, ms in play.days.items():
            days[day] = days.get(day, 0) + ms
    order = sorted(found, key=lambda stem: (-sum(found[stem][1].values()), stem))
    return [(found[stem][0], DayPlay(found[stem][1], 0, 0, [], (0, 0))) for stem in order[:STEMS_MAX]]


def _title(y: int, text: str) -> str:
    return f'<text x="0" y="{y + 16}" class="title">{escape(text)}</text>'


def _bars(whole: DayPlay, days: Sequence[date]) -> list[str]:
    most, bottom = max(whole.days.values()), HEAD + BARS
    step = (WIDTH - LABEL - VALUE) / len(days)
    parts = [f'<text x="0" y="{HEAD + 12}">at most {clock(Fraction(most))}</text>']
    for at, day in enumerate(days):
        ms = whole.days.get(day, 0)
        tall = BARS * ms / most
        parts.append(
            f'<rect x="{LABEL + at * step:.1f}" y="{bottom - tall:.1f}" width="{max(step - 1, 0.5):.1f}"'
            f' height="{tall:.1f}" fill="{COLOUR}"><title>{day}: {clock(Fraction(ms))}</title></rect>'
        )
    parts.append(f'<text x="{LABEL}" y="{bottom + 14}">{days[0]}</text>')
    if len(days) > 1:
        parts.append(f'<text x="{WIDTH - VALUE}" y="{bottom + 14}" text-anchor="end">{days[-1]}</text>')
    return parts


def _row(label: str, play: DayPlay, days: Sequence[date], y: int) -> str:
    most = max(play.days.values(), default=1) or 1
    step = (WIDTH - LABEL - VALUE) / len(days)
    cells = "".join(_cell(play.days, day, most, LABEL + at * step, y, step) for at, day in enumerate(days))
    value = f'<text x="{WIDTH - VALUE + 6}" y="{y + 12}">{clock(Fraction(sum(play.days.values())))}</text>'
    return f"{label_at(y, label)}{cells}{value}"


def _cell(days: Mapping[date, int], day: date, most: int, x: float, y: int, step: float) -> str:
    ms = days.get(day, 0)
    if not ms:
        return ""
    shade = f'fill="{COLOUR}" fill-opacity="{0.2 + 0.8 * ms / most:.2f}"'
    return f'<rect x="{x:.1f}" y="{y}" width="{max(step - 1, 0.5):.1f}" height="{ROW - 4}" {shade}/>'

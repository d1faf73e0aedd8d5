"""A device's latest days as a picture: how long it played, how often it started, and what was odd. SVG 1.1 by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime

from amos_ledger.totals import DeviceDay
from amos_tools.pages.limits import HISTORY_DAYS_MAX

WIDTH, LEFT, BAR, LANE, HEAD = 720, 90, 100, 22, 10
DAY_S = 86_400
HOUR_MS = 3_600_000


def history_svg(days: Sequence[DeviceDay]) -> str:
    """The picture; nothing where no play is dated. Bars are of 24 hours; a number stands where there were several
    starts, or flagged segments, so that nothing is told by colour alone."""
    dated = {day.day: day for day in days if day.day is not None}
    if not dated:
        return ""
    last = max(dated)
    first = max(min(dated), last - HISTORY_DAYS_MAX + 1)
    step = (WIDTH - LEFT) / (last - first + 1)
    bottom = HEAD + BAR
    parts = [
        f'<text x="0" y="{HEAD + 12}">24 h</text><text x="0" y="{bottom}">0 h</text>',
        f'<text x="0" y="{bottom + LANE}">starts</text><text x="0" y="{bottom + 2 * LANE}">flagged</text>',
        f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{WIDTH}" y2="{bottom}"/>',
    ]
    for number in range(first, last + 1):
        day = dated.get(number)
        if day is not None:
            parts += _column(day, LEFT + (number - first) * step, step, bottom)
    foot = bottom + 3 * LANE
    parts.append(f'<text x="{LEFT}" y="{foot}">{_date(first)}</text>')
    if last > first:
        parts.append(f'<text x="{WIDTH}" y="{foot}" text-anchor="end">{_date(last)}</text>')
    size = f'viewBox="0 0 {WIDTH} {foot + 6}" width="{WIDTH}" height="{foot + 6}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}><title>Days</title>{"".join(parts)}</svg>'


def _column(day: DeviceDay, x: float, step: float, bottom: int) -> list[str]:
    hours = day.lasted_ms / HOUR_MS
    tall = min(hours / 24, 1.0) * BAR
    wide, middle = max(step - 1, 1.0), x + step / 2
    told = f"{_date(day.day or 0)}: {hours:.1f} h, {day.segments} segments, {day.boots} starts, {day.flagged} flagged"
    parts = [
        f'<rect class="play" x="{x:.1f}" y="{bottom - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}">'
        f"<title>{told}</title></rect>"
    ]
    for row, count in ((1, day.boots if day.boots > 1 else 0), (2, day.flagged)):
        if count:
            parts.append(f'<text x="{middle:.1f}" y="{bottom + row * LANE}" text-anchor="middle">{count}</text>')
    return parts


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()

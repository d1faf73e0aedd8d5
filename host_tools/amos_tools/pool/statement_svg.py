"""Where a payee's play is, as bars: by stem, and by how it stands. SVG 1.1 by hand; the same core, the same picture."""

from collections.abc import Sequence
from fractions import Fraction
from html import escape

from amos_tools.pool.statement_told import Core, Told, clock, lines_of, unpaid_of

STEMS_MAX = 24
"""Stems with a bar of their own; the rest is one."""
WIDTH, LABEL, VALUE, ROW, HEAD = 720, 240, 110, 20, 28
LABEL_LETTERS = 34
EARNS, EARNS_NOT = "#0f766e", "#b45309"

Bar = tuple[str, Fraction, Fraction]
"""Label, time that earns, time that does not."""


def play_svg(core: Core) -> str:
    """Both charts, one below the other."""
    lines, unpaid = lines_of(core), unpaid_of(core)
    charts = [("In play, by stem", _by_stem(lines, unpaid)), ("In play, by how it stands", _by_standing(lines, unpaid))]
    height = sum(HEAD + ROW * len(bars) + ROW for _title, bars in charts)
    body, top = [], 0
    for title, bars in charts:
        body += _chart(title, bars, top)
        top += HEAD + ROW * len(bars) + ROW
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}><title>In play</title>{"".join(body)}</svg>'


def _by_stem(lines: Sequence[Told], unpaid: Sequence[Told]) -> list[Bar]:
    """The stems with the most play first; what is over `STEMS_MAX` together."""
    labels: dict[str, str] = {}
    sums: dict[str, list[Fraction]] = {}
    for at, group in enumerate((lines, unpaid)):
        for line in group:
            labels.setdefault(line.stem, line.title or line.stem)
            sums.setdefault(line.stem, [Fraction(0), Fraction(0)])[at] += line.played_ms
    order = sorted(sums, key=lambda stem: (-sum(sums[stem]), stem))
    bars: list[Bar] = [(labels[stem], sums[stem][0], sums[stem][1]) for stem in order[:STEMS_MAX]]
    rest = [sums[stem] for stem in order[STEMS_MAX:]]
    if rest:
        earns, not_ = (sum((pair[at] for pair in rest), Fraction(0)) for at in (0, 1))
        bars.append((f"{len(rest)} more stems", earns, not_))
    return bars


def _by_standing(lines: Sequence[Told], unpaid: Sequence[Told]) -> list[Bar]:
    bars: dict[str, Bar] = {}
    for line in (*lines, *unpaid):
        earns = line.amount_micro is not None
        _label, one, other = bars.get(line.stands, (line.stands, Fraction(0), Fraction(0)))
        bars[line.stands] = (line.stands, one + line.played_ms * earns, other + line.played_ms * (not earns))
    return list(bars.values())


def _chart(title: str, bars: Sequence[Bar], top: int) -> list[str]:
    most = max((earns + not_ for _label, earns, not_ in bars), default=Fraction(0))
    room = WIDTH - LABEL - VALUE
    parts = [f'<text x="0" y="{top + 16}" class="title">{escape(title)}</text>']
    for number, (label, earns, not_) in enumerate(bars):
        y = top + HEAD + ROW * number
        first, second = (float(room * ms / most) if most else 0.0 for ms in (earns, not_))
        parts.append(label_at(y, label))
        parts.append(f'<rect x="{LABEL}" y="{y}" width="{first:.1f}" height="{ROW - 6}" fill="{EARNS}"/>')
        parts.append(
            f'<rect x="{LABEL + first:.1f}" y="{y}" width="{second:.1f}" height="{ROW - 6}" fill="{EARNS_NOT}"/>'
        )
        parts.append(f'<text x="{LABEL + first + second + 6:.1f}" y="{y + 12}">{clock(earns + not_)}</text>')
    return parts


def label_at(y: int, label: str) -> str:
    """What stands beside a bar; it is cut off where the bar begins."""
    text = f'<text x="0" y="12">{escape(_short(label))}</text>'
    return f'<svg x="0" y="{y}" width="{LABEL - 6}" height="{ROW}">{text}</svg>'


def _short(label: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in label)
    return shown if len(shown) <= LABEL_LETTERS else f"{shown[: LABEL_LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"

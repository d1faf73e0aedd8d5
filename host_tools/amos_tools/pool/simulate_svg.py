"""The simulation as a picture: how even honest play is paid, and what a fraud brings. SVG 1.1 by hand.

Three panels with one colour a rule: Lorenz curves, incomes by rank on logarithmic axes, and bars of what each fraud
brings in licence fees. Every number is printed to a tenth of a pixel, so the same simulation is the same file.
"""

from collections.abc import Callable, Iterator
from html import escape
from math import log10

import numpy as np

from amos_ledger.settlement.apportion_numpy import Integers
from amos_ledger.settlement.money import MICRO
from amos_tools.pool.simulate_figures import lorenz
from amos_tools.pool.simulate_rules import BY_LICENCE
from amos_tools.pool.simulate_run import HONEST, SAYS, Simulated

COLOURS = ("#0f766e", "#1d4ed8", "#b45309", "#be185d")
"""One a rule, in the order of an outcome's incomes."""

WIDTH, HEIGHT = 1280, 520
SIDE, LEFT, TOP, GAP = 340, 70, 92, 80
"""A panel is a square; `LEFT` and `GAP` have room for the labels of its axis."""

POINTS_MAX = 240
_BAR, _BARS_GAP, _LABEL = 13, 26, 70
_STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#222}.small{font-size:10px;fill:#555}.title{font-size:16px;"
    "font-weight:600}.grid{stroke:#000;stroke-opacity:.12}.end{text-anchor:end}.middle{text-anchor:middle}"
    "polyline{fill:none;stroke-width:1.6}"
)

Place = Callable[[float], float]
"""From a value to pixels."""


def simulation_svg(found: Simulated, subtitle: str) -> str:
    """The picture as one SVG document."""
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
        f"<title>Ways to divide a pool</title><style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        '<text x="20" y="28" class="title">Ways to divide a pool</text>',
        f'<text x="20" y="46" class="small">{escape(subtitle)}</text>',
        *_lorenz_panel(found, LEFT),
        *_rank_panel(found, LEFT + SIDE + GAP),
        *_fraud_panel(found, LEFT + 2 * (SIDE + GAP)),
        *_legend(found),
        "</svg>",
        "",
    ]
    return "\n".join(body)


def _lorenz_panel(found: Simulated, left: int) -> Iterator[str]:
    across, up = _linear(left, left + SIDE), _linear(TOP + SIDE, TOP)
    yield from _frame(left, "Honest play: share of the pool", "share of the payees, the poorest first")
    for tenth in range(0, 11, 2):
        yield from _ticks(across(tenth / 10), up(tenth / 10), left, f"{10 * tenth} %", f"{10 * tenth} %")
    yield f'<path d="M{left} {TOP + SIDE}L{left + SIDE} {TOP}" stroke="#999" stroke-dasharray="4 4"/>'
    for rule, amounts in found.outcomes[HONEST].incomes.items():
        shares = lorenz(amounts)
        chosen = _chosen(len(shares))
        yield _curve(rule, found, [(across(at / (len(shares) - 1)), up(float(shares[at]))) for at in chosen])


def _rank_panel(found: Simulated, left: int) -> Iterator[str]:
    payees = found.world.payees
    decades = max(1, len(str(payees - 1)))
    most = max(int(amounts.max()) for amounts in found.outcomes[HONEST].incomes.values())
    top = max(1, len(str(most // MICRO)))
    across, up = _logarithmic(left, left + SIDE, 0, decades), _logarithmic(TOP + SIDE, TOP, -2, top)
    yield from _frame(left, "Honest play: income, units of currency", "rank of the payee, the richest first")
    for decade in range(decades + 1):
        x = across(10**decade)
        yield f'<path d="M{x:.1f} {TOP}V{TOP + SIDE}" class="grid"/>'
        yield f'<text x="{x:.1f}" y="{TOP + SIDE + 14}" class="small middle">{10**decade:,}</text>'
    for decade in range(-2, top + 1):
        y = up(10.0**decade)
        yield f'<path d="M{left} {y:.1f}H{left + SIDE}" class="grid"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" class="small end">{_decimal(decade)}</text>'
    for rule, amounts in found.outcomes[HONEST].incomes.items():
        ordered: Integers = np.sort(amounts)[::-1]
        ranks = sorted({round(payees ** (step / POINTS_MAX)) for step in range(POINTS_MAX + 1)})
        yield _curve(rule, found, [(across(rank), up(int(ordered[rank - 1]) / MICRO)) for rank in ranks])


def _fraud_panel(found: Simulated, left: int) -> Iterator[str]:
    frauds = [name for name in found.outcomes if name != HONEST]
    rules = list(found.outcomes[HONEST].incomes)
    most = max(found.times_fee(fraud, rule) for fraud in frauds for rule in rules)
    top = max(1, len(str(int(max(1.0, most)))))
    across = _logarithmic(left, left + SIDE - _LABEL, -1, top)
    yield from _frame(left, "What one dishonest licence brings, in its own fees", "fees, logarithmic")
    for decade in range(-1, top + 1):
        x = across(10.0**decade)
        yield f'<path d="M{x:.1f} {TOP}V{TOP + SIDE}" class="grid"/>'
        yield f'<text x="{x:.1f}" y="{TOP + SIDE + 14}" class="small middle">{_decimal(decade)}</text>'
    y = TOP + _BARS_GAP
    for fraud in frauds:
        yield f'<text x="{left + 6}" y="{y - 6}">{escape(fraud)}<title>{escape(SAYS[fraud])}</title></text>'
        for colour, rule in zip(COLOURS, rules, strict=True):
            times = found.times_fee(fraud, rule)
            end = across(max(times, 0.1))
            yield (
                f'<rect x="{left}" y="{y}" width="{end - left:.1f}" height="{_BAR - 2}" fill="{colour}">'
                f"<title>{escape(rule)}</title></rect>"
            )
            yield f'<text x="{end + 5:.1f}" y="{y + 9}" class="small">{times:,.1f}</text>'
            y += _BAR
        y += _BARS_GAP + _BAR


def _frame(left: int, title: str, below: str) -> Iterator[str]:
    yield f'<text x="{left}" y="{TOP - 10}" style="font-weight:600">{escape(title)}</text>'
    yield f'<rect x="{left}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="#000" fill-opacity=".03"/>'
    yield f'<text x="{left + SIDE / 2:g}" y="{TOP + SIDE + 32}" class="small middle">{escape(below)}</text>'


def _ticks(x: float, y: float, left: int, across: str, up: str) -> Iterator[str]:
    yield f'<path d="M{x:.1f} {TOP}V{TOP + SIDE}M{left} {y:.1f}H{left + SIDE}" class="grid"/>'
    yield f'<text x="{x:.1f}" y="{TOP + SIDE + 14}" class="small middle">{across}</text>'
    yield f'<text x="{left - 6}" y="{y + 4:.1f}" class="small end">{up}</text>'


def _legend(found: Simulated) -> Iterator[str]:
    x = LEFT
    for colour, rule in zip(COLOURS, found.outcomes[HONEST].incomes, strict=True):
        yield f'<rect x="{x}" y="{HEIGHT - 30}" width="11" height="11" fill="{colour}"/>'
        yield f'<text x="{x + 16}" y="{HEIGHT - 20}">{escape(rule)}</text>'
        x += 44 + 7 * len(rule)


def _curve(rule: str, found: Simulated, points: list[tuple[float, float]]) -> str:
    colour = COLOURS[list(found.outcomes[HONEST].incomes).index(rule)]
    # One pool and many give nearly the same to honest venues: the one shows through the other.
    dashes = ' stroke-dasharray="6 6"' if rule == BY_LICENCE else ""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" stroke="{colour}"{dashes}><title>{escape(rule)}</title></polyline>'


def _chosen(count: int) -> list[int]:
    """Indexes of at most `POINTS_MAX` points, the first and the last among them, closer together at the end, where a
    Lorenz curve is steep."""
    steps = np.linspace(0, 1, min(count, POINTS_MAX))
    found: list[int] = np.unique(np.rint((1 - (1 - steps) ** 2) * (count - 1)).astype(np.int64)).tolist()
    return found


def _linear(low: int, high: int) -> Place:
    return lambda value: low + (high - low) * value


def _logarithmic(low: int, high: int, first_decade: int, last_decade: int) -> Place:
    """What is below the first decade is drawn at it."""

    def place(value: float) -> float:
        decade = log10(max(value, 10.0**first_decade))
        return low + (high - low) * (decade - first_decade) / (last_decade - first_decade)

    return place


def _decimal(decade: int) -> str:
    return f"{10**decade:,}" if decade >= 0 else f"{10.0**decade:g}"

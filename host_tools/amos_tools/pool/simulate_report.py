"""A simulation in words and numbers: a table for people, the same as JSON for programs."""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from amos_ledger.settlement.money import MICRO, decimal
from amos_tools.pool.simulate_figures import spread
from amos_tools.pool.simulate_fraud import VOICES
from amos_tools.pool.simulate_rules import BY_LICENCE, PLAYS, STRICT
from amos_tools.pool.simulate_run import CAPPED, FAKE, HONEST, LOOP, SAYS, Simulated
from amos_tools.pool.simulate_world import DAY_MS

_HOUR_MS = 3_600_000


def as_json(found: Simulated, seed: int) -> dict[str, Any]:
    """Everything that is shown. `times_fee`: what the fraud brings, in licence fees of the one who commits it."""
    world = found.world
    return {
        "seed": seed,
        "players": world.players,
        "stems": world.stems,
        "payees": world.payees,
        "days": world.days,
        "pool_micro": found.pool_micro,
        "fee_micro": found.fee_micro,
        "claimed_ms": found.claimed.said_ms,
        "counted_ms": found.claimed.counted_ms,
        "scenarios": [
            {
                "name": name,
                "says": SAYS[name],
                "cheat_ms": outcome.cheat_ms,
                "rules": [
                    {
                        "name": rule,
                        **asdict(spread(amounts)),
                        "carried_micro": found.pool_micro - int(amounts.sum()),
                        "gain_micro": outcome.gain_micro(rule, found.outcomes[HONEST]),
                        "times_fee": found.times_fee(name, rule),
                    }
                    for rule, amounts in outcome.incomes.items()
                ],
            }
            for name, outcome in found.outcomes.items()
        ],
    }


def outcome_table(report: dict[str, Any]) -> Table:
    """One row for each scenario and rule of `as_json`."""
    table = Table(title=f"A pool of {_money(report['pool_micro'])} among {report['payees']:,} payees")
    table.add_column("scenario")
    table.add_column("rule")
    for name in ("Gini", "median", "bottom 50 %", "bottom 10 %", "top 1 %", "below 1 unit", "fraud brings"):
        table.add_column(name, justify="right")
    for scenario in report["scenarios"]:
        for number, rule in enumerate(scenario["rules"]):
            table.add_row(
                "" if number else scenario["name"],
                rule["name"],
                f"{rule['gini']:.4f}",
                _money(rule["median_micro"]),
                *(_percent(rule[name]) for name in ("bottom_half", "bottom_tenth", "top_hundredth", "below_one_unit")),
                "" if scenario["name"] == HONEST else f"{rule['times_fee']:,.1f} fees",
            )
        table.add_section()
    return table


def lines(found: Simulated) -> list[str]:
    """What the table comes to."""
    fee, claimed = decimal(found.fee_micro), found.claimed
    counted_days, said_days = (ms / DAY_MS for ms in (claimed.counted_ms, claimed.said_ms))

    def times(scenario: str, rule: str) -> str:
        return f"{found.times_fee(scenario, rule):,.1f}"

    return [
        *(f"{name:<{max(map(len, SAYS))}}  {says}" for name, says in SAYS.items()),
        f"fees          of {fee}, what each licence pays; `fraud brings` is what the accomplice gets beyond honest"
        " play, in such fees",
        f"real-time cap {claimed.said_ms // _HOUR_MS:,} hours claimed in {found.world.days} days,"
        f" {claimed.counted_ms // _HOUR_MS:,} counted: {said_days:,.0f} days become {counted_days:,.0f},"
        f" and {times(FAKE, STRICT)} fees become {times(CAPPED, STRICT)}",
        f"licence pools a loop in {VOICES} voices brings {times(LOOP, STRICT)} fees out of a pool of all, and"
        f" {times(LOOP, BY_LICENCE)} out of its own licence's: never more than was paid in",
        f"strict time   the same loop of a short stem brings {times(LOOP, PLAYS)} fees where plays are counted",
    ]


def _money(micro: int) -> str:
    """Units of currency to the hundredth, rounded down."""
    return f"{micro // MICRO:,}.{micro % MICRO // 10_000:02}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"

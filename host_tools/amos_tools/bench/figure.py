"""One measured figure, and the table of them."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table

from amos_cli.table import print_table


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit`; `bound` says what is wanted of it ("at least", limit) or ("at most", limit).

    value is None where it could not be measured here; `note` then says why. That is a tool that this machine has not,
    unless `broken`: what was to be measured does not work.
    """

    section: str
    name: str
    value: float | None
    unit: str
    bound: tuple[str, float] | None = None
    note: str = ""
    broken: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the bound is met; None without a bound or a value."""
        if self.bound is None or self.value is None:
            return None
        kind, limit = self.bound
        return self.value >= limit if kind == "at least" else self.value <= limit

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self) | {"holds": self.holds}


def measured(section: str, name: str, measure: Callable[[], list[Figure]]) -> list[Figure]:
    """The figures; one that is broken and says why in their place where they cannot be measured for what happens."""
    try:
        return measure()
    except (RuntimeError, LookupError, ValueError, OSError, subprocess.SubprocessError) as error:
        return [Figure(section, name, None, "", None, f"{type(error).__name__}: {error}", broken=True)]


def note_progress(text: str) -> None:
    """Say on standard error what is being measured: some figures take a minute."""
    print(f"  {text} ...", file=sys.stderr, flush=True)


def print_figures(figures: Iterable[Figure]) -> None:
    """All figures as one table."""
    table = Table("section", "figure", "value", "wanted", "", "note")
    table.columns[2].justify = "right"
    for figure in figures:
        absent = "broken" if figure.broken else "missing"
        value = absent if figure.value is None else f"{_number(figure.value)} {figure.unit}".rstrip()
        wanted = "" if figure.bound is None else f"{figure.bound[0]} {_number(figure.bound[1])}"
        mark = {True: "yes", False: "NO", None: ""}[figure.holds]
        table.add_row(figure.section, escape(figure.name), value, wanted, mark, escape(figure.note))
    print_table(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

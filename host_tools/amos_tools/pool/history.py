"""A payee's statements over all periods: what was there, what came, what went, what is there."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from amos.protocol.printable_host import printable
from amos.protocol.transfer import is_name
from amos_cli.output import UsageError
from amos_tools.pool.read_core import each_once, read_place_of
from amos_tools.pool.statement_told import FORMATS, Core, accounts_of, pool_of
from amos_tools.verify.statement_file import statement_files


class NoStatements(Exception):
    """Nothing was found that is a statement of the payee."""


@dataclass(frozen=True)
class Month:
    """One statement. Money in micro-units, of all three accounts of the payee together; None where a statement of a
    version before 4 does not say. `pool`: empty where there is one alone. `follows`: whether it opens with what the one
    before in its currency closed with, the first with 0. `leaf_index`: of its closing, or -1."""

    period: str
    currency: str
    pool: str
    opening_micro: int | None
    transfers_micro: int | None
    earned_micro: int
    closing_micro: int | None
    payable_micro: int | None
    frozen_late_micro: int | None
    held_micro: int | None
    follows: bool
    leaf_index: int
    file: str

    def facts(self) -> dict[str, Any]:
        """As programs read it."""
        return asdict(self)


def history(payee: str, folder: Path) -> list[Month]:
    """In the order of closings, in which balances run: some months are closed after later ones. Raises `UsageError`,
    `NoStatements`, `NotAStatement`."""
    if not is_name(payee):
        raise UsageError(f"payee: expected 1 to 64 of the letters a-z, digits, - and _, found {printable(payee)!r}")
    files = [*statement_files(folder, "*", payee), *statement_files(folder, payee=payee)]
    cores = [(read_place_of(path), core, path) for path, core in each_once(files) if core["payee"] == payee]
    if not cores:
        raise NoStatements(f"{folder}: expected statements of {payee} (PERIOD-CURRENCY/{payee}.json.gz), found none")
    months: list[Month] = []
    closing: dict[str, int | None] = {}
    for leaf, core, path in sorted(cores, key=lambda item: item[0]):
        month = _month(core, path, closing, leaf)
        closing[month.currency] = month.closing_micro
        months.append(month)
    return months


def _month(core: Core, path: Path, before: dict[str, int | None], leaf: int) -> Month:
    period, currency, earned = core["period"], core["currency"], core["amount_micro"]
    if core["format"] not in FORMATS:
        return Month(period, currency, "", None, None, earned, None, None, None, None, True, leaf, str(path))
    accounts = accounts_of(core)
    known = before.get(currency, 0)  # None: the one before is of a version that does not say
    opening = sum(account.opening_micro for account in accounts)
    payable, frozen_late, held = accounts
    return Month(
        period=period,
        currency=currency,
        pool=pool_of(core),
        opening_micro=opening,
        transfers_micro=sum(account.moved_micro for account in accounts),
        earned_micro=earned,
        closing_micro=sum(account.closing_micro for account in accounts),
        payable_micro=payable.closing_micro,
        frozen_late_micro=frozen_late.closing_micro,
        held_micro=held.closing_micro,
        follows=known is None or known == opening,
        leaf_index=leaf,
        file=str(path),
    )

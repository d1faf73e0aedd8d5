"""What a statement of version 4 tells a person, line by line: words for what it says in codes, and exact figures.

Nothing is verified here (`amos verify` does); what cannot be told raises `ValueError`, `KeyError` or `TypeError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from amos_ledger.settlement.money import MICRO, signed_decimal

FORMATS = ("amos-statement/4", "amos-statement/6")
"""The second is of one pool of several, and names it."""
UNPAID = {
    "post_opt_out": "begun after it was withdrawn",
    "post_lease": "begun after the lease of its pack",
    "stem_lease": "begun after its lease",
    "revoked": "undated, and came after the player's key was revoked",
    "over_time": "more play than time since the device was enrolled",
}
"""Reasons of `amos_ledger.settlement.standing` in words."""
LATE = {
    "by_clock": "",
    "late": "of an earlier month, which was closed when it came",
    "by_reception": "dated by its arrival, since the player's clock is not believed",
    "by_enrolment": "dated by the player's enrolment, since its clock says a time before",
}
"""Why play counts for this month where the player's clock is not the reason."""
ACCOUNTS = {"payable": "payable", "frozen_late": "frozen late", "held": "held"}
MS_PER_HOUR = 3_600_000

Core = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """A line. `stands`: its account, or why it earns nothing. `late`: (reason, time) of what counts here for another
    reason than the clock. `amount_micro`: None of what earns nothing."""

    stem: str
    title: str
    artist: str
    isrc: str
    first: str
    last: str
    players: int
    plays: int
    played_ms: Fraction
    ppm: int
    tiers: tuple[int, ...]
    late: tuple[tuple[str, Fraction], ...]
    stands: str
    code: str
    amount_micro: int | None

    @property
    def used(self) -> str:
        """From when to when, in UTC and to the minute; of what is not dated, nothing."""
        return " to ".join(moment[:16].replace("T", " ") for moment in (self.first, self.last) if moment)

    @property
    def share(self) -> str:
        """The payee's, in percent."""
        return f"{self.ppm // 10_000}.{self.ppm % 10_000:04} %"

    @property
    def late_ms(self) -> Fraction:
        """How much of the play counts here for another reason than the clock."""
        return sum((ms for _reason, ms in self.late), Fraction(0))

    @property
    def late_because(self) -> str:
        """Why."""
        return "; ".join(LATE[reason] for reason, _ms in self.late)

    @property
    def lateness(self) -> str:
        """Which of the play is late, and why."""
        return "; ".join(f"{clock(ms)} {LATE[reason]}" for reason, ms in self.late)


def told(line: Mapping[str, Any]) -> Told:
    """A line, or an unpaid one."""
    unpaid = "reason" in line
    code = str(line["reason"] if unpaid else line["account"])
    late: dict[str, Fraction] = {}
    for item in line["frames"]:
        if item["accrual"] != "by_clock":
            late[item["accrual"]] = late.get(item["accrual"], Fraction(0)) + _ms(item)
    return Told(
        stem=str(line["stem"]),
        title=str(line["title"]),
        artist=str(line["artist"]),
        isrc=str(line["isrc"]),
        first=str(line["first"]),
        last=str(line["last"]),
        players=int(line["devices"]),
        plays=int(line["plays"]),
        played_ms=Fraction(line["play_ms"]),
        ppm=int(line["ppm"]),
        tiers=tuple(sorted({int(item["tier"]) for item in line["frames"]})),
        late=tuple((reason, ms) for reason, ms in late.items() if LATE[reason]),
        stands=UNPAID[code] if unpaid else ACCOUNTS[code],
        code=code,
        amount_micro=None if unpaid else int(line["amount_micro"]),
    )


def lines_of(core: Core) -> list[Told]:
    """What earned."""
    return [told(line) for line in core["lines"]]


def unpaid_of(core: Core) -> list[Told]:
    """What played and earned nothing."""
    return [told(line) for line in core["unpaid"]]


def per_hour(core: Core, ppm: int = MICRO) -> str:
    """What an hour of play earns by the pool's rate, at a share of `ppm` millionths; rounded down to a micro-unit."""
    return signed_decimal(int(Fraction(core["pool"]["rate_micro_per_ms"]) * MS_PER_HOUR * ppm / MICRO))


@dataclass(frozen=True)
class Account:
    """One of the payee's accounts: what was on it, moved, was credited for the period, and is on it. Micro-units."""

    name: str
    opening_micro: int
    moved_micro: int
    credited_micro: int
    closing_micro: int

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """As it is shown."""
        opening, moved, credited, closing = map(
            signed_decimal, (self.opening_micro, self.moved_micro, self.credited_micro, self.closing_micro)
        )
        return self.name, opening, moved, credited, closing


def accounts_of(core: Core) -> tuple[Account, Account, Account]:
    """Payable, frozen late and held."""
    frozen = core["frozen_late_micro"]

    def account(name: str, credited: int) -> Account:
        opening, closing = (int(core["balance"][name][end]) for end in ("opening_micro", "closing_micro"))
        return Account(ACCOUNTS[name], opening, closing - opening - credited, credited, closing)

    payable = account("payable", core["amount_micro"] - frozen)
    return payable, account("frozen_late", frozen), account("held", 0)


def clock(milliseconds: Fraction) -> str:
    """Hours, minutes and seconds to the millisecond, rounded down."""
    whole = int(milliseconds)
    return f"{whole // 3_600_000}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02}.{whole % 1000:03}"


def _ms(item: Mapping[str, Any]) -> Fraction:
    return Fraction(1000 * item["frames"], item["rate_hz"])


def pool_of(core: Core) -> str:
    """The name of the pool, empty where the ledger has one alone."""
    return str(core["pool"].get("name", ""))


def title_of(core: Core) -> str:
    """Of which period, and of which pool where there are several."""
    return f"{core['period']}, pool {pool_of(core)}" if pool_of(core) else str(core["period"])

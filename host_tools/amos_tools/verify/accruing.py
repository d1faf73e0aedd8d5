"""To which period a segment accrues, and why (SPEC section 12)."""

from datetime import UTC, datetime
from typing import NamedTuple

from amos_tools.verify.devices import Device
from amos_tools.verify.errors import Difference
from amos_tools.verify.opened import UsageSaid
from amos_tools.verify.standing import PLAY_AGE_S_MAX


class Accrues(NamedTuple):
    """To which period a segment does, when it was received, and the periods that were closed by then."""

    to: str | None
    received: int | None
    closed: dict[str, int]


def natural_period(
    usage: UsageSaid, odd: frozenset[str], device: Device, received: int | None, first_open: str | None
) -> str | None:
    """The month to which the play belongs; None where nothing in the log says one. Before the first batch entry,
    nothing was `received`, and what has no clock belongs to the month that was `first_open`."""
    if received is None:
        return claimed_period(usage) or first_open
    if odd & {"undated", "far_dated"}:
        return month_of(received)
    claimed = claimed_period(usage)
    if "before_enrolment" in odd:
        return max(claimed or "", month_of(device.hours.since_unix_s) or "")
    return claimed


def claimed_period(usage: UsageSaid) -> str | None:
    """The month of the player's clock, None for a clock that names no month of the years 2000 to 9998."""
    return month_of(usage.claimed_s)


def month_of(unix_s: int | None) -> str | None:
    """The UTC month of that moment, None outside the years 2000 to 9998."""
    # 946684800 is the start of 2000, 253370764800 that of 9999.
    if unix_s is None or not 946_684_800 <= unix_s < 253_370_764_800:
        return None
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m")


def open_period(claimed: str | None, closed: dict[str, int]) -> str | None:
    """The period to which play of `claimed` accrues: that month, or the first after it that is not closed."""
    while claimed in closed:
        year, month = int(claimed[:4]), int(claimed[5:])
        claimed = f"{year + month // 12:04}-{month % 12 + 1:02}"
    return claimed


def accrual(label: str, period: str, usage: UsageSaid, odd: frozenset[str], accrues: Accrues) -> str:
    """Why the segment accrues to the period; the ledger may not just choose one."""
    claimed, accrues_to = claimed_period(usage), accrues.to
    if accrues.received is not None:
        if accrues_to != period:
            raise Difference(f"{label}: period", accrues_to, period)
        if odd & {"undated", "far_dated"}:
            return "by_reception"
        if claimed == period:
            return "by_clock"
        return "late" if open_period(claimed, accrues.closed) == period else "by_enrolment"
    if claimed == period:
        return "by_clock"
    if claimed is None:
        return "by_reception"
    if accrues_to == period:
        return "late"
    # A closing that lists its leaves may settle what its ledger's clock put there. That
    # ledger's clock may decide against the player's only where no reception in the period makes the play possible.
    played = usage.claimed_s
    year, month = int(period[:4]), int(period[5:])
    end_s = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()
    if claimed < period and played is not None and end_s <= played + PLAY_AGE_S_MAX:
        raise Difference(f"{label}: period", f"{accrues_to}, by the player's clock", period)
    return "by_reception"

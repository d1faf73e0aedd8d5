"""Pool and pay: who earns what in a period (daemon/DESIGN.md section 12). Pure, exact integers.

The weight of a payee is the stem-time of every stem times the payee's split of it. Stem-time at different sample rates
is added in *ticks*, of which a second has the least common multiple of the rates in play, so nothing is rounded before
the one apportionment over the payees (Hamilton's method, of the largest remainder): every payee gets the floor of the
exact share, and the micro-units left go one each to the largest remainders. So the sum is the pool, nobody is more than
one micro-unit from the exact share, and no input order matters.

The same method then attributes a payee's amount to the lines of the statement, so that those add up as well.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from types import MappingProxyType

from amos.protocol.ledger_limits import PPM
from amos_ledger.settlement.rollup import RollupKey

Splits = Mapping[bytes, Sequence[tuple[str, int]]]
"""Stem id → (payee, ppm) of each of its payees; the ppm of a stem sum to 1,000,000."""


Unpaid = Mapping[tuple[str, bytes, int, int], int]
"""(reason, stem id, tier, rate in Hz) → frames in play that earn nothing."""

NOTHING: Unpaid = MappingProxyType({})


class SettlementError(ValueError):
    """The period cannot be settled from what was given."""


@dataclass(frozen=True)
class Line:
    """What one stem earned for one payee.

    frames       (rate in Hz, tier, frames in play) of the whole stem, ascending; not yet split
    amount_micro this line's part of the payee's amount
    """

    stem_id: bytes
    ppm: int
    frames: tuple[tuple[int, int, int], ...]
    amount_micro: int


@dataclass(frozen=True)
class UnpaidLine:
    """What one stem played that earns nothing, and why; `frames` as in `Line`, of the whole stem."""

    stem_id: bytes
    reason: str
    ppm: int
    frames: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Payout:
    """A payee's amount and the lines it consists of, by stem id; the lines sum to the amount.

    unpaid  what else the payee's stems played, by stem id and reason; of a payee who has nothing else the amount is 0
    """

    payee: str
    amount_micro: int
    lines: tuple[Line, ...]
    unpaid: tuple[UnpaidLine, ...] = ()


@dataclass(frozen=True)
class Settlement:
    """A period divided: payouts by payee and what is carried sum to the pool.

    play_ms       stem-time of the period, exact
    carried_micro the whole pool when nothing was played, else 0
    """

    period: str
    pool_micro: int
    payouts: tuple[Payout, ...]
    carried_micro: int
    play_ms: Fraction

    @property
    def rate(self) -> Fraction:
        """Micro-units earned by one millisecond of stem-time; 0 when nothing was played."""
        return self.pool_micro / self.play_ms if self.play_ms else Fraction(0)


def apportion(pool: int, weights: Sequence[int], tie_keys: Sequence[bytes]) -> list[int]:
    """Divide `pool` by `weights` into integers that sum to it (Hamilton); among equal remainders the lower key wins.

    Keys must differ, or the order of input would decide. Raises `SettlementError` for a negative pool or weight,
    and when a pool is to be divided by weights that are all zero.
    """
    if pool < 0 or any(weight < 0 for weight in weights):
        raise SettlementError("pool and weights: expected none below 0")
    if len(set(tie_keys)) != len(weights):
        raise SettlementError("tie keys: expected a different one for each weight")
    total = sum(weights)
    if not total:
        if pool:
            raise SettlementError(f"weights: expected one above 0 to divide {pool} by")
        return [0] * len(weights)
    amounts = [pool * weight // total for weight in weights]
    remainders = [pool * weight % total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-remainders[index], tie_keys[index]))
    # The remainders sum to (what is left) x total and each is below total, so those that get one are never zero.
    for index in by_remainder[: pool - sum(amounts)]:
        amounts[index] += 1
    return amounts


def tie_key(period: str, payee: str, stem_id: bytes = b"") -> bytes:
    """Decides between equal remainders: no one can choose it to advantage, and it differs from period to period."""
    return hashlib.sha256(b"\0".join((period.encode(), payee.encode(), stem_id))).digest()


def settle(
    period: str,
    pool_micro: int,
    rollup: Mapping[RollupKey, int],
    splits: Splits,
    unpaid: Unpaid = NOTHING,
) -> Settlement:
    """Divide the pool strictly by time in play; what is `unpaid` is only told to its payees (standing.Unpaid).

    Raises `SettlementError` when a stem was played whose splits are not known, or do not sum to 1,000,000 ppm.
    """
    frames_by_stem = _by_stem(rollup)
    ticks_per_s = lcm(*(rate for _stem, _tier, rate in rollup))
    weights: dict[str, dict[bytes, int]] = {}
    ppm_of: dict[tuple[str, bytes], int] = {}
    total_ticks = 0
    for stem_id, frames in frames_by_stem.items():
        ticks = sum(count * (ticks_per_s // rate) for rate, _tier, count in frames)
        total_ticks += ticks
        for payee, ppm in _splits_of(stem_id, splits):
            weights.setdefault(payee, {})[stem_id] = ticks * ppm
            ppm_of[payee, stem_id] = ppm
    payees = sorted(weights)
    amounts = [0] * len(payees)
    if payees:
        totals = [sum(weights[payee].values()) for payee in payees]
        amounts = apportion(pool_micro, totals, [tie_key(period, payee) for payee in payees])
    payouts = []
    for payee, amount in zip(payees, amounts, strict=True):
        stems = sorted(weights[payee])
        keys = [tie_key(period, payee, stem_id) for stem_id in stems]
        parts = apportion(amount, [weights[payee][stem_id] for stem_id in stems], keys)
        lines = tuple(
            Line(stem_id, ppm_of[payee, stem_id], frames_by_stem[stem_id], part)
            for stem_id, part in zip(stems, parts, strict=True)
        )
        payouts.append(Payout(payee, amount, lines))
    payouts = _with_unpaid(payouts, unpaid, splits)
    carried = pool_micro - sum(amounts)
    return Settlement(period, pool_micro, tuple(payouts), carried, Fraction(total_ticks * 1000, ticks_per_s))


def _with_unpaid(payouts: Sequence[Payout], unpaid: Unpaid, splits: Splits) -> list[Payout]:
    """The payouts by payee, those of payees among them who have unpaid play only."""
    lines: dict[str, list[UnpaidLine]] = {}
    for reason in sorted({reason for reason, _stem, _tier, _rate in unpaid}):
        of_reason = {(stem, tier, rate): n for (why, stem, tier, rate), n in unpaid.items() if why == reason}
        for stem_id, frames in _by_stem(of_reason).items():
            for payee, ppm in _splits_of(stem_id, splits):
                lines.setdefault(payee, []).append(UnpaidLine(stem_id, reason, ppm, frames))
    known = {payout.payee: payout for payout in payouts}
    result = []
    for payee in sorted(known.keys() | lines.keys()):
        payout = known.get(payee, Payout(payee, 0, ()))
        of_payee = sorted(lines.get(payee, []), key=lambda line: (line.stem_id, line.reason))
        result.append(replace(payout, unpaid=tuple(of_payee)))
    return result


def milliseconds(frames: Sequence[tuple[int, int, int]]) -> Fraction:
    """Exact stem-time of (rate in Hz, tier, frames)."""
    return sum((Fraction(count * 1000, rate) for rate, _tier, count in frames), Fraction(0))


def _by_stem(rollup: Mapping[RollupKey, int]) -> dict[bytes, tuple[tuple[int, int, int], ...]]:
    collected: dict[bytes, list[tuple[int, int, int]]] = {}
    for (stem_id, tier, rate_hz), count in rollup.items():
        if count < 0 or rate_hz < 1:
            raise SettlementError(f"rollup: expected frames from 0 and a rate from 1, found {count} at {rate_hz}")
        if count:
            collected.setdefault(stem_id, []).append((rate_hz, tier, count))
    return {stem_id: tuple(sorted(collected[stem_id])) for stem_id in sorted(collected)}


def _splits_of(stem_id: bytes, splits: Splits) -> list[tuple[str, int]]:
    """The payees of a stem that earn something from it."""
    shares = splits.get(stem_id)
    if shares is None:
        raise SettlementError(f"stem {stem_id.hex()}: expected its splits in the catalogue, found none")
    payees = [payee for payee, _ppm in shares]
    if sum(ppm for _payee, ppm in shares) != PPM or min(ppm for _payee, ppm in shares) < 0:
        raise SettlementError(f"stem {stem_id.hex()}: expected splits that sum to {PPM} ppm")
    if len(set(payees)) != len(payees):
        raise SettlementError(f"stem {stem_id.hex()}: expected each payee once")
    return [(payee, ppm) for payee, ppm in shares if ppm]

"""What a payee is told of a period: a statement whose figures can be checked (daemon/DESIGN.md section 12). Pure.

A statement is a JSON object of two parts. `core` holds the facts; its bytes (`core_bytes`) are a leaf of the tree whose
root the closing signs. `proof` leads from the core to the ledger's checkpoint: the core's path to that root, the
closing and its path to the checkpoint, and the paths of the segments in which the payee's stems sounded.

Integers and strings only. Fractions are exact and written "numerator/denominator". Integers may exceed 2^53, so read
them with 64 bits. The file's bytes are a function of the object (`file_bytes`), so that any changed byte shows.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction

from amos.protocol.catalogue import Work
from amos.protocol.closing import VERSION_ALL_PAID, VERSION_LISTED, VERSION_REVOKED_PAID, Closing
from amos.protocol.segment import Usage
from amos_ledger.settlement.apportionment import Line, Payout, Settlement, UnpaidLine, milliseconds
from amos_ledger.settlement.money import decimal, minor_units
from amos_ledger.settlement.period_tally import PeriodTally, Tally
from amos_ledger.settlement.periods import PeriodError, assign_period, period_at, played_unix_s
from amos_ledger.settlement.standing import (
    BEFORE_ENROLMENT,
    FAR_DATED,
    FLAGS,
    REASONS,
    REASONS_BEFORE_REVOKED,
    UnpaidRollup,
)

FORMATS = {
    VERSION_ALL_PAID: "amos-statement/1",
    VERSION_REVOKED_PAID: "amos-statement/2",
    VERSION_LISTED: "amos-statement/3",
}
"""By the version of the closing. The first knew no play that earns nothing; for the fourth see
`metered_statement.py`."""

USAGE_PROOFS_MAX = 256
"""Paths carried for a payee's segments, the first ones by leaf index: about 1.4 KB each in a log of a million, so the
file stays below half a megabyte. All leaf indexes are listed; further paths follow from the published tiles."""

BY_CLOCK, LATE, BY_RECEPTION, BY_ENROLMENT = "by_clock", "late", "by_reception", "by_enrolment"
"""Why a segment accrues to a period: its own clock says so; that says an earlier one which was closed; the ledger's
clock at reception decided, because the player had no clock or an impossible one; or it says a time before the device's
enrolment, to whose period it accrues."""


SPELLED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
"""JSON with sorted keys and no spaces."""


@dataclass(frozen=True)
class UsageProof:
    """The path of one segment's leaf to the checkpoint."""

    index: int
    leaf_hash: bytes
    path: Sequence[bytes]


@dataclass(frozen=True)
class Proof:
    """What leads from the core to the ledger's signature."""

    checkpoint: str
    closing_index: int
    closing_entry: bytes
    closing_path: Sequence[bytes]
    statement_index: int
    statement_path: Sequence[bytes]
    usage: Sequence[UsageProof]
    usage_left_out: int


def accrual(usage: Usage, period: str, closed_before: Container[str], flags: AbstractSet[str]) -> str:
    """Why the segment accrues to `period`, given the periods whose closing stands before it in the log."""
    return accrual_at(played_unix_s(usage), period, closed_before, flags)


def accrual_at(played_s: int | None, period: str, closed_before: Container[str], flags: AbstractSet[str]) -> str:
    """The same of one that began at that second by its player's clock."""
    if played_s is None or FAR_DATED in flags:
        return BY_RECEPTION
    try:
        claimed = period_at(played_s)
    except PeriodError:
        return BY_RECEPTION
    accrues_to, late = assign_period(claimed, closed_before)
    if accrues_to != period:
        return BY_ENROLMENT if BEFORE_ENROLMENT in flags else BY_RECEPTION
    return LATE if late else BY_CLOCK


def cores(
    settlement: Settlement, closing: Closing, works: Mapping[bytes, Work], period: PeriodTally
) -> list[dict[str, object]]:
    """The core of each payee's statement, by payee. The closing's root and count of statements are not looked at."""
    pool = _pool(settlement, closing, period)
    return [_core(payout, pool, closing, works, period.payees[payout.payee]) for payout in settlement.payouts]


def core_bytes(core: Mapping[str, object]) -> bytes:
    """The bytes that are hashed: JSON with sorted keys, no spaces, UTF-8."""
    return SPELLED(core).encode()


def statement(core: Mapping[str, object], proof: Proof) -> dict[str, object]:
    """Core and proof as one object."""
    return {
        "core": dict(core),
        "proof": {
            "checkpoint": proof.checkpoint,
            "closing": {
                "index": proof.closing_index,
                "entry": b64encode(proof.closing_entry).decode(),
                "path": [item.hex() for item in proof.closing_path],
            },
            "statement": {"index": proof.statement_index, "path": [item.hex() for item in proof.statement_path]},
            "usage": [
                {"index": item.index, "leaf_hash": item.leaf_hash.hex(), "path": [step.hex() for step in item.path]}
                for item in proof.usage
            ],
            "usage_left_out": proof.usage_left_out,
        },
    }


def file_bytes(whole: Mapping[str, object]) -> bytes:
    """The statement's file: JSON with sorted keys, one space of indent, UTF-8, a newline at the end."""
    return (json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def compact_bytes(whole: Mapping[str, object]) -> bytes:
    """The file of a statement since version 4, and of a reading proof: spelled as the core is, a newline at the end."""
    return core_bytes(whole) + b"\n"


def fraction_text(value: Fraction) -> str:
    """Exact, in lowest terms: "7056/5"."""
    return f"{value.numerator}/{value.denominator}"


def _pool(settlement: Settlement, closing: Closing, period: PeriodTally) -> dict[str, object]:
    pool = {
        "income_micro": closing.income_micro,
        "carry_in_micro": closing.carry_in_micro,
        "pool_micro": closing.pool_micro,
        "carry_out_micro": closing.carry_out_micro,
        "carry_account": f"carry/{closing.currency}",
        "play_ms": fraction_text(settlement.play_ms),
        "rate_micro_per_ms": fraction_text(settlement.rate),
        "payees": len(settlement.payouts),
        "catalogue_sha256": closing.catalogue_sha256.hex(),
        **_counts(period.whole, closing.version),
    }
    if closing.version != VERSION_ALL_PAID:
        reasons = REASONS_BEFORE_REVOKED if closing.version == VERSION_REVOKED_PAID else REASONS
        pool["unpaid_ms"] = {reason: fraction_text(_unpaid_ms(period.unpaid, reason)) for reason in reasons}
    return pool


def _unpaid_ms(unpaid: UnpaidRollup, reason: str) -> Fraction:
    frames = [(rate, tier, count) for (why, _stem, tier, rate), count in unpaid.items() if why == reason]
    return milliseconds(frames)


def _counts(tally: Tally, version: int) -> dict[str, object]:
    kinds: tuple[str, ...] = (BY_CLOCK, LATE, BY_RECEPTION)
    flags: tuple[str, ...] = ()
    if version != VERSION_ALL_PAID:
        kinds, flags = (*kinds, BY_ENROLMENT), FLAGS
    return {
        "segments": tally.segments,
        "devices": len(tally.devices),
        **{f"segments_{kind}": tally.accruals[kind] for kind in kinds},
        **{f"segments_{flag}": tally.flags[flag] for flag in flags},
    }


def _core(
    payout: Payout,
    pool: Mapping[str, object],
    closing: Closing,
    works: Mapping[bytes, Work],
    own: Tally,
) -> dict[str, object]:
    minor = minor_units(payout.amount_micro, closing.currency)
    core: dict[str, object] = {
        "format": FORMATS[closing.version],
        "period": closing.period,
        "currency": closing.currency,
        "payee": payout.payee,
        "pool": dict(pool),
        "amount_micro": payout.amount_micro,
        "amount": decimal(payout.amount_micro),
        "minor_units": {"digits": minor.digits, "whole": minor.whole, "rest_micro": minor.rest_micro},
        "play_ms": fraction_text(sum((milliseconds(line.frames) for line in payout.lines), Fraction(0))),
        "earning_ms": fraction_text(sum((_earning_ms(line) for line in payout.lines), Fraction(0))),
        "lines": [_line(line, works[line.stem_id]) for line in payout.lines],
        "usage": {**_counts(own, closing.version), "leaves": [list(run) for run in own.runs]},
    }
    if closing.version != VERSION_ALL_PAID:
        core["unpaid"] = [_unpaid_line(line, works[line.stem_id]) for line in payout.unpaid]
    return core


def _earning_ms(line: Line) -> Fraction:
    """The part of the stem's time that is the payee's."""
    return milliseconds(line.frames) * Fraction(line.ppm, 1_000_000)


def _line(line: Line, work: Work) -> dict[str, object]:
    return {**_played(line, work), "amount_micro": line.amount_micro}


def _unpaid_line(line: UnpaidLine, work: Work) -> dict[str, object]:
    return {**_played(line, work), "reason": line.reason}


def _played(line: Line | UnpaidLine, work: Work) -> dict[str, object]:
    return {
        "stem": line.stem_id.hex(),
        "title": work.title,
        "artist": work.artist,
        "isrc": work.isrc or "",
        "ppm": line.ppm,
        "frames": [{"rate_hz": rate, "tier": tier, "frames": count} for rate, tier, count in line.frames],
        "play_ms": fraction_text(milliseconds(line.frames)),
    }


def compressed(data: bytes) -> bytes:
    """The file by gzip (RFC 1952), with neither time nor name, so that the same statement gives the same bytes."""
    return zlib.compress(data, 9, wbits=31)

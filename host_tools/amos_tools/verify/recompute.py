"""What the readings, the catalogue and the pool come to: the ledger's arithmetic a second time, in its own words.

Plain integers and `Fraction`; nothing is taken from the statement or from the ledger's own modules.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from amos.protocol.catalogue import Catalogue, Work
from amos.protocol.closing import Closing
from amos.protocol.manifest import Manifest
from amos.protocol.opt_outs import OptOuts
from amos_tools.verify.errors import Difference
from amos_tools.verify.log import Reading
from amos_tools.verify.standing import FLAGS, REASONS, reason

MINOR_DIGITS = {
    0: ["CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"],
    3: ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"],
}


@dataclass
class Period:
    """The roll-up of a period.

    frames  stem id → (rate in Hz, tier) → frames that earn
    unpaid  stem id → reason → (rate in Hz, tier) → frames that do not
    leaves  stem id → indexes of the leaves in which it sounded
    """

    frames: dict[bytes, dict[tuple[int, int], int]]
    unpaid: dict[bytes, dict[str, dict[tuple[int, int], int]]]
    leaves: dict[bytes, list[int]]
    readings: dict[int, Reading]


def roll_up(
    readings: Iterable[Reading], manifest_of: Callable[[bytes], Manifest], opt_outs: list[OptOuts], version: int
) -> Period:
    """Add up every row of every reading, as a closing of that version does. Raises `Difference` for a row that its pack
    cannot have."""
    period = Period({}, {}, {}, {})
    for reading in readings:
        period.readings[reading.index] = reading
        manifest = manifest_of(reading.pack)
        label = f"entry {reading.index}: usage"
        if reading.rate_hz != manifest.rate_hz:
            raise Difference(f"{label}.rate_hz", f"the pack's {manifest.rate_hz}", reading.rate_hz)
        for stem, frames, began_s in reading.rows:
            if stem >= len(manifest.stems):
                raise Difference(f"{label}.stems", f"below {len(manifest.stems)}", stem)
            stem_id = manifest.stems[stem].stem_id
            why = None if version == 1 else _why_unpaid(reading, manifest, stem, began_s, opt_outs, version)
            if why is None:
                by_rate = period.frames.setdefault(stem_id, {})
            else:
                by_rate = period.unpaid.setdefault(stem_id, {}).setdefault(why, {})
            key = (reading.rate_hz, reading.tier)
            by_rate[key] = by_rate.get(key, 0) + frames
            leaves = period.leaves.setdefault(stem_id, [])
            if not leaves or leaves[-1] != reading.index:
                leaves.append(reading.index)
    return period


def _why_unpaid(
    reading: Reading, manifest: Manifest, stem: int, began_s: int | None, opt_outs: list[OptOuts], version: int
) -> str | None:
    if "over_time" in reading.flags:
        return "over_time"
    if version > 2 and reading.revoked and reading.flags & {"undated", "far_dated"}:
        return "revoked"
    return reason(manifest, stem, began_s, opt_outs)


def divide(pool: int, shares: dict[str, Fraction], lot: Callable[[str], bytes]) -> dict[str, int]:
    """Largest remainder: floors first, then one each to those that lost most by it; `lot` decides ties."""
    total = sum(shares.values())
    exact = {name: pool * share / total for name, share in shares.items()}
    amounts = {name: value.numerator // value.denominator for name, value in exact.items()}
    queue = sorted(exact, key=lambda name: (amounts[name] - exact[name], lot(name)))
    for name in queue[: pool - sum(amounts.values())]:
        amounts[name] += 1
    return amounts


def cores(period: Period, catalogue: Catalogue, closing: Closing) -> list[dict[str, object]]:
    """The core of every payee's statement, by payee. Raises `Difference` for a stem that the catalogue lacks."""
    works = {work.stem_id: work for work in catalogue.works}
    earned: dict[str, dict[str, Fraction]] = {}
    told: set[str] = set()
    for stem_id in period.frames.keys() | period.unpaid.keys():
        if stem_id not in works:
            raise Difference("catalogue.works", f"stem {stem_id.hex()}, which was played", "none")
        for share in works[stem_id].splits:
            if share.ppm and stem_id in period.unpaid:
                told.add(share.payee)
            if share.ppm and stem_id in period.frames:
                part = _stem_ms(period, stem_id) * share.ppm / 1_000_000
                earned.setdefault(share.payee, {})[stem_id.hex()] = part
    totals = {payee: sum(parts.values(), Fraction(0)) for payee, parts in earned.items()}
    amounts = divide(closing.pool_micro, totals, lambda payee: _lot(closing.period, payee))
    payees = sorted(told | totals.keys())
    pool = _pool(period, closing, len(payees))
    return [
        _core(payee, amounts.get(payee, 0), earned.get(payee, {}), period, works, closing) | {"pool": pool}
        for payee in payees
    ]


def _stem_ms(period: Period, stem_id: bytes) -> Fraction:
    return _ms(period.frames.get(stem_id, {}))


def _lot(period: str, payee: str, stem_hex: str = "") -> bytes:
    return hashlib.sha256(f"{period}\0{payee}\0".encode() + bytes.fromhex(stem_hex)).digest()


def _fraction(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _pool(period: Period, closing: Closing, payees: int) -> dict[str, object]:
    played = sum((_stem_ms(period, stem_id) for stem_id in period.frames), Fraction(0))
    rate = closing.pool_micro / played if played else Fraction(0)
    unpaid_ms = {}
    for why in REASONS if closing.version > 2 else REASONS[:-1]:
        parts = [_ms(reasons.get(why, {})) for reasons in period.unpaid.values()]
        unpaid_ms[why] = _fraction(sum(parts, Fraction(0)))
    return {
        "income_micro": closing.income_micro,
        "carry_in_micro": closing.carry_in_micro,
        "pool_micro": closing.pool_micro,
        "carry_out_micro": 0 if played else closing.pool_micro,
        "carry_account": "carry/" + closing.currency,
        "play_ms": _fraction(played),
        "rate_micro_per_ms": _fraction(rate),
        "payees": payees,
        "catalogue_sha256": closing.catalogue_sha256.hex(),
        **({} if closing.version == 1 else {"unpaid_ms": unpaid_ms}),
    } | _counts(list(period.readings.values()), closing.version)


def _counts(readings: Sequence[Reading], version: int) -> dict[str, object]:
    result: dict[str, object] = {
        "segments": len(readings),
        "devices": len({reading.device_id for reading in readings}),
    }
    for kind in ("by_clock", "late", "by_reception"):
        result["segments_" + kind] = len([reading for reading in readings if reading.accrual == kind])
    if version != 1:
        result["segments_by_enrolment"] = len([reading for reading in readings if reading.accrual == "by_enrolment"])
        for flag in FLAGS:
            result["segments_" + flag] = len([reading for reading in readings if flag in reading.flags])
    return result


def _core(
    payee: str,
    amount: int,
    earned: dict[str, Fraction],
    period: Period,
    works: dict[bytes, Work],
    closing: Closing,
) -> dict[str, object]:
    parts = divide(amount, earned, lambda stem_hex: _lot(closing.period, payee, stem_hex))
    stems = [bytes.fromhex(stem_hex) for stem_hex in sorted(earned)]
    unpaid = sorted(id_ for id_ in period.unpaid if _ppm(payee, works[id_]))
    leaves = sorted({leaf for stem_id in {*stems, *unpaid} for leaf in period.leaves[stem_id]})
    digits = next((count for count, codes in MINOR_DIGITS.items() if closing.currency in codes), 2)
    whole, rest = divmod(amount, 10 ** (6 - digits))
    core = {
        "format": f"amos-statement/{closing.version}",
        "period": closing.period,
        "currency": closing.currency,
        "payee": payee,
        "amount_micro": amount,
        "amount": f"{amount // 1_000_000}.{amount % 1_000_000:06}",
        "minor_units": {"digits": digits, "whole": whole, "rest_micro": rest},
        "play_ms": _fraction(sum((_stem_ms(period, stem_id) for stem_id in stems), Fraction(0))),
        "earning_ms": _fraction(sum(earned.values(), Fraction(0))),
        "lines": [_line(payee, works[stem_id], period, parts[stem_id.hex()]) for stem_id in stems],
        "usage": _counts([period.readings[leaf] for leaf in leaves], closing.version) | {"leaves": _leaf_runs(leaves)},
    }
    if closing.version != 1:
        core["unpaid"] = [
            _played(payee, works[stem_id], period.unpaid[stem_id][why]) | {"reason": why}
            for stem_id in unpaid
            for why in sorted(period.unpaid[stem_id])
        ]
    return core


def _line(payee: str, work: Work, period: Period, amount: int) -> dict[str, object]:
    return _played(payee, work, period.frames[work.stem_id]) | {"amount_micro": amount}


def _ppm(payee: str, work: Work) -> int:
    return next((share.ppm for share in work.splits if share.payee == payee), 0)


def _ms(frames: dict[tuple[int, int], int]) -> Fraction:
    return sum((Fraction(1000 * count, rate) for (rate, _), count in frames.items()), Fraction(0))


def _played(payee: str, work: Work, frames: dict[tuple[int, int], int]) -> dict[str, object]:
    return {
        "stem": work.stem_id.hex(),
        "title": work.title,
        "artist": work.artist,
        "isrc": work.isrc if work.isrc is not None else "",
        "ppm": _ppm(payee, work),
        "frames": [{"rate_hz": rate, "tier": tier, "frames": n} for (rate, tier), n in sorted(frames.items())],
        "play_ms": _fraction(_ms(frames)),
    }


def _leaf_runs(leaves: Sequence[int]) -> list[list[int]]:
    result: list[list[int]] = []
    for leaf in leaves:
        if result and sum(result[-1]) == leaf:
            result[-1][1] += 1
        else:
            result.append([leaf, 1])
    return result

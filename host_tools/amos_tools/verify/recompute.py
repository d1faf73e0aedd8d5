"""What the readings, the catalogue and the pool come to: the ledger's arithmetic a second time, in its own words.

Plain integers and `Fraction`; nothing is taken from the statement or from the ledger's own modules.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from amos.protocol.catalogue import Catalogue, Work
from amos.protocol.closing import Closing
from amos.protocol.manifest import Manifest
from amos.protocol.opt_outs import OptOuts
from amos_tools.verify.errors import Difference
from amos_tools.verify.leaf_runs import LeafRuns
from amos_tools.verify.log import Reading
from amos_tools.verify.opened import UsageSaid, rows_of
from amos_tools.verify.standing import FLAGS, REASONS, Lists, all_earn, reason

PACKS_KEPT = 64
"""In memory: packs that are played at one time."""

MINOR_DIGITS = {
    0: ["CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"],
    3: ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"],
}


@dataclass
class Tally:
    """Of some settled segments: how many, how they stand, of which devices, and their leaves."""

    segments: int = 0
    devices: set[bytes] = field(default_factory=set)
    standing: Counter[str] = field(default_factory=Counter)
    leaves: LeafRuns = field(default_factory=LeafRuns)

    def add(self, reading: Reading) -> None:
        """One more, after all those before it."""
        self.segments += 1
        self.devices.add(reading.usage.device_id)
        self.standing.update((reading.accrual, *reading.flags))
        self.leaves.add(reading.index)


class Period:
    """A period while its readings are added up, in the order of their leaves.

    frames  stem id → (rate in Hz, tier) → frames that earn
    unpaid  stem id → reason → (rate in Hz, tier) → frames that do not
    whole   of all segments
    payees  of the segments in which a stem sounded of which the payee has a share
    """

    def __init__(
        self, catalogue: Catalogue, manifest_of: Callable[[bytes], Manifest], opt_outs: list[OptOuts], version: int
    ) -> None:
        """`opt_outs`: all lists before the closing, which has this version."""
        self.works = {work.stem_id: work for work in catalogue.works}
        self.frames: dict[bytes, dict[tuple[int, int], int]] = {}
        self.unpaid: dict[bytes, dict[str, dict[tuple[int, int], int]]] = {}
        self.whole = Tally()
        self.payees: dict[str, Tally] = {}
        self._manifest_of, self._opt_outs, self._version = manifest_of, Lists(opt_outs), version
        self._named = lru_cache(PACKS_KEPT)(self._named_stems)

    def take(self, reading: Reading) -> None:
        """Add every row. Raises `Difference` for a row that its pack cannot have."""
        usage = reading.usage
        manifest = self._manifest_of(usage.pack)
        label = f"entry {reading.index}: usage"
        if usage.rate_hz != manifest.rate_hz:
            raise Difference(f"{label}.rate_hz", f"the pack's {manifest.rate_hz}", usage.rate_hz)
        for stem in [row.stem for row in usage.sounded]:
            if stem >= len(manifest.stems):
                raise Difference(f"{label}.stems", f"below {len(manifest.stems)}", stem)
        for stem, frames, why in self._judged(reading, manifest):
            stem_id = manifest.stems[stem].stem_id
            if why is None:
                by_rate = self.frames.setdefault(stem_id, {})
            else:
                by_rate = self.unpaid.setdefault(stem_id, {}).setdefault(why, {})
            key = (usage.rate_hz, usage.tier)
            by_rate[key] = by_rate.get(key, 0) + frames
        self.whole.add(reading)
        for payee in self._payees_of({manifest.stems[row.stem].stem_id for row in usage.sounded}):
            self.payees.setdefault(payee, Tally()).add(reading)

    def _judged(self, reading: Reading, manifest: Manifest) -> Iterable[tuple[int, int, str | None]]:
        """(stem's index in the pack, frames, why they earn nothing) of all that sounded."""
        usage, began_s = reading.usage, reading.began_s
        why = why_nothing_earns(reading, self._version)
        if why is not None or self._version == 1 or began_s is None:
            return [(row.stem, row.frames, why) for row in usage.sounded]
        last_s = began_s + (usage.last_frame - usage.first_frame) // usage.rate_hz
        if all_earn(manifest, [row.stem for row in usage.sounded], last_s, self._named(usage.pack)):
            return [(row.stem, row.frames, None) for row in usage.sounded]
        return [
            (row.stem, row.frames, self._why(manifest, row.stem, began_s + _s(row.first_frame, usage)))
            for row in rows_of(reading.entry)
        ]

    def _why(self, manifest: Manifest, stem: int, unix_s: int) -> str | None:
        return reason(manifest, stem, unix_s, self._opt_outs)

    def _named_stems(self, pack: bytes) -> frozenset[int]:
        """Stems of the pack, by index, that some list names."""
        return self._opt_outs.ever_named(self._manifest_of(pack))

    def _payees_of(self, stem_ids: set[bytes]) -> set[str]:
        works = [self.works[stem_id] for stem_id in stem_ids if stem_id in self.works]
        return {share.payee for work in works for share in work.splits if share.ppm}


def _s(frame: int, usage: UsageSaid) -> int:
    return (frame - usage.first_frame) // usage.rate_hz


def why_nothing_earns(reading: Reading, version: int) -> str | None:
    """Why no row of the segment does under a closing of this version, None where each is to be asked."""
    if version == 1:
        return None
    if "over_time" in reading.flags:
        return "over_time"
    undatable = version > 2 and reading.revoked and reading.flags & {"undated", "far_dated"}
    return "revoked" if undatable else None


def divide(pool: int, shares: dict[str, Fraction], lot: Callable[[str], bytes]) -> dict[str, int]:
    """Largest remainder: floors first, then one each to those that lost most by it; `lot` decides ties."""
    total = sum(shares.values())
    exact = {name: pool * share / total for name, share in shares.items()}
    amounts = {name: value.numerator // value.denominator for name, value in exact.items()}
    queue = sorted(exact, key=lambda name: (amounts[name] - exact[name], lot(name)))
    for name in queue[: pool - sum(amounts.values())]:
        amounts[name] += 1
    return amounts


def cores(period: Period, closing: Closing) -> list[dict[str, object]]:
    """The core of every payee's statement, by payee. Raises `Difference` for a stem that the catalogue lacks."""
    works = period.works
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
        _core(payee, amounts.get(payee, 0), earned.get(payee, {}), period, closing) | {"pool": pool} for payee in payees
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
    } | _counts(period.whole, closing.version)


def _counts(tally: Tally, version: int) -> dict[str, object]:
    named: tuple[str, ...] = ("by_clock", "late", "by_reception")
    if version != 1:
        named = (*named, "by_enrolment", *FLAGS)
    counted = {"segments_" + name: tally.standing[name] for name in named}
    return {"segments": tally.segments, "devices": len(tally.devices), **counted}


def _core(
    payee: str,
    amount: int,
    earned: dict[str, Fraction],
    period: Period,
    closing: Closing,
) -> dict[str, object]:
    works, tally = period.works, period.payees[payee]
    parts = divide(amount, earned, lambda stem_hex: _lot(closing.period, payee, stem_hex))
    stems = [bytes.fromhex(stem_hex) for stem_hex in sorted(earned)]
    unpaid = sorted(id_ for id_ in period.unpaid if _ppm(payee, works[id_]))
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
        "usage": _counts(tally, closing.version) | {"leaves": tally.leaves.pairs()},
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

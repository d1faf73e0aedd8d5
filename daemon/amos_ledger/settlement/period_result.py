"""A period worked out as closings of version 1 to 3 have it, which list the leaves that they settle. Pure.

None is made: an earlier ledger's are worked out again, to write statements that lack. Those of version 4 are made in
`metered_result.py`.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fractions import Fraction

from amos.protocol.closing import VERSION_ALL_PAID, VERSION_LISTED, VERSION_REVOKED_PAID, Closing, settled_of
from amos.protocol.manifest import Manifest
from amos.protocol.segment import Usage
from amos_ledger.settlement.accounts import Earned
from amos_ledger.settlement.apportionment import Settlement, SettlementError, settle
from amos_ledger.settlement.period_tally import LeafFacts, PeriodTally, Tally
from amos_ledger.settlement.rights import decode_catalogue
from amos_ledger.settlement.rollup import Rollup, roll_up
from amos_ledger.settlement.standing import OptOutHistory, decode_opt_outs, divide
from amos_ledger.settlement.statement import accrual, core_bytes, cores
from amos_ledger.settlement.statements_tree import statements_tree


@dataclass(frozen=True)
class Terms:
    """What is settled, and with what.

    previous  leaf index of the closing before, None for the first
    closed    periods closed so far and the leaf index of each closing
    catalogue the publisher's signed catalogue, bytes; it was verified when it was taken in
    opt_outs  the opt-out lists in the log by then, bytes, as the catalogue
    version   of the closing: one of version 1 pays every row, one of version 2 knows no revocations
    revoked   device id → leaf index of the first revocation of its key
    """

    period: str
    currency: str
    income_micro: int
    carry_in_micro: int
    previous: int | None
    closed: Mapping[str, int]
    catalogue: bytes
    opt_outs: Sequence[bytes] = ()
    version: int = VERSION_LISTED
    revoked: Mapping[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PeriodResult:
    """A period worked out. `cores` and their bytes are in order of payee, as are the payouts. `whole` and `rollup` are
    of all its segments, and of all that sounded, paid or not."""

    settlement: Settlement
    closing: Closing
    cores: Sequence[Mapping[str, object]]
    core_bytes: Sequence[bytes]
    whole: Tally
    rollup: Rollup

    @property
    def payees(self) -> list[str]:
        """In order."""
        return [payout.payee for payout in self.settlement.payouts]

    @property
    def amounts(self) -> list[int]:
        """Micro-units of each payee."""
        return [payout.amount_micro for payout in self.settlement.payouts]

    @property
    def segments(self) -> int:
        """How many were settled."""
        return self.whole.segments

    @property
    def devices(self) -> int:
        """Of how many devices."""
        return len(self.whole.devices)

    @property
    def play_ms(self) -> Fraction:
        """Stem-time that earns."""
        return self.settlement.play_ms

    @property
    def rate(self) -> Fraction:
        """Micro-units earned by a millisecond of it."""
        return self.settlement.rate

    def earned(self) -> list[Earned]:
        """What each payee is credited; nothing of it is frozen."""
        return [(payout.payee, payout.amount_micro, 0) for payout in self.settlement.payouts]

    def core(self, number: int) -> Mapping[str, object]:
        """What the statement of that payee says."""
        return self.cores[number]


def work_out(
    terms: Terms,
    segments: Iterable[tuple[int, Usage, AbstractSet[str]]],
    manifest_of: Callable[[bytes], Manifest | None],
) -> PeriodResult:
    """Settle the period over its accepted segments, given as (leaf index, what it says, flags), by ascending index.
    They are added up one by one and not kept.

    Raises `SettlementError` for a pack without a manifest or a stem without splits.
    """
    history = OptOutHistory(map(decode_opt_outs, terms.opt_outs))
    works = {work.stem_id: work for work in decode_catalogue(terms.catalogue).works}
    splits = {stem_id: [(share.payee, share.ppm) for share in work.splits] for stem_id, work in works.items()}
    pool_micro = terms.income_micro + terms.carry_in_micro
    period = PeriodTally(splits)
    for index, usage, flags in segments:
        period.add(_facts(terms, history, index, usage, flags, manifest_of))
    settlement = settle(terms.period, pool_micro, period.paid, splits, period.unpaid)
    closing = Closing(
        version=terms.version,
        period=terms.period,
        currency=terms.currency,
        income_micro=terms.income_micro,
        carry_in_micro=terms.carry_in_micro,
        pool_micro=pool_micro,
        carry_out_micro=settlement.carried_micro,
        catalogue_sha256=hashlib.sha256(terms.catalogue).digest(),
        previous=terms.previous,
        settled=settled_of(period.whole.runs),
        statements_root=bytes(32),
        statements=len(settlement.payouts),
    )
    facts = cores(settlement, closing, works, period)
    hashed = [core_bytes(core) for core in facts]
    closing.statements_root = statements_tree(hashed).root
    return PeriodResult(settlement, closing, facts, hashed, period.whole, period.rollup)


def _facts(
    terms: Terms,
    history: OptOutHistory,
    index: int,
    usage: Usage,
    flags: AbstractSet[str],
    manifest_of: Callable[[bytes], Manifest | None],
) -> LeafFacts:
    manifest = manifest_of(usage.pack)
    if manifest is None:
        raise SettlementError(f"entry {index}: expected the manifest of its pack {usage.pack.hex()}, found none")
    closed_before = {period for period, closing_index in terms.closed.items() if closing_index < index}
    if terms.version == VERSION_ALL_PAID:
        how = accrual(usage, terms.period, closed_before, frozenset())
        return LeafFacts(index, usage.device_id, how, frozenset(), roll_up(usage, manifest), {})
    revoked = terms.version > VERSION_REVOKED_PAID and index > terms.revoked.get(usage.device_id, index)
    paid, unpaid = divide(usage, manifest, flags, history, revoked)
    return LeafFacts(index, usage.device_id, accrual(usage, terms.period, closed_before, flags), flags, paid, unpaid)

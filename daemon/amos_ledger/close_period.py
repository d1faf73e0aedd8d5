"""Close a period on a real ledger.

Contract: when `close_period` returns, the closing is an entry of the log, durably, or it was one before; nothing else
was changed. Work happens outside of the write lock, so that intake goes on meanwhile, and is redone when the ground
moved.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from amos.crypto import key_id
from amos.protocol.closing import COMMUNAL, VERSION, VERSION_LISTED, Closing, sign_closing
from amos.protocol.rotation import LEDGER
from amos.protocol.transfer import carry_of
from amos_ledger.accounts import accounts, incomes_of
from amos_ledger.closings import (
    check_open,
    closed_before_leaf,
    closing_in,
    earlier_waiting,
    is_late_month,
    latest_in,
    opened,
)
from amos_ledger.currencies import check_currency
from amos_ledger.errors import LedgerError, PeriodClosed
from amos_ledger.listed_period import work_out_listed
from amos_ledger.pool_segments import PeriodSegments
from amos_ledger.readings_work import PlayedSums
from amos_ledger.settlement.accounts import Accounts, Books, Earned
from amos_ledger.settlement.judging import ByDay
from amos_ledger.settlement.meter import Watched
from amos_ledger.settlement.metered_result import MeteredResult, MeterTerms, work_out_readings
from amos_ledger.settlement.money import INCOME_UNITS_MAX, MICRO, decimal
from amos_ledger.settlement.period_result import PeriodResult
from amos_ledger.settlement.rights import RightsHistory, said_in
from amos_ledger.store.entries import usage_in
from amos_ledger.store.store import Store

SignBy = Callable[[bytes, bytes], bytes]
"""(key of the ledger's, message) → signature."""

_ATTEMPTS = 3
"""Reckonings without the write lock before one is made with it."""


class EarlierPeriodOpen(LedgerError):
    """Periods are closed in their order: usage of an earlier one waits."""


class NoCatalogue(LedgerError):
    """No catalogue was published, so nobody is known who could be paid."""


class NoIncome(LedgerError):
    """Nothing was taken in, and nobody says so."""


class IncomeDiffers(LedgerError):
    """The income that is stated is another than the one that was added."""


class PoolTooLarge(LedgerError):
    """Income and carry exceed what an account can hold."""


class LedgerInconsistent(LedgerError):
    """What the ledger added up at intake is not what its log says."""


@dataclass(frozen=True)
class ClosedNow:
    """A period that is closed: `fresh` when it was this call that did it."""

    result: MeteredResult | PeriodResult
    entry: bytes
    leaf_index: int
    fresh: bool


@dataclass(frozen=True)
class _Ground:
    """What a result rests on; when it is the same later, so is the result: usage of an open period is only added."""

    terms: MeterTerms
    segments: int
    transfers: int
    placings: int


def close_period(
    store: Store,
    sign_by: SignBy,
    period: str,
    income_micro: int | None,
    currency: str,
    pool: str = COMMUNAL,
    by_day: ByDay | None = None,
) -> ClosedNow:
    """Settle and close the period for a pool in a currency; where that is closed, it is worked out again, and nothing
    is written. The income is that of the transfers for the pool; where there is none, `income_micro`, which stands for
    the pool's first currency alone. In a further one the same play earns again. `by_day` is given what sounded in the
    pool, but for that of a closing that lists its leaves.

    Raises `PeriodClosed` when it was closed with another income, another `LedgerError` when it cannot be
    settled, `SettlementError` when a split or a manifest is missing.
    """
    _keep_earned(store)
    wanted = period, income_micro, currency, pool
    for _ in range(_ATTEMPTS):
        closed = _closed_before(store, *wanted, by_day)
        if closed is not None:
            return closed
        ground = _ground(store, *wanted)
        drafted = _work_out(store, ground.terms, by_day=by_day)
        with store.transaction():
            if closing_in(store, period, currency, pool) is None and _ground(store, *wanted) == ground:
                return _append(store, sign_by, _checked(store, drafted))
    with store.transaction():
        closed = _closed_before(store, *wanted, by_day)
        if closed is not None:
            return closed
        drafted = _work_out(store, _ground(store, *wanted).terms, by_day=by_day)
        return _append(store, sign_by, _checked(store, drafted))


def result_from_log(
    store: Store, title: str, watched: Watched | None = None, by_day: ByDay | None = None
) -> ClosedNow | None:
    """The closing of that title worked out from the log; None when there is none. What is `watched` is kept, and
    `by_day` is given what sounded, as by `close_period`. Raises `LedgerInconsistent` if that gives another closing than
    the log has."""
    found = next((item for item in store.closings() if item.title == title), None)
    if found is None:
        return None
    closing = opened(store, found.leaf_index, found.entry)
    first = found.leaf_index if closing.readings_of is None else closing.readings_of
    closed = closed_before_leaf(store, first)
    result: MeteredResult | PeriodResult
    if closing.version <= VERSION_LISTED:
        result = work_out_listed(store, closing, closed, found.leaf_index)
    else:
        money = closing.currency, closing.income_micro, closing.carry_in_micro
        books = accounts_at(store, closing.currency, found.leaf_index).books()
        pool = closing.pool if closing.version == VERSION else None
        terms = _terms(store, closing.period, money, closing.previous, closed, first, books, closing.readings_of, pool)
        result = _checked(store, _work_out(store, terms, watched, by_day))
    if result.closing.encode() != closing.encode():
        raise LedgerInconsistent(f"{title}: expected the log to give the closing at leaf {found.leaf_index} again")
    return ClosedNow(result, found.entry, found.leaf_index, False)


def _closed_before(
    store: Store, period: str, income_micro: int | None, currency: str, pool: str, by_day: ByDay | None
) -> ClosedNow | None:
    named, first = closing_in(store, period, currency, pool), closing_in(store, period, pool=pool)
    if named is None and (first is None or income_micro is None):
        return None
    if named is None:
        assert first is not None
        raise PeriodClosed(
            f"{period}: expected the income in a further currency added (amos pool add-income), since the period is"
            f" closed in {first.currency}, found {decimal(income_micro or 0)} {currency} stated"
        )
    closed = result_from_log(store, named.title(), by_day=by_day)
    assert closed is not None
    closing = closed.result.closing
    if income_micro not in (None, closing.income_micro):
        was, found = f"{decimal(closing.income_micro)} {closing.currency}", decimal(income_micro or 0)
        raise PeriodClosed(f"{period}: expected the income it was closed with, {was}, found {found} {currency}")
    return closed


def _ground(store: Store, period: str, income_micro: int | None, currency: str, pool: str) -> _Ground:
    with store.snapshot():
        check_open(store, pool)
        check_currency(store, currency)
        closings = store.closings()
        closed = closed_before_leaf(store, store.size())
        earlier = [item for item in store.periods() if item < period and item not in closed]
        if earlier:
            raise EarlierPeriodOpen(
                f"{period}: expected every earlier period closed, found usage of {earlier[0]}; settle that first,"
                " with --income 0 if nothing was taken for it"
            )
        if store.documents.latest_serial() is None:
            raise NoCatalogue("catalogue: expected one published to this ledger, found none")
        books = accounts_at(store, currency, store.size()).books()
        if closing_in(store, period, pool=pool) is None:
            _check_currency(store, period, currency, pool)
        _check_order(store, books, period, currency, pool)
        carry_micro, income_micro = books.balance(carry_of(pool)), _income(books, period, pool, income_micro)
        if income_micro + carry_micro > INCOME_UNITS_MAX * MICRO:
            raise PoolTooLarge(
                f"pool: expected at most {INCOME_UNITS_MAX}, found {decimal(income_micro + carry_micro)}"
            )
        money = currency, income_micro, carry_micro
        previous = closings[-1].leaf_index if closings else None
        first = closed.get(period)
        if first is not None:
            closed = closed_before_leaf(store, first)
            _check_readings(store, first)
        named = _named(store, pool, first)
        terms = _terms(store, period, money, previous, closed, first or store.size(), books, first, named)
        placings = store.placings.last_number()
        return _Ground(terms, store.period_usage.count(period), store.transfers.last_number(), placings)


def _named(store: Store, pool: str, first: int | None) -> str | None:
    """The pool as the closing is to name it: where there are several, of those before the first closing of the period,
    which is at that leaf, or comes now."""
    if first is None:
        several = bool(store.placings.pools(store.size()))
    else:
        several = opened(store, first, store.log.entry(first)).version == VERSION
    return pool if several or pool != COMMUNAL else None


def _check_currency(store: Store, period: str, currency: str, pool: str) -> None:
    """Whoever settles in a currency in which nothing was added, where something was in another, means that one."""
    found = incomes_of(store, period, store.size(), pool)
    if found and currency not in found:
        raise IncomeDiffers(f"{period}: expected to be settled in {min(found)}, as income was added, found {currency}")


def _income(books: Books, period: str, pool: str, stated_micro: int | None) -> int:
    """What is divided besides the carry. Raises `IncomeDiffers`, `NoIncome`."""
    logged_micro = books.incomes.get((pool, period))
    if logged_micro is None and stated_micro is None:
        raise NoIncome(
            f"{period}: expected the income of pool {pool}, stated or added before (amos pool add-income), found none"
        )
    if logged_micro is not None and stated_micro not in (None, logged_micro):
        raise IncomeDiffers(
            f"{period}: expected the income that was added, {decimal(logged_micro)}, found {decimal(stated_micro or 0)}"
        )
    return (stated_micro or 0) if logged_micro is None else logged_micro


def _terms(
    store: Store,
    period: str,
    money: tuple[str, int, int],
    previous: int | None,
    closed: Mapping[str, int],
    size: int,
    books: Books,
    readings_of: int | None,
    pool: str | None,
) -> MeterTerms:
    """Terms of a closing whose readings are of the first `size` entries; `money` is currency, income and what is
    carried in."""
    first_batch = store.period_usage.first_batch()
    catalogues, opt_outs = store.documents.catalogues(size), store.opt_outs.all(size)
    first_batch_s = 0 if first_batch is None else first_batch[1]
    revoked = store.revocations()
    named = catalogues, opt_outs, revoked
    return MeterTerms(period, *money, previous, closed, *named, first_batch_s, books, readings_of, pool)


def _check_order(store: Store, books: Books, period: str, currency: str, pool: str) -> None:
    """In one pool and currency periods are closed in their order, but for a month whose play came later. What is
    carried runs in the order of the log."""
    earlier = [item for of, item in books.incomes if of == pool and item < period]
    if earlier:
        raise EarlierPeriodOpen(
            f"{period}: expected what was added for {min(earlier)} in {currency} settled, found it waiting; settle that"
            " first"
        )
    waiting = earlier_waiting(store, period, pool)
    if waiting is not None:
        raise EarlierPeriodOpen(
            f"{period}: expected every earlier period closed, found usage of {waiting} in pool {pool}; settle that"
            " first, with --income 0 if nothing was taken for it"
        )
    later = latest_in(store, currency, pool)
    waits = (pool, period) in books.incomes
    if later is not None and later > period and not waits and not is_late_month(store, period, pool):
        raise PeriodClosed(f"{period}: expected no later period closed in {currency}, found {later}; name the next")


def _check_readings(store: Store, first: int) -> None:
    """A closing that lists its leaves has no readings by which another could divide."""
    closing = opened(store, first, store.log.entry(first))
    if closing.version <= VERSION_LISTED:
        raise PeriodClosed(
            f"{closing.period}: expected an open period, found one that a version before 4 closed; name the next"
        )


def accounts_at(store: Store, currency: str, size: int) -> Accounts:
    """The accounts of that currency after the first `size` entries of the log."""
    closings = [(item.leaf_index, opened(store, item.leaf_index, item.entry)) for item in store.closings()]
    return accounts(store, currency, closings, partial(_earned_in, store), size)


def _earned_in(store: Store, closing: Closing) -> list[Earned]:
    """As it was kept, where that sums to what the closing divided; else worked out."""
    kept = _kept_earned(store, closing)
    if kept is not None:
        return kept
    closed = result_from_log(store, closing.title())
    assert closed is not None
    return closed.result.earned()


def _kept_earned(store: Store, closing: Closing) -> list[Earned] | None:
    kept = store.transfers.earned(closing.title())
    return (
        kept if sum(amount for _payee, amount, _late in kept) + closing.carry_out_micro == closing.pool_micro else None
    )


def _keep_earned(store: Store) -> None:
    """Keep what each closing gave, of those where it is not kept yet: it takes long to work out."""
    for item in store.closings():
        closing = opened(store, item.leaf_index, item.entry)
        if _kept_earned(store, closing) is None:
            earned = _earned_in(store, closing)
            with store.transaction():
                store.transfers.keep_earned(closing.title(), earned)


def _work_out(
    store: Store, terms: MeterTerms, watched: Watched | None = None, by_day: ByDay | None = None
) -> tuple[MeteredResult, bytes]:
    # The first closing of a period holds all of its play, of whichever pool, against what intake added up.
    whole = terms.pool is not None and terms.readings_of is None
    segments = PeriodSegments(store, terms.period, terms.pool, whole)
    rights = RightsHistory((since_s, said_in(data), data) for since_s, data in terms.catalogues)
    with PlayedSums(rights.stem_ids) as sums:
        read = segments, segments.sequences(), store.manifest, usage_in
        return work_out_readings(terms, rights, *read, sums, watched, by_day, segments.beside)


def _checked(store: Store, drafted: tuple[MeteredResult, bytes]) -> MeteredResult:
    """The result, when the store added up the same while it took the segments in. Call it when none comes between."""
    result, rollup = drafted
    compared = result.closing.version != VERSION or result.closing.readings_of is None
    if compared and rollup != store.rollups.digest(result.closing.period):
        period = result.closing.period
        raise LedgerInconsistent(f"{period}: expected the roll-up that the log gives, found another in the store")
    return result


def _append(store: Store, sign_by: SignBy, result: MeteredResult) -> ClosedNow:
    key = store.rotations.line(LEDGER, store.public_key).present
    entry = sign_closing(result.closing, key_id(key), partial(sign_by, key))
    index = store.append_closing(result.closing.title(), entry)
    store.transfers.keep_earned(result.closing.title(), result.earned())
    return ClosedNow(result, entry, index, True)

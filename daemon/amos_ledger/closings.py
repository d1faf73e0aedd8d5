"""The closings in a ledger's log: what they are called, and which pool is closed for which period in which currency."""

from amos.crypto import verify
from amos.protocol.closing import COMMUNAL, Closing, open_closing
from amos.protocol.rotation import LEDGER
from amos_ledger.accounts import incomes_of
from amos_ledger.errors import PoolRefused
from amos_ledger.pool_segments import played_pools
from amos_ledger.settlement.periods import period_at
from amos_ledger.store.store import PERIOD_LETTERS, Store


def check_open(store: Store, pool: str) -> None:
    """Raise `PoolRefused` for a pool that no entry opened."""
    known = [COMMUNAL, *store.placings.pools(store.size())]
    if pool not in known:
        raise PoolRefused(
            f"pool: expected one that is open ({', '.join(known)}), found {pool}; amos pool open opens it"
        )


def latest_in(store: Store, currency: str, pool: str) -> str | None:
    """The last period for which the pool is closed in the currency."""
    found = (item for item in _all(store) if (item.currency, _pool_of(item)) == (currency, pool))
    return max((item.period for item in found), default=None)


def is_late_month(store: Store, period: str, pool: str) -> bool:
    """Whether the pool was never closed for this month, in which something was played, and of which nothing was known
    when a later one was closed, in whichever pool: it is settled after later ones."""
    if closing_in(store, period, pool=pool) is not None or period not in store.periods():
        return False
    closed = [item.period for item in _all(store)]
    return period not in closed or max(closed[: closed.index(period)], default="") > period


def statements_in(store: Store, period: str, currency: str, pool: str = COMMUNAL) -> str:
    """The name of the folder for the statements of the pool's closing of the period in this currency, also of one to
    come."""
    named = closing_in(store, period, currency, pool)
    if named is not None:
        return named.title()
    return f"{period}-{currency}" if pool == COMMUNAL else f"{period}-{pool}-{currency}"


def title_of_pool(store: Store, period: str, pool: str) -> str | None:
    """The title of the first closing of the pool for the period; None where there is none."""
    found = closing_in(store, period, pool=pool)
    return None if found is None else found.title()


def waiting_pools(store: Store, period: str) -> list[str]:
    """The pools of a settled period in which something was played, or for which income waits, and which are not closed
    for it in any currency."""
    if not store.placings.last_number() or closing_in(store, period) is None:
        return []
    size = store.size()
    open_ = [name for name in (COMMUNAL, *store.placings.pools(size)) if title_of_pool(store, period, name) is None]
    played = played_pools(store, period) if open_ else set()
    return [name for name in open_ if name in played or incomes_of(store, period, size, name)]


def earlier_waiting(store: Store, period: str, pool: str) -> str | None:
    """The first month before the period, since the pool was closed last, that is settled for other pools and in which
    something of this one was played: once a later month is closed for it, that one never can be."""
    if not store.placings.last_number() or closing_in(store, period, pool=pool) is not None:
        return None
    closings = _all(store)
    own = {item.period for item in closings if _pool_of(item) == pool}
    began = [period_at(since_s) for _leaf, since_s, said in store.placings.said() if said.pool == pool]
    since = max(max((item for item in own if item < period), default=""), "" if pool == COMMUNAL else min(began))
    others = sorted({item.period for item in closings} - own)
    return next((item for item in others if since <= item < period and pool in played_pools(store, item)), None)


def closing_in(store: Store, period: str, currency: str | None = None, pool: str | None = None) -> Closing | None:
    """The first closing of the period in this currency and of this pool; None: in any."""
    for item in _all(store):
        if item.period == period and currency in (None, item.currency) and pool in (None, _pool_of(item)):
            return item
    return None


def closed_currencies(store: Store) -> set[str]:
    """The currencies in which something was closed."""
    return {item.currency for item in _all(store)}


def _pool_of(closing: Closing) -> str:
    return closing.pool or COMMUNAL


def _all(store: Store) -> list[Closing]:
    return [opened(store, item.leaf_index, item.entry) for item in store.closings()]


def closed_before_leaf(store: Store, size: int) -> dict[str, int]:
    """Period → leaf index of its first closing, of those among the first entries."""
    found: dict[str, int] = {}
    for item in store.closings():
        if item.leaf_index < size:
            found.setdefault(item.title[:PERIOD_LETTERS], item.leaf_index)
    return found


def opened(store: Store, index: int, entry: bytes) -> Closing:
    """The closing at that leaf, by the ledger's key that was in force."""
    line = store.rotations.line(LEDGER, store.public_key)
    closing: Closing = line.open_at(index, entry, open_closing, verify)
    return closing

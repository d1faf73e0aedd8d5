"""Pools are opened, and sites go from one to another: entries of the log that the operator signs (SPEC section 14).

Contract: when `place` returns, the entry is in the log, durably, behind a batch entry of its minute, so that what was
played before it is not moved.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from amos.crypto import key_id, public_key, sign
from amos.protocol.batch import batch_entry, minute_of
from amos.protocol.closing import COMMUNAL
from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.licence_pool import OPEN, VERSION, LicencePool, PlacedSite, open_pool, sign_pool
from amos_ledger.errors import PlacedAlready, PoolRefused, StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.operators_word import open_word
from amos_ledger.pool_segments import membership
from amos_ledger.registry import publish
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store


@dataclass(frozen=True)
class SitesWanted:
    """What is to be signed: a pool opened, or sites placed in one, from an instant on; None: from now on."""

    action: int
    pool: str
    sites: Sequence[str]
    from_unix_s: int | None
    reason: str


@dataclass(frozen=True)
class Placed:
    """The entry at that leaf, since when it is in force, and whether it was not in the log before."""

    said: LicencePool
    leaf_index: int
    since_s: int
    fresh: bool


def place(folder: Folder, wanted: SitesWanted, seed: bytes, now: Callable[[], float] = time.time) -> Placed:
    """Sign what is wanted with the operator's key of that seed, and log it. Where an entry says the same and still
    holds, nothing is logged. Works while the ledger serves. Raises `PoolRefused`, of which a `PlacedAlready` says that
    the sites are there by the instant that is named, `ClockWrong`, `StorageFailed`."""
    try:
        with checked_store(folder, now) as store:
            with store.transaction():
                known = _said_before(store, wanted, int(now()))
                done = known or _append(folder, store, wanted, _signed(store, wanted, seed, now), int(now()))
            publish(folder, store)  # also of what is known: whoever was killed before this gives the order again
        return done
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{folder.path}: {error}") from None


def _said_before(store: Store, wanted: SitesWanted, now_s: int) -> Placed | None:
    """The last entry that says what is wanted, as it does when an order is given again; None where it holds no more."""
    words = wanted.action, wanted.pool, sorted(set(wanted.sites)), wanted.reason
    for index, since_s, said in reversed(store.placings.said()):
        same = (said.action, said.pool, said.names, said.reason) == words
        if same and wanted.from_unix_s in (None, said.from_unix_s):
            return None if _would_move(store, wanted, now_s) else Placed(said, index, since_s, False)
    return None


def _would_move(store: Store, wanted: SitesWanted, now_s: int) -> bool:
    """Whether, by the entries so far, one of the sites is in another pool at some time from the wanted instant on."""
    began_s, size = _effective_s(wanted, now_s), store.size()
    instants = [began_s, *(since_s for _index, since_s, _said in store.placings.said() if since_s > began_s)]
    members = membership(store)
    return any(members.pool_of_site(site, size, at) != wanted.pool for site in wanted.sites for at in instants)


def _effective_s(wanted: SitesWanted, now_s: int) -> int:
    """Since when an entry that is logged now is in force."""
    return now_s if wanted.from_unix_s is None else max(wanted.from_unix_s, minute_of(now_s))


def _check_moves(store: Store, wanted: SitesWanted, now_s: int) -> None:
    """Whoever names an instant means a change at it: a move that was announced is not put off by a later one. Raises
    `PlacedAlready`."""
    if wanted.from_unix_s is None or _would_move(store, wanted, now_s):
        return
    site = min(wanted.sites)
    began_s = _effective_s(wanted, now_s)
    entries = [item for item in store.placings.said() if site in item[2].names and item[1] <= began_s]
    why = "no entry places it elsewhere"
    if entries:
        index, since_s, _said = entries[-1]
        since = _iso(since_s)
        why = f"entry {index} places it there from {since} on; to put that off, move it to another pool until then"
    expected = f"expected a time at which {site} is not in pool {wanted.pool} yet"
    raise PlacedAlready(f"from: {expected}, found {_iso(wanted.from_unix_s)}: {why}")


def _iso(unix_s: int) -> str:
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _signed(store: Store, wanted: SitesWanted, seed: bytes, now: Callable[[], float]) -> bytes:
    try:
        said = LicencePool(
            version=VERSION,
            number=store.placings.last_number() + 1,
            pool=wanted.pool,
            action=wanted.action,
            sites=[PlacedSite(site=site) for site in sorted(set(wanted.sites))],
            from_unix_s=int(now()) if wanted.from_unix_s is None else wanted.from_unix_s,
            reason=wanted.reason,
            unix_s=int(now()),
        )
        return sign_pool(said, key_id(public_key(seed)), lambda message: sign(seed, message))
    except LocalError as error:
        raise PoolRefused(str(error)) from None


def _append(folder: Folder, store: Store, wanted: SitesWanted, data: bytes, now_s: int) -> Placed:
    try:
        said: LicencePool = open_word(folder, store, data, open_pool)
    except ProtocolError as error:
        raise PoolRefused(f"pool: {error}") from None
    pools = store.placings.pools(store.size())
    if said.action == OPEN and said.pool in pools:
        raise PoolRefused(f"pool: expected a name that no pool has, found {said.pool}, which is open")
    if said.action != OPEN and said.pool not in (COMMUNAL, *pools):
        raise PoolRefused(f"pool: expected one of {', '.join((COMMUNAL, *pools))}, found {said.pool}")
    known = {enrolment.site for _index, _since_s, enrolment in store.placings.enrolments()}
    unknown = sorted(set(said.names) - known)
    if unknown:
        raise PoolRefused(f"site: expected one at which a device is or was enrolled, found {unknown[0]}")
    if said.action != OPEN:
        _check_moves(store, wanted, now_s)
    minute_s = minute_of(now_s)
    if minute_s > (store.log.last_batch() or 0):
        store.note_batch(store.append([batch_entry(minute_s)]), minute_s)
    index = store.placings.append(said, data)
    return Placed(said, index, store.placings.said()[-1][1], True)

"""Opt-outs by a delegated key, which the ledger holds: payees withdraw stems on their page, at once and without the
publisher's key. That key can only silence the stems of its delegation, and take back what it itself silenced, never
what the publisher's own list silences. Only who withdrew a stem brings it back, while it pays them: any whom it pays
may let it be silent.

The list is an entry of the log, published as a file and retained at the broker, as the publisher's is. It carries the
delegation, so that players and verifiers believe nobody but the publisher.
"""

import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from amos.crypto import key_id, public_key, sign, verify
from amos.edges.durable_host import write_whole
from amos.protocol.catalogue import Work
from amos.protocol.delegated import (
    DELEGATION_BYTES_MAX,
    DelegatedOptOuts,
    Delegation,
    open_delegated,
    open_delegation,
    stem_ids_of,
)
from amos.protocol.errors import ProtocolError
from amos.protocol.rotation import LEDGER
from amos.protocol.signing import list_delegated, sign_delegated
from amos_ledger.command import utc
from amos_ledger.delegated_order import earliest_issue_s
from amos_ledger.errors import KeyUnusable, OptOutsRefused, StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.folder_files import read_seed
from amos_ledger.heads import checked_store
from amos_ledger.opt_outs import listed_by_publisher
from amos_ledger.public import Public
from amos_ledger.published_beside import write_opt_outs
from amos_ledger.registry import read_capped
from amos_ledger.settlement.rights import decode_catalogue
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store
from amos_places.folder import FolderPlace

KEY_NAME, NEXT_KEY_NAME = "opt-out.key", "opt-out-next.key"
AHEAD_S_MAX = 60
"""What is withdrawn is silent at once, and earns until the list's own time."""

_NOT_DELEGATED = "opt-outs: expected the publisher's delegation, found none; amos ledger opt-out-key says how"


def made_key(folder: Folder, renew: bool = False) -> bytes:
    """The public key to delegate to, made where there is none. `renew`: the one that takes its place with the
    delegation that names it, as after a theft; until then payees go on with the old. Raises `KeyUnusable`,
    `StorageFailed`."""
    path = folder.path / (NEXT_KEY_NAME if renew else KEY_NAME)
    if not path.exists():
        _write_key(path, secrets.token_bytes(32))
    return public_key(read_seed(path))


def _write_key(path: Path, seed: bytes) -> None:
    try:
        write_whole(path, seed, 0o600)
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}") from None


def _seed_of(folder: Folder, key: bytes) -> bytes:
    """The secret of a delegated key. Raises `KeyUnusable`, `OptOutsRefused`."""
    following = folder.path / NEXT_KEY_NAME
    if following.exists() and public_key(seed := read_seed(following)) == key:
        return seed
    path = folder.path / KEY_NAME
    if not path.exists():
        raise KeyUnusable(
            f"{path}: expected the key of the delegation, found none; put it back, or make another with amos ledger"
            " opt-out-key and have the publisher delegate to it (amos pack delegate) with a higher serial"
        )
    seed = read_seed(path)
    if public_key(seed) != key:
        raise OptOutsRefused(
            f"delegation.key: expected this ledger's, {public_key(seed).hex()}, found {key.hex()}; have the publisher"
            " delegate to this ledger's (amos pack delegate) with a higher serial"
        )
    return seed


def _give_way(folder: Folder, key: bytes) -> None:
    """The next key becomes the present one, once a list in the log is by it. Raises `StorageFailed`, `KeyUnusable`."""
    following = folder.path / NEXT_KEY_NAME
    if following.exists() and public_key(seed := read_seed(following)) == key:
        _write_key(folder.path / KEY_NAME, seed)
        following.unlink()


def read_delegation(path: Path) -> bytes:
    """A file's bytes, capped. Raises `OptOutsRefused`."""
    return read_capped(path, DELEGATION_BYTES_MAX, OptOutsRefused)


def take_delegation(folder: Folder, data: bytes, now_s: int) -> tuple[Delegation, bool]:
    """(delegation, whether it was not in force before). A list under it comes into force at once, with the stems that
    were withdrawn under the one before. Raises `OptOutsRefused`, `StorageFailed`, `KeyUnusable`."""
    delegation = _delegation(folder, data)
    _seed_of(folder, delegation.key)
    with _writing(folder) as store:
        last = _last(folder, store)
        if last is not None and last.delegation == data:
            _show(folder, store, delegation)
            return delegation, False
        ledger = store.rotations.line(LEDGER, store.public_key).present
        if delegation.ledger != ledger:
            raise OptOutsRefused(
                f"delegation.ledger: expected the key of this ledger that is in force, {ledger.hex()},"
                f" found {delegation.ledger.hex()}"
            )
        withdrawn = set[bytes]()
        if last is not None:
            if delegation.serial <= last.delegation_serial:
                least = last.delegation_serial
                raise OptOutsRefused(f"delegation.serial: expected above {least}, found {delegation.serial}")
            withdrawn = set(stem_ids_of(last))
            _check_keeps(store, delegation, withdrawn)
        kept = {stem_id for stem_id in withdrawn if stem_id in delegation}
        _issue(folder, store, last, kept, data, now_s, None)
    return delegation, True


def _check_keeps(store: Store, delegation: Delegation, withdrawn: Collection[bytes]) -> None:
    """What a payee withdrew must not sound again because a delegation forgot it: the publisher, who may bring anything
    back, takes it on its own list first."""
    theirs = listed_by_publisher(store)
    missing = sorted(item.hex() for item in withdrawn if item not in delegation and item not in theirs)
    if missing:
        raise OptOutsRefused(
            f"delegation.ids: expected also {' '.join(missing)}, which payees withdrew; name them, or put them on the"
            " publisher's list first (amos vault optout)"
        )


def withdraw(folder: Folder, payee: str, stem_ids: Collection[bytes], now_s: int, *, back: bool = False) -> bool:
    """Silence these stems from this second on, as `payee` wants it, or bring them `back`; whether that changed
    anything. It is in the log and published when this returns. Raises `OptOutsRefused`, `StorageFailed`,
    `KeyUnusable`."""
    with _writing(folder) as store:
        last = _last(folder, store)
        if last is None or last.delegation is None:
            raise OptOutsRefused(_NOT_DELEGATED)
        before, withdrawn_by = set(stem_ids_of(last)), _withdrawers(store)
        for stem_id in before & set(stem_ids) if back else ():
            who = withdrawn_by.get(stem_id, payee)
            if who != payee:
                raise OptOutsRefused(
                    f"stem {stem_id.hex()}: expected {who or 'the publisher'} to bring it back, who withdrew it,"
                    f" found {payee}"
                )
        after = before - set(stem_ids) if back else before | set(stem_ids)
        if after == before:
            _show(folder, store, _delegation(folder, last.delegation))
            return False
        _check_may(_delegation(folder, last.delegation), after - before, max(now_s, last.issued_unix_s))
        _issue(folder, store, last, after, last.delegation, now_s, payee)
        return True


def _check_may(delegation: Delegation, added: Collection[bytes], unix_s: int) -> None:
    """What players would refuse is said with what comes next."""
    serial, since_s, until_s = delegation.serial, delegation.since_unix_s, delegation.until_unix_s
    again = f"have the publisher sign another (amos pack delegate --serial {serial + 1})"
    if not since_s <= unix_s <= until_s:
        raise OptOutsRefused(
            f"delegation {serial}: expected a time from {utc(since_s)} to {utc(until_s)}, found {utc(unix_s)}; {again}"
        )
    other = sorted(stem_id.hex() for stem_id in added if stem_id not in delegation)
    if other:
        raise OptOutsRefused(
            f"delegation {serial}: expected only stems that it names, found {' '.join(other)}; {again} that names them"
        )


def withdraw_for(folder: Folder, payee: str, stem_ids: Collection[bytes], now_s: int, *, back: bool = False) -> bool:
    """The same of stems that pay to them, and no others."""
    with folder.open_store_to_read() as store:
        own = {work.stem_id for work in works_of(store, payee)}
    for stem_id in stem_ids:
        if stem_id not in own:
            raise OptOutsRefused(f"stem {stem_id.hex()}: expected one that pays {payee}, found none in the catalogue")
    return withdraw(folder, payee, stem_ids, now_s, back=back)


def works_of(store: Store, payee: str) -> list[Work]:
    """The works of the catalogue in force that pay this payee, as the catalogue orders them."""
    return [work for work in _works(store) if any(share.payee == payee for share in work.splits)]


def _works(store: Store) -> list[Work]:
    serial = store.documents.latest_serial()
    sha256 = None if serial is None else store.documents.catalogue_hash(serial)
    if sha256 is None:
        return []
    return list(decode_catalogue(store.documents.bytes_of("catalogues", sha256)).works)


def _withdrawers(store: Store) -> dict[bytes, str]:
    """Stem → who alone of its payees brings it back, empty: none. Not there are those whose withdrawer the catalogue in
    force pays no more: any payee of theirs does."""
    pays = {(work.stem_id, share.payee) for work in _works(store) for share in work.splits}
    found = store.opt_outs.withdrawn_by().items()
    return {stem_id: who for stem_id, who in found if not who or (stem_id, who) in pays}


@dataclass(frozen=True)
class Desk:
    """What payees may do here now: `delegation` (None: nothing), and the stems `withdrawn` under it, each with the
    payee who did it; `kept` are those of them that nobody else brings back."""

    delegation: Delegation | None
    withdrawn: Mapping[bytes, str]
    kept: Mapping[bytes, str]

    def may_change(self, stem_id: bytes, payee: str, now_s: int) -> bool:
        """Whether this payee, of those whom the stem pays, may withdraw it now, or bring it back."""
        found = self.delegation
        if found is None or stem_id not in found or not found.since_unix_s <= now_s <= found.until_unix_s:
            return False
        return self.kept.get(stem_id, payee) == payee


def desk_of(folder: Folder, store: Store) -> Desk:
    """Raises `OptOutsRefused` where the log's list is not what it was."""
    last = _last(folder, store)
    if last is None or last.delegation is None:
        return Desk(None, {}, {})
    by = store.opt_outs.withdrawn_by()
    withdrawn = {stem_id: by.get(stem_id, "") for stem_id in stem_ids_of(last)}
    return Desk(_delegation(folder, last.delegation), withdrawn, _withdrawers(store))


@contextmanager
def _writing(folder: Folder) -> Iterator[Store]:
    """The store of a ledger that may append, with nobody else publishing."""
    try:
        with folder.publishing(), checked_store(folder) as store:
            Public(folder).check(store)
            yield store
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{folder.public}: {error}") from None


def _last(folder: Folder, store: Store) -> DelegatedOptOuts | None:
    """The delegated list in force; that it was verified once is not believed."""
    data = store.opt_outs.delegated(store.size())
    return None if data is None else _opened(folder, store, data)


def _opened(folder: Folder, store: Store, data: bytes) -> DelegatedOptOuts:
    keys = store.rotations.line(LEDGER, store.public_key).keys
    try:
        opened: DelegatedOptOuts = open_delegated(data, folder.trust.publisher_key, verify, keys)
    except ProtocolError as error:
        raise OptOutsRefused(f"opt-outs: {error}") from None
    return opened


def _delegation(folder: Folder, data: bytes) -> Delegation:
    try:
        opened: Delegation = open_delegation(data, folder.trust.publisher_key, verify)
    except ProtocolError as error:
        raise OptOutsRefused(str(error)) from None
    return opened


def _issue(
    folder: Folder,
    store: Store,
    last: DelegatedOptOuts | None,
    stem_ids: Collection[bytes],
    signed_delegation: bytes,
    now_s: int,
    payee: str | None,
) -> None:
    """Sign the list of these stems, log it, publish it. A crash after it was logged leaves another list published,
    until anything is asked of this module again or the ledger publishes."""
    delegation = _delegation(folder, signed_delegation)
    seed = _seed_of(folder, delegation.key)
    newest_batch_s = store.opt_outs.newest_batch(delegation.batches_from or 0)
    earliest_s = earliest_issue_s(last, delegation.serial, newest_batch_s)
    if earliest_s > now_s + AHEAD_S_MAX:
        raise OptOutsRefused(
            f"opt-outs.issued_unix_s: expected at most {AHEAD_S_MAX} s ahead of this clock, {now_s}, found"
            f" {earliest_s}, which the log demands; set the clock, or if it ran ahead before, have the publisher"
            f" delegate anew (amos pack delegate --batches-from {store.size()}) or withdraw stems itself (amos vault"
            " optout)"
        )
    issued_s = max(now_s, earliest_s)
    # By the clock, so that a ledger that lost its last lists goes on above those that players have.
    serial = now_s if last is None else max(now_s, last.serial + 1)
    listed = list_delegated(serial, issued_s, stem_ids, signed_delegation, payee)
    data = sign_delegated(listed, key_id(public_key(seed)), lambda message: sign(seed, message))
    opened = _opened(folder, store, data)  # who reads it refuses what is refused here: its time, a stem it may not name
    # Logged first: a list that players obey and no settlement knows would be paid against.
    with store.transaction():
        store.opt_outs.append_delegated(data, opened)
    _show(folder, store, delegation)


def _show(folder: Folder, store: Store, delegation: Delegation) -> None:
    """Publish what the log says is in force, and let its key take the place of the one before."""
    write_opt_outs(store, FolderPlace(folder.public), store.size())
    _give_way(folder, delegation.key)

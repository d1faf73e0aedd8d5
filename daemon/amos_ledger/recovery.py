"""A ledger's folder made again from what is published: any mirror of the audit folder is a full back-up.

What must be there is the ledger's key and whom it trusts (`ledger.key`, `trust.json`). The order, and what a crash
leaves:

    while bundles are fetched      those that fit are in `recovering/`; the next attempt does not fetch them again
    while the store is rebuilt     a store under another name; the next attempt makes it anew
    until the new store has its name  the old one, or its damaged file; `recover` again
    after that                     a ledger that continues the highest head of the mirrors

Nothing is signed but what the log signed before: the same entries give the same checkpoint. What intake kept beside the
log (held segments, evidence, anchors) is not published; couriers bring again what waits.
"""

import hashlib
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from amos.crypto import verify
from amos.edges.durable_host import sync_folder, write_whole
from amos.protocol.checkpoint_host import open_checkpoint
from amos.protocol.document import CATALOGUE, MANIFEST
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import KeyLine, LinesOfLog
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX, CHECKPOINT_BYTES_MAX
from amos.protocol.limits import APPOINTMENT_BYTES_MAX, MANIFEST_BYTES_MAX
from amos.protocol.rotation import LEDGER, open_appointment, read_rotation, split_appointment
from amos_ledger import rotating
from amos_ledger.audit import follow_now
from amos_ledger.errors import RecoveryFailed
from amos_ledger.folder import ROTATION_NAME, Folder
from amos_ledger.folder_files import STORE_NAME
from amos_ledger.heads import Heads, Standing
from amos_ledger.ledger import Ledger
from amos_ledger.log.tiles import Tile, bundle_entries
from amos_ledger.mirrored_log import MirroredLog, NoMirror, Source, read_head
from amos_ledger.public import CHECKPOINT, Public
from amos_ledger.replay import DocumentOf, LogKeys, rebuild
from amos_ledger.store import giving_way
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.store.store import Store
from amos_ledger.tile_files import TILES
from amos_ledger.told_rotations import rotations_to_tell
from amos_places.errors import PlaceFailed
from amos_places.folder import FolderPlace
from amos_places.named import source_at
from amos_places.place import Source as Mirror

_STAGED = "ledger.recovered.sqlite"
_FETCHED = "recovering"
_DOCUMENTS = {MANIFEST: ("manifests", MANIFEST_BYTES_MAX), CATALOGUE: ("catalogues", CATALOGUE_BYTES_MAX)}


@dataclass(frozen=True)
class Recovered:
    """What the ledger has: `entries` in its log; `before` of them were there; `missing` more were signed, as far as is
    known; `failures` says which mirrors could not help."""

    entries: int
    before: int
    missing: int
    failures: tuple[str, ...]


def recover(folder: Folder, places: Sequence[str], say: Callable[[str], None] = lambda line: None) -> Recovered:
    """Rebuild the store of `folder` from the highest of the mirrors. Nobody may serve meanwhile.

    Raises `RecoveryFailed`, `NoMirror`, `TwoHistories`, `PlaceFailed`, `AlreadyServing`, `OSError`, `DATABASE_ERRORS`;
    the old store is in its place then.
    """
    with folder.serving():
        sources, failures = _sources(folder, places)
        log = MirroredLog(sources, _spare(folder.path / _FETCHED))
        before = _size_before(folder, log)
        _fetch(folder, log, say)
        staged = _build(folder, log, [source.mirror for source in sources])
        with folder.publishing():
            _put_in_place(folder, staged)
        with folder.open_store() as store:
            _publish(folder, store, [source.mirror for source in sources])
            missing = _missing(folder, store)
        if not missing:
            make_receipts(folder)
        shutil.rmtree(folder.path / _FETCHED, ignore_errors=True)
    return Recovered(log.head.size, before, missing, tuple(failures + log.failures))


def _sources(folder: Folder, places: Sequence[str]) -> tuple[list[Source], list[str]]:
    sources, failures = [], []
    for place in places:
        try:
            sources.append(read_head(source_at(place), folder.trust.origin, folder.own_keys))
        except PlaceFailed as error:
            failures.append(str(error))
    if not sources:
        raise NoMirror("; ".join(failures))
    return sources, failures


def _spare(fetched: Path) -> Callable[[Tile], bytes | None]:
    def spare(tile: Tile) -> bytes | None:
        path = fetched / _file_name(tile)
        return path.read_bytes() if path.is_file() else None

    return spare


def _file_name(tile: Tile) -> str:
    return f"{tile.index:016}-{tile.width}"


def _size_before(folder: Folder, log: MirroredLog) -> int:
    """Count of the entries of the present store. One that has all of the mirror's log and more is not thrown away for
    less."""
    try:
        store = folder.open_store()
    except Exception:  # damaged or absent: that is why it is made anew
        return 0
    with store:
        size, standing = store.size(), Heads(folder).take(store, log.note)
    if standing is Standing.CONTAINED and size > log.head.size:
        raise RecoveryFailed(
            f"{folder.path}: has {size} entries, which begin with the {log.head.size} of the mirror; nothing is to be"
            " had there"
        )
    return size


def _fetch(folder: Folder, log: MirroredLog, say: Callable[[str], None]) -> None:
    """Every bundle into `recovering/`, checked and durable."""
    fetched = folder.path / _FETCHED
    fetched.mkdir(0o700, exist_ok=True)
    told_s = time.monotonic()
    for tile, data in log.bundles():
        if not (fetched / _file_name(tile)).is_file() or (fetched / _file_name(tile)).read_bytes() != data:
            write_whole(fetched / _file_name(tile), data, 0o600)
        if time.monotonic() - told_s >= 10:
            told_s = time.monotonic()
            say(f"{tile.first + tile.width} of {log.head.size} entries fetched")


def _build(folder: Folder, log: MirroredLog, mirrors: Sequence[Mirror]) -> Path | PostgresPlace:
    """A whole store under another name, checked to have the signed root."""
    path = folder.path / _STAGED
    place: Path | PostgresPlace = path
    if isinstance(folder.place, PostgresPlace):
        place = folder.place.variant("recovered")
    for suffix in ("", *giving_way.SIDE_FILES):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    line = _line(folder, log)
    Store.create(place, folder.trust.origin, line.keys[0])
    with Store(place) as store:
        keys = LogKeys(line.keys[0], folder.trust.operator_key, folder.trust.publisher_key)
        rebuild(_entries(log), store, keys, _documents(mirrors))
        if store.size() != log.head.size or store.root() != log.head.root:
            raise RecoveryFailed(f"{place}: expected the signed root over {log.head.size} entries, found another")
        log.check_others(store.log.cached())
        with store.transaction():
            store.chain.anchors.forget(time.time_ns() // 1_000_000)
            store.chain.heads.forget_all()
    return place


def _entries(log: MirroredLog) -> Iterator[bytes]:
    return (entry for _tile, data in log.bundles() for entry in bundle_entries(data))


def _line(folder: Folder, log: MirroredLog) -> KeyLine:
    """The ledger's keys as the log has them, of which the last must be here. Raises `RecoveryFailed`."""
    found = LinesOfLog(folder.trust.origin, {}, verify)
    try:
        for index, entry in enumerate(_entries(log)):
            found.take(index, entry)
        line = folder.line_among(found, log.note)
    except ProtocolError as error:
        raise RecoveryFailed(f"{folder.path}: {error}") from None
    if line.present not in folder.own_keys:
        raise RecoveryFailed(
            f"{folder.path}: expected the file of the ledger's key {line.present.hex()}, which is in force, found none"
        )
    for key in _keys_seen(folder):
        if key not in line.keys:
            raise RecoveryFailed(
                f"{folder.path}: expected a log in which the rotation to the ledger's key {key.hex()} stands, since"
                f" that key signed what {folder.public} has; give a later mirror, or a copy of that folder as one"
            )
    return line


def _keys_seen(folder: Folder) -> Iterator[bytes]:
    """Keys of the ledger's own that have signed what is published here. A history without them is an older one, or that
    of a thief who has an older key."""
    checkpoint = folder.public / CHECKPOINT
    note = checkpoint.read_bytes()[: CHECKPOINT_BYTES_MAX + 1] if checkpoint.exists() else b""
    for key in folder.own_keys:
        with suppress(ProtocolError):
            open_checkpoint(note, folder.trust.origin, key, verify)
            yield key
    for path in (folder.public / "rotations").glob("*.cbor"):
        with suppress(ProtocolError):
            data = path.read_bytes()[: APPOINTMENT_BYTES_MAX + 1]
            yield open_appointment(data, read_rotation(split_appointment(data)[0]).old_key, verify).new_key


def _documents(mirrors: Sequence[Mirror]) -> DocumentOf:
    """The documents that the log names, from whichever mirror has them right."""

    def document(kind: str, sha256: bytes) -> bytes:
        folder, bytes_max = _DOCUMENTS[kind]
        name = f"{folder}/{sha256.hex()}.cose"
        failures = []
        for mirror in mirrors:
            try:
                data = mirror.read(name, bytes_max)
            except PlaceFailed as error:
                failures.append(str(error))
                continue
            if hashlib.sha256(data).digest() == sha256:
                return data
            failures.append(f"{mirror.name}/{name}: expected bytes with that SHA-256")
        raise RecoveryFailed(f"{name}: {'; '.join(failures)}; put the file there, and recover again")

    return document


def _put_in_place(folder: Folder, staged: Path | PostgresPlace) -> None:
    """The old store keeps a name of its own: what it had beside the log may be wanted."""
    if isinstance(staged, PostgresPlace):
        assert isinstance(folder.place, PostgresPlace)
        with folder.place.held() as database:
            folder.place.give_way(database, staged, "before_recovery")
        return
    aside = _unused(folder.path / f"{STORE_NAME}.before-recovery")
    try:
        with giving_way.held(folder.store_path):
            giving_way.give_way(folder.store_path, staged, aside)
    except sqlite3.OperationalError as error:
        raise RecoveryFailed(f"{folder.store_path}: {error}; end what has it open, and recover again") from None


def _publish(folder: Folder, store: Store, mirrors: Sequence[Mirror]) -> None:
    """Publish the log; what another history left in the public directory goes aside."""
    checkpoint = folder.public / CHECKPOINT
    if checkpoint.exists() and Heads(folder).take(store, checkpoint.read_bytes()) is not Standing.CONTAINED:
        _put_aside(folder.public, folder.path / "public.before-recovery")
    else:
        shutil.rmtree(folder.public / "tile", ignore_errors=True)  # partial ones may be of entries never signed
    _clear_audit(folder, store)
    public = Public(folder)
    with folder.publishing():
        public.publish(store, lambda step: None)
    for number, (index, entry) in enumerate(store.rotations.entries(LEDGER), 1):
        _fetch_appointment(
            public,
            ROTATION_NAME.format(number),
            mirrors,
            partial(rotating.is_appointment, index=index, entry=entry, store=store),
        )
    rotations_to_tell(folder, store)
    follow_now(folder, store)


def _fetch_appointment(public: Public, name: str, mirrors: Sequence[Mirror], sound: Callable[[bytes], bool]) -> None:
    """What players are brought about a key that is not here any more, and so cannot sign it again."""
    for mirror in mirrors:
        with suppress(PlaceFailed):
            data = mirror.read(name, APPOINTMENT_BYTES_MAX)
            if sound(data):
                return public.write(name, data)


def _clear_audit(folder: Folder, store: Store) -> None:
    """Another history goes aside where it lies in a folder; elsewhere somebody has to move it."""
    place = folder.audit
    if not place.has(CHECKPOINT):
        return
    if Heads(folder).take(store, place.read(CHECKPOINT, CHECKPOINT_BYTES_MAX)) is Standing.CONTAINED:
        place.remove(TILES)  # partial ones may be of entries never signed
    elif isinstance(place, FolderPlace):
        _put_aside(place.path, folder.path / "audit.before-recovery")
    else:
        raise RecoveryFailed(f"{place.name}: expected a part of the recovered log, found more; move it away")


def make_receipts(folder: Folder) -> None:
    """For what couriers ask again about: the log was receipted before, and serving begins with what is new."""
    ledger = Ledger(folder)
    try:
        ledger.make_receipts()
    finally:
        ledger.close()


def _missing(folder: Folder, store: Store) -> int:
    """How many entries more than the log has were signed, as far as is known."""
    highest = Heads(folder).highest(store)
    return 0 if highest is None else max(highest.size - store.size(), 0)


def _put_aside(path: Path, name: Path) -> None:
    """Before anything else takes its name, or a power cut might leave that and not this."""
    aside = _unused(name)
    path.rename(aside)
    sync_folder(path)
    sync_folder(aside)


def _unused(path: Path) -> Path:
    number, candidate = 1, path
    while candidate.exists():
        number, candidate = number + 1, path.with_name(f"{path.name}-{number}")
    return candidate

"""What the operator brings: enrolments of devices, packs and catalogues of publishers. Each is verified first.

While a service runs on the same folder these write to the same database; the service reads at use, so it knows a device
from its next message on, and looks for segments that waited for a pack at every tick.
"""

import hashlib
import time
from pathlib import Path

from amos.crypto import key_id, verify
from amos.protocol.catalogue import Catalogue, open_catalogue
from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.cose import parse_typed
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment, open_enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX, ENROLMENT_BYTES_MAX, REVOCATION_BYTES_MAX
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.manifest import Manifest, open_manifest
from amos.protocol.revocation import TYP_REVOCATION, Revocation, open_revocation
from amos.protocol.segment import TIER_RENDERER
from amos_ledger.audit import follow_now
from amos_ledger.clerk import judge_again
from amos_ledger.errors import EnrolmentRefused, LedgerError, PackRefused, RevocationRefused, StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.operators_word import device_named, open_word
from amos_ledger.public import Public
from amos_ledger.store.anchors import CLOCK_BEFORE_MS, PLAUSIBLE_MS
from amos_ledger.store.chain import Chain
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store


def publish(folder: Folder, store: Store) -> Checkpoint:
    """Publish all that the store holds; the checkpoint over it. Raises `RolledBack`, `StorageFailed`."""
    try:
        with folder.publishing():
            folder.take_line(store)  # no key gives way to another as long as this publishes
            head = Public(folder).publish(store, lambda step: None)
        follow_now(folder, store)
        return head
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{folder.path}: {error}") from None


def enrol(
    folder: Folder,
    store: Store,
    data: bytes,
    addressed: tuple[str, bytes] | None = None,
    now_s: int | None = None,
) -> tuple[Enrolment, bool]:
    """(enrolment, whether it was not in force before). The enrolment becomes a leaf of the log.

    A later enrolment of the same device takes the place of an earlier one; one with a predecessor retires that device.
    `addressed` is the (site, device) that it must be for. `now_s` is what the ledger's clock shows, in Unix seconds:
    what the device is paid for at most is counted from the enrolment's date, so that may not be after it, nor before
    any clock was right; None: the date is believed. Raises `EnrolmentRefused`, and has changed nothing then.
    """
    with store.transaction(_devices_of_enrolment(data)):
        enrolment = _opened_enrolment(folder, store, data)
        if addressed not in (None, (enrolment.site, enrolment.device_id)):
            wanted = f"{enrolment.device_id.hex()} at {enrolment.site}"
            raise EnrolmentRefused(f"topic: expected that of {wanted}, found another")
        present = store.chain.enrolment(enrolment.device_id)
        if present is not None and present[1] == data:
            return enrolment, False
        _check_date(enrolment, now_s)
        if present is not None and present[0] >= enrolment.unix_s:
            raise EnrolmentRefused(f"enrolment.unix_s: expected after {present[0]}, found {enrolment.unix_s}")
        chain, known = store.chain, store.chain.keys(enrolment.device_id)
        fault = (
            _key_fault(chain, enrolment, known) or _kind_fault(chain, enrolment) or _replacement_fault(chain, enrolment)
        )
        if fault is not None:
            raise EnrolmentRefused(f"enrolment.{fault}")
        chain.enrol(enrolment, store.append([data]))
        for first_sequence, _key in enrolment.keys[max(len(known), 1) :][:1]:
            judge_again(store, enrolment.device_id, first_sequence)
    return enrolment, True


def _check_date(enrolment: Enrolment, now_s: int | None) -> None:
    first_s, last_s = PLAUSIBLE_MS // 1000, None if now_s is None else now_s + CLOCK_BEFORE_MS // 1000
    if last_s is not None and not first_s <= enrolment.unix_s <= last_s:
        raise EnrolmentRefused(
            f"enrolment.unix_s: expected from {first_s} to {last_s} Unix seconds, found {enrolment.unix_s}; set the"
            " clock of the machine that signed it, and enrol the device again"
        )


def _devices_of_enrolment(data: bytes) -> set[bytes]:
    try:
        return devices_of(data)
    except ProtocolError as error:
        raise EnrolmentRefused(f"enrolment: {error}") from None


def devices_of(data: bytes) -> set[bytes]:
    """The devices that an enrolment is about, signed or not: its own, and the one that it replaces. Raises
    `ProtocolError`."""
    enrolment: Enrolment = Enrolment.decode(parse_typed(data, TYP_ENROLMENT, ENROLMENT_BYTES_MAX).payload)
    return {enrolment.device_id} | ({enrolment.predecessor} if enrolment.predecessor is not None else set())


def _opened_enrolment(folder: Folder, store: Store, data: bytes) -> Enrolment:
    def in_force(enrolment: Enrolment) -> bool:
        present = store.chain.enrolment(enrolment.device_id)
        return present is not None and present[1] == data

    try:
        return open_word(folder, store, data, open_enrolment, in_force)
    except ProtocolError as error:
        raise EnrolmentRefused(f"enrolment: {error}") from None


def _key_fault(chain: Chain, enrolment: Enrolment, known: list[tuple[int, bytes]]) -> str | None:
    """Why these cannot be the device's keys: those that are known stay as they are, and a further one begins after all
    that was accepted, or a segment would have been signed by a key that was not in force."""
    claimed = enrolment.keys
    if claimed[: len(known)] != known:
        first, key = known[-1]
        return f"public_key: expected a history with key {key_id(key).hex()} from segment {first} on, found another"
    last = chain.last_sequence(enrolment.device_id)
    for first, _key in claimed[max(len(known), 1) :][:1]:
        if first <= last:
            return f"handovers: expected a first sequence above {last}, which is accepted, found {first}"
    return None


def _kind_fault(chain: Chain, enrolment: Enrolment) -> str | None:
    """Why the device may not become a renderer, or cease to be one. Its first enrolment says which it is: what it
    played as the other may be under way however long, and would be impossible when it arrives."""
    present = chain.device(enrolment.device_id)
    if present is None or (present.tier == TIER_RENDERER) == (enrolment.tier == TIER_RENDERER):
        return None
    kind, other = ("renderer", "player") if present.tier == TIER_RENDERER else ("player", "renderer")
    return f"tier: expected a {kind}'s, as it was enrolled first, found {enrolment.tier}; a {other} is another device"


def revoke(folder: Folder, store: Store, data: bytes) -> tuple[Revocation, bool]:
    """(revocation, whether it was not in force before). It becomes a leaf of the log.

    What the ledger took in before stays; what comes from then on and began after the instant is evidence. Raises
    `RevocationRefused`, and has changed nothing then.
    """
    try:
        named = device_named(data, Revocation, TYP_REVOCATION, REVOCATION_BYTES_MAX)
    except ProtocolError as error:
        raise RevocationRefused(f"revocation: {error}") from None
    with store.transaction([named]):
        try:
            revocation: Revocation = open_word(
                folder, store, data, open_revocation, lambda opened: store.log.holds(data)
            )
        except ProtocolError as error:
            raise RevocationRefused(f"revocation: {error}") from None
        device = store.chain.device(revocation.device_id)
        if device is None:
            raise RevocationRefused(
                f"revocation.device_id: expected an enrolled device, found {revocation.device_id.hex()}"
            )
        retired_s = device.retired_unix_s
        if retired_s is not None and store.log.holds(data):
            return revocation, False
        if retired_s is not None and retired_s <= revocation.unix_s:
            raise RevocationRefused(
                f"revocation.unix_s: expected before {retired_s}, when the device was revoked or replaced,"
                f" found {revocation.unix_s}"
            )
        store.append([data])
        store.chain.revoke(revocation.device_id, revocation.unix_s)
    return revocation, True


def _replacement_fault(chain: Chain, enrolment: Enrolment) -> str | None:
    """Why the device may not take this place, or None. Nobody returns to a place, so places never form a ring."""
    successor = chain.successor(enrolment.device_id)
    if successor is not None:
        return f"device: was replaced by {successor.hex()}; give it a new key and enrol it as another device"
    present = chain.device(enrolment.device_id)
    if present is not None and present.retired_unix_s is not None:
        return "device: was revoked; give it a new key and enrol it as another device"
    if enrolment.predecessor is None:
        return None
    predecessor, before = chain.device(enrolment.predecessor), chain.predecessor(enrolment.device_id)
    if before is not None and before != enrolment.predecessor:
        return f"predecessor: expected {before.hex()}, which it has replaced, found {enrolment.predecessor.hex()}"
    if predecessor is None:
        return f"predecessor: expected an enrolled device, found {enrolment.predecessor.hex()}"
    other = chain.successor(predecessor.device_id)
    if other not in (None, enrolment.device_id):
        found = predecessor.device_id.hex()
        return f"predecessor: expected one not replaced yet, found {found}, replaced by {other.hex()}"
    if predecessor.site != enrolment.site:
        return f"site: expected the predecessor's, {predecessor.site}, found {enrolment.site}"
    return None


def add_pack(
    folder: Folder, store: Store, manifest_data: bytes, catalogue_data: bytes, unix_s: int | None = None
) -> tuple[bytes, Manifest, bool]:
    """(pack id, manifest, whether anything was not known before). `unix_s`: when it comes, None: at present. Raises
    `PackRefused`."""
    now_s = int(time.time()) if unix_s is None else unix_s
    try:
        manifest: Manifest = open_manifest(manifest_data, folder.trust.publisher_key, verify)
        catalogue: Catalogue = open_catalogue(catalogue_data, folder.trust.publisher_key, verify)
    except ProtocolError as error:
        raise PackRefused(f"pack: {error}") from None
    owned = {work.stem_id for work in catalogue.works}
    for stem in manifest.stems:
        if stem.stem_id not in owned:
            raise PackRefused(f"catalogue: expected every stem of the pack, found none with id {stem.stem_id.hex()}")
    pack, sha256 = hashlib.sha256(manifest_data).digest(), hashlib.sha256(catalogue_data).digest()
    with store.transaction():
        known = store.documents.catalogue_hash(catalogue.serial)
        if known not in (None, sha256):
            raise PackRefused(
                f"catalogue.serial: expected a number not used yet, found {catalogue.serial} with other works"
            )
        _check_played(store, catalogue)
        fresh = store.documents.add_manifest(manifest.serial, pack, manifest_data, now_s)
        fresh |= store.documents.add_catalogue(catalogue.serial, sha256, catalogue_data, now_s)
    return pack, manifest, fresh


def _check_played(store: Store, catalogue: Catalogue) -> None:
    """Nobody could be paid by a catalogue in force that lacks a stem of which there is play."""
    latest = store.documents.latest_serial()
    if latest is not None and catalogue.serial < latest:
        return  # it is in force no more
    owned = {work.stem_id for work in catalogue.works}
    missing = sorted(store.rollups.played_stems() - owned)
    if missing:
        raise PackRefused(
            f"catalogue.works: expected every stem of which there is play, found none with id {missing[0].hex()}"
            + (f" and {len(missing) - 1} others" if len(missing) > 1 else "")
        )


def read_enrolment(path: Path) -> bytes:
    """A file's bytes, capped as an enrolment. Raises `EnrolmentRefused`."""
    return read_capped(path, ENROLMENT_BYTES_MAX, EnrolmentRefused)


def read_revocation(path: Path) -> bytes:
    """A file's bytes, capped as a revocation. Raises `RevocationRefused`."""
    return read_capped(path, REVOCATION_BYTES_MAX, RevocationRefused)


def read_pack(folder: Path) -> tuple[bytes, bytes]:
    """(manifest, catalogue) of a pack's folder, capped. Raises `PackRefused`."""
    manifest = read_capped(folder / "manifest.cose", MANIFEST_BYTES_MAX, PackRefused)
    return manifest, read_capped(folder / "catalogue.cose", CATALOGUE_BYTES_MAX, PackRefused)


def read_capped(path: Path, bytes_max: int, error: type[LedgerError]) -> bytes:
    """A file's bytes. Raises `error` when there are more, or none to be had."""
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as failure:
        raise error(f"{path}: {failure.strerror}") from None
    if len(data) > bytes_max:
        raise error(f"{path}: expected at most {bytes_max} bytes, found more")
    return data

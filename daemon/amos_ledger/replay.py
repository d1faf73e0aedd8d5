"""The store worked out again from the entries of the log alone: everything that decides what is paid is among them.

`rebuild` is what `fsck` compares the live store with, what `fsck --rebuild` puts in its place, and what recovers a
ledger from published bundles. What the log does not say is not there afterwards; DESIGN.md lists it.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice

from amos.crypto import verify
from amos.protocol.batch import batch_unix_s
from amos.protocol.catalogue import Catalogue, open_catalogue
from amos.protocol.closing import TYP_STATEMENT, Closing, open_closing
from amos.protocol.cose import HEADER_TYP, TYP_OPT_OUTS, TYP_ROTATION, parse
from amos.protocol.delegated import TYP_DELEGATED_OPT_OUTS, DelegatedOptOuts, open_delegated
from amos.protocol.document import CATALOGUE, MANIFEST, read_document
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment, open_enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.forgone import FORGONE_LEAF, TYP_FORGONE, Forgone, open_forgone
from amos.protocol.key_line_host import KeyLine, Verify, open_proved
from amos.protocol.licence_pool import TYP_POOL, LicencePool, open_pool
from amos.protocol.loss import TYP_LOSS, Loss, open_loss
from amos.protocol.manifest import Manifest, open_manifest
from amos.protocol.opt_outs import OptOuts, open_opt_outs
from amos.protocol.quarantine import TYP_RULING, Ruling, open_ruling, read_quarantine
from amos.protocol.revocation import TYP_REVOCATION, Revocation, open_revocation
from amos.protocol.rotation import LEDGER, OPERATOR, Rotation, read_rotation
from amos.protocol.segment import Usage
from amos.protocol.transfer import TYP_TRANSFER, Transfer, open_transfer
from amos_batches.runner import InProcess, Runner
from amos_ledger.delegated_order import NewestBatches, earliest_issue_s
from amos_ledger.entry_batches import Opened, OpenedUsage, Unopened, entry_batches, open_batch
from amos_ledger.errors import NotRebuilt
from amos_ledger.intake.placements import sounding_after
from amos_ledger.intake.reading import Reading
from amos_ledger.limits import DELIVERED_MS_MAX
from amos_ledger.log.tiles import ENTRY_BYTES_MAX
from amos_ledger.records import Accepted, Device, Sealed, severed
from amos_ledger.settlement.periods import PeriodError, assign_period, claimed_period, period_at
from amos_ledger.settlement.rollup import roll_up
from amos_ledger.settlement.standing import Enrolled, counted_ms, flags_of, natural_period
from amos_ledger.store.store import Store

BATCHES_A_TRANSACTION = 4

MANIFESTS_KEPT = 64
"""In memory: packs that are played at one time."""

DocumentOf = Callable[[str, bytes], bytes]
"""The signed bytes of the document of this kind (`MANIFEST`, `CATALOGUE`) with this SHA-256. Raises `LookupError`."""


_WORDS: dict[object, Callable[[bytes, bytes, Verify], object]] = {
    TYP_ENROLMENT: open_enrolment,
    TYP_REVOCATION: open_revocation,
    TYP_LOSS: open_loss,
    TYP_FORGONE: open_forgone,
    TYP_RULING: open_ruling,
    TYP_POOL: open_pool,
}
"""Type → what opens it, of what the operator signs."""


@dataclass(frozen=True)
class LogKeys:
    """Whose signatures the entries must have; of ledger and operator the keys with which the log began."""

    ledger: bytes
    operator: bytes
    publisher: bytes


def rebuild(
    entries: Iterable[bytes], store: Store, keys: LogKeys, document_of: DocumentOf, runner: Runner | None = None
) -> int:
    """Fill `store`, fresh from `Store.create` with the log's first entry, with all entries of the log; how many.

    Signatures are verified again, and documents held against their hashes, so entries may come from anywhere; that they
    are those of a signed checkpoint is the caller's to compare (`store.root`). What would make a log that no ledger
    writes, as a segment of a device in quarantine, `amos verify` finds. `runner` opens the segments, this process where
    there is none. Raises `NotRebuilt`, `BatchError`.
    """
    replay = _Replay(store, keys, document_of)
    rest = iter(entries)
    if next(rest, None) != store.log.entry(0):
        raise NotRebuilt("entry 0: expected the first entry of this ledger's log")
    opened = (runner or InProcess()).pairs(open_batch, entry_batches(rest))
    while pairs := list(islice(opened, BATCHES_A_TRANSACTION)):
        with store.transaction():
            chunk = list(chain.from_iterable(batch.entries for batch, _found in pairs))
            first = store.append(chunk)
            found = chain.from_iterable(found for _batch, found in pairs)
            for index, (entry, usage) in enumerate(zip(chunk, found, strict=True), first):
                replay.take(index, entry, usage)
    with store.transaction():
        replay.finish()
    return store.size()


class _Replay:
    """One pass over the log."""

    def __init__(self, store: Store, keys: LogKeys, document_of: DocumentOf) -> None:
        self._store = store
        self._keys = keys
        self._lines = {
            OPERATOR: KeyLine(OPERATOR, store.origin, keys.operator),
            LEDGER: KeyLine(LEDGER, store.origin, keys.ledger),
        }
        self._document_of = document_of
        self._manifest = lru_cache(MANIFESTS_KEPT)(self._open_manifest)
        self._received: int | None = None
        self._last_delegated: DelegatedOptOuts | None = None
        self._batches = NewestBatches()
        # Usage from before the first batch entry, when receptions were in no entry: its leaf → the month by the
        # player's clock. The closing says where it accrued.
        self._undated: dict[int, str | None] = {}

    def take(self, index: int, entry: bytes, opened: Opened) -> None:
        """Do what the entry did. Raises `NotRebuilt`."""
        try:
            if isinstance(opened, Unopened):
                raise LookupError(opened.fault)
            if opened is not None:
                self._take_usage(index, entry, opened)
            elif not self._take_text(index, entry):
                self._take_signed(index, entry)
        except (ProtocolError, PeriodError, LookupError) as error:
            raise NotRebuilt(f"entry {index}: {error}") from None

    def finish(self) -> None:
        """Usage that no reception dates and no closing has settled accrues by its own clock, or to the first month of
        which the log knows that the ledger received something."""
        first = next(iter(self._store.batches()), None)
        for index, claimed in list(self._undated.items()):
            natural = claimed or (period_at(first) if first is not None else None)
            if natural is None:
                raise NotRebuilt(f"entry {index}: expected a later entry that dates the play")
            self._settle(index, assign_period(natural, self._store.closed_periods())[0])

    def _take_text(self, index: int, entry: bytes) -> bool:
        received, document, quarantine = batch_unix_s(entry), read_document(entry), read_quarantine(entry)
        if received is not None:
            self._store.note_batch(index, received)
            self._received = received
            self._batches.take(index, received)
        elif document is not None:
            self._take_document(index, *document)
        elif quarantine is not None:
            device_id, _sequence, _sha256, reason = quarantine
            self._store.quarantines.note(index, device_id, reason)
        return entry == FORGONE_LEAF or (received, document, quarantine) != (None, None, None)

    def _take_signed(self, index: int, entry: bytes) -> None:
        store, keys = self._store, self._keys
        typ = parse(entry, ENTRY_BYTES_MAX).header.get(HEADER_TYP)
        if typ in _WORDS:
            self._take_word(index, self._lines[OPERATOR].open_at(index, entry, _WORDS[typ], verify))
        elif typ == TYP_ROTATION:
            self._take_rotation(index, entry)
        elif typ == TYP_OPT_OUTS:
            opt_outs: OptOuts = open_opt_outs(entry, keys.publisher, verify)
            store.opt_outs.note(opt_outs.serial, index)
        elif typ == TYP_DELEGATED_OPT_OUTS:
            opened = open_delegated(entry, keys.publisher, verify, self._lines[LEDGER].keys)
            self._take_delegated(index, opened)
        elif typ == TYP_TRANSFER:
            moved: Transfer = self._lines[LEDGER].open_at(index, entry, open_transfer, verify)
            store.transfers.note(moved.number, index)
        elif typ == TYP_STATEMENT:
            self._take_closing(index, self._lines[LEDGER].open_at(index, entry, open_closing, verify))
        else:
            raise LookupError(f"typ: expected one that this version knows, found {typ}")

    def _take_delegated(self, index: int, opt_outs: DelegatedOptOuts) -> None:
        last, lists = self._last_delegated, self._store.opt_outs
        if last is not None and opt_outs.rank <= last.rank:
            raise LookupError(f"opt-outs.serial: expected above {last.rank}, found {opt_outs.rank}")
        newest_batch_s = self._batches.newest_s(opt_outs.batches_from)
        earliest_s = earliest_issue_s(last, opt_outs.delegation_serial, newest_batch_s)
        if opt_outs.issued_unix_s < earliest_s:
            raise LookupError(f"opt-outs.issued_unix_s: expected from {earliest_s}, found {opt_outs.issued_unix_s}")
        self._last_delegated = opt_outs
        lists.note_delegated(index, opt_outs)

    def _take_document(self, index: int, kind: str, serial: int, sha256: bytes, unix_s: int | None) -> None:
        data = self._document(kind, sha256)
        if kind == MANIFEST:
            self._store.documents.keep_manifest(sha256, data)
            return
        catalogue: Catalogue = open_catalogue(data, self._keys.publisher, verify)
        if catalogue.serial != serial:
            raise LookupError(f"catalogue.serial: expected {serial}, as the entry says, found {catalogue.serial}")
        since_s = max((moment for moment in (self._received, unix_s) if moment is not None), default=None)
        self._store.documents.keep_catalogue(serial, sha256, data, index, since_s)

    def _document(self, kind: str, sha256: bytes) -> bytes:
        data = self._document_of(kind, sha256)
        if kind not in (MANIFEST, CATALOGUE) or hashlib.sha256(data).digest() != sha256:
            raise LookupError(f"{kind} {sha256.hex()}: expected the bytes of this hash, found others")
        return data

    def _open_manifest(self, pack: bytes) -> Manifest:
        manifest: Manifest = open_manifest(self._document(MANIFEST, pack), self._keys.publisher, verify)
        return manifest

    def _take_usage(self, index: int, entry: bytes, opened: OpenedUsage) -> None:
        store, usage = self._store, opened.usage
        device = store.chain.device(usage.device_id)
        key = None if device is None else device.key(opened.key_id)
        if device is None or key is None or key.public_key != opened.public_key:
            raise LookupError("usage: expected a key of a device enrolled before")
        digests = opened.message_sha256, opened.sha256
        reading = Reading(digests[0], device.site, device.device_id, entry, digests[1], None, None)
        manifest = self._manifest(usage.pack)
        if self._received is None:
            accepted, counted = self._undated_play(index, usage, manifest), min(usage.delivered_ms(), DELIVERED_MS_MAX)
        else:
            accepted, counted = self._dated_play(index, usage, device, self._received)
            store.rollups.add(accepted.period, usage, manifest)
        if usage.lost_first is not None:
            store.chain.declare_lost(usage)
        store.chain.accept(reading, usage, accepted)
        store.chain.count_time(device, counted)

    def _dated_play(self, index: int, usage: Usage, device: Device, received: int) -> tuple[Accepted, int]:
        enrolled = Enrolled(device.first_enrolled_unix_s, device.counted_ms)
        flags = flags_of(usage, received, enrolled)
        natural = natural_period(usage, received, flags, enrolled)
        period, late = assign_period(natural, self._store.closed_periods())
        frames = {name: usage.played_frames() for name in flags}
        accepted = Accepted(index, period, late, received, frames, self._sounding(usage), None, None)
        return accepted, counted_ms(usage, flags)

    def _undated_play(self, index: int, usage: Usage, manifest: Manifest) -> Accepted:
        roll_up(usage, manifest)  # what is wrong with it is wrong with this entry, not with its closing
        claimed = self._undated[index] = claimed_period(usage)
        return Accepted(index, claimed or "", False, 0, {}, self._sounding(usage), None, None)

    def _sounding(self, usage: Usage) -> bytes:
        before: Sealed | None = self._store.chain.neighbours(usage.device_id, usage.sequence)[0]
        follows = before is not None and before.sequence == usage.sequence - 1 and not severed(usage)
        goes_on = before is not None and follows and before.session == usage.session
        return sounding_after(usage, before.sounding if before is not None and goes_on else None)

    def _take_word(self, index: int, word: object) -> None:
        """What the operator signed."""
        store = self._store
        if isinstance(word, Enrolment):
            store.chain.enrol(word, index)
        elif isinstance(word, Revocation):
            store.chain.revoke(word.device_id, word.unix_s)
        elif isinstance(word, Loss):
            store.chain.note_loss(word.device_id, word.first, word.last)
        elif isinstance(word, Ruling):
            store.quarantines.rule(word, index)
        elif isinstance(word, LicencePool):
            store.placings.note(word, index)
        else:
            assert isinstance(word, Forgone)
            store.note_forgone(index)

    def _take_rotation(self, index: int, entry: bytes) -> None:
        line = self._lines[read_rotation(entry).role]
        rotation: Rotation = line.open_at(index, entry, open_proved, verify)
        line.add(index, rotation)
        self._store.rotations.note(index, rotation)

    def _take_closing(self, index: int, closing: Closing) -> None:
        for leaf in closing.leaves() if self._undated else ():
            if leaf in self._undated:
                self._settle(leaf, closing.period)
        self._store.note_closing(closing.title(), index)

    def _settle(self, leaf: int, period: str) -> None:
        claimed = self._undated.pop(leaf)
        usage = self._store.log.usage(leaf)
        self._store.chain.move(usage, period, claimed is not None and claimed < period)
        self._store.rollups.add(period, usage, self._manifest(usage.pack))

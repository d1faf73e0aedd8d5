"""What each entry costs most, for many at once and without the entries before: signature, hashes, decoding of usage.

Pure functions over batches, for any runner (`amos_batches`). What follows from the order of the entries is for
`replay.py`. Segments may be signed by keys that earlier entries name, so a batch brings the keys of its segments by
their ids, of all that the log has named by its end: an id is the key's own hash, so nobody need be believed for the
table, and whether the key was the device's at that place is the replay's to look up. So one pass is enough, and what
keys ledger and operator have by then, which few entries need, no batch has to know.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from amos.crypto import key_id, verify
from amos.protocol.cbor import Tag, dumps
from amos.protocol.cose import HEADER_TYP, TAG_SIGN1, TYP_USAGE, parse, parse_typed
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment
from amos.protocol.envelope_host import wrap
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import ENROLMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_ledger.intake.segment_parse import check_signature, decode_usage, parse_segment
from amos_ledger.log.tiles import ENTRY_BYTES_MAX

BATCH = 256
"""Entries of a batch: half a megabyte at most of usual segments, and some twenty milliseconds of work."""

_SIGNED = dumps(Tag(TAG_SIGN1, 0))[:1]
"""How every signed entry begins, and no text does."""


@dataclass(frozen=True, slots=True)
class EntryBatch:
    """Entries one after the other. `keys`: key id → public key of whoever signs a segment among them."""

    entries: tuple[bytes, ...]
    keys: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class OpenedUsage:
    """A segment whose signature by this key is good; hashes of its bytes, and of the message that brings them."""

    key_id: bytes
    public_key: bytes
    sha256: bytes
    message_sha256: bytes
    usage: Usage


@dataclass(frozen=True, slots=True)
class Unopened:
    """A usage segment of which nothing is to be believed, and why."""

    fault: str


Opened = OpenedUsage | Unopened | None
"""None of an entry that is no usage segment."""


def entry_batches(entries: Iterable[bytes]) -> Iterator[EntryBatch]:
    """Batches of the entries of a whole log, in order."""
    known: dict[bytes, bytes] = {}
    rest = iter(entries)
    while chunk := tuple(islice(rest, BATCH)):
        signers = set()
        for entry in chunk:
            typ, kid = _kind(entry)
            if typ == TYP_ENROLMENT:
                known.update((key_id(key), key) for key in _keys_named(entry))
            elif typ == TYP_USAGE:
                signers.add(kid)
        yield EntryBatch(chunk, {kid: known[kid] for kid in signers & known.keys()})


def _kind(entry: bytes) -> tuple[object, bytes]:
    """(typ, key id if it is usage) of a signed entry; (None, nothing) of any other."""
    if entry[:1] != _SIGNED:
        return None, b""
    with suppress(ProtocolError):
        return TYP_USAGE, bytes(parse_segment(entry).kid)
    with suppress(ProtocolError):
        return parse(entry, ENTRY_BYTES_MAX).header.get(HEADER_TYP), b""
    return None, b""


def _keys_named(entry: bytes) -> list[bytes]:
    """The public keys in an enrolment, whoever signed it; none where there is a fault, which the replay finds."""
    with suppress(ProtocolError):
        enrolment: Enrolment = Enrolment.decode(parse_typed(entry, TYP_ENROLMENT, ENROLMENT_BYTES_MAX).payload)
        return [key for _first, key in enrolment.keys]
    return []


def open_batch(batch: EntryBatch) -> list[Opened]:
    """Each entry, opened if it is usage."""
    return [_opened(entry, batch.keys) for entry in batch.entries]


def _opened(entry: bytes, keys: Mapping[bytes, bytes]) -> Opened:
    if _kind(entry)[0] != TYP_USAGE:
        return None
    try:
        message = parse_segment(entry)
        key = keys.get(bytes(message.kid))
        if key is None:
            return Unopened("usage: expected a key of a device enrolled before")
        check_signature(message, key, verify)
        usage = decode_usage(message.payload)
    except ProtocolError as error:
        return Unopened(str(error))
    digests = hashlib.sha256(entry).digest(), hashlib.sha256(wrap(entry)).digest()
    return OpenedUsage(bytes(message.kid), key, *digests, usage)

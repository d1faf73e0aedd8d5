"""What each entry says by itself, many at once: leaf hash, signature and payload of usage. Pure, for any runner.

Whether it follows from the entries before is for the walk (`log.py`), in their order. A segment may be signed by a key
that an earlier entry names, so the log is read twice: the first reading gathers the keys that it names anywhere, by
their ids, which are their hashes, so that nobody need be believed for the table; in the second each segment is verified
by the key of its id, and the walk says whether that key was in force there.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from amos.crypto import key_id, verify
from amos.protocol.batch import batch_unix_s
from amos.protocol.closing import TYP_STATEMENT, Closing
from amos.protocol.cose import (
    HEADER_KID,
    HEADER_TYP,
    TYP_OPT_OUTS,
    TYP_ROTATION,
    TYP_USAGE,
    parse,
    parse_typed,
)
from amos.protocol.delegated import TYP_DELEGATED_OPT_OUTS, DelegatedOptOuts
from amos.protocol.document import CATALOGUE, read_document
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment
from amos.protocol.errors import ProtocolError, SignatureError
from amos.protocol.ledger_limits import CLOSING_BYTES_MAX, ENROLMENT_BYTES_MAX
from amos.protocol.limits import OPT_OUTS_BYTES_MAX, SEGMENT_BYTES_MAX
from amos.protocol.merkle import leaf_hash
from amos.protocol.opt_outs import OptOuts
from amos.protocol.segment import CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED, FLAG_BEGIN, Usage, claimed_device_id
from amos.protocol.usage_reader import ANY_DEVICE, open_usage
from amos_batches.runner import Runner
from amos_tools.verify.tree import ENTRY_BYTES_MAX, TILE_WIDTH

_KID = slice(9, 25)
"""Where the signer's id stands in a segment: the header's bytes before it are always the same."""
_HEADER_BYTES = 96
_NAMES_KEYS = TYP_ENROLMENT.encode()
_OPTS_OUT = TYP_OPT_OUTS.encode()
_DELEGATED = TYP_DELEGATED_OPT_OUTS.encode()
_ROTATES = TYP_ROTATION.encode()
_CLOSES = TYP_STATEMENT.encode()
_TEXT = b"amos-"
"""How batch and document entries begin."""


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one bundle, the first of which has this leaf index; `keys`: the public keys that may have signed
    usage among them, by id."""

    first: int
    entries: tuple[bytes, ...]
    keys: Mapping[bytes, bytes]


class Named(NamedTuple):
    """A catalogue that an entry names: where, its serial and SHA-256, when it came as the entry says (None in version
    1), and the last reception before it in the bundle, None for none."""

    leaf: int
    serial: int
    sha256: bytes
    came_s: int | None
    received_s: int | None


@dataclass(frozen=True, slots=True)
class Surveyed:
    """Of the first reading: leaf hashes, one after the other; public keys that enrolments name; opt-out lists, closings
    and what may be rotations of the ledger's key or the operator's, by leaf index; catalogues named; receptions of the
    first batch entry and of the last. No signature was looked at."""

    hashes: bytes
    keys: tuple[bytes, ...]
    opt_outs: tuple[tuple[int, OptOuts], ...]
    rotations: tuple[tuple[int, bytes], ...]
    closings: tuple[tuple[int, bytes, Closing], ...]
    catalogues: tuple[Named, ...]
    batches: tuple[int, ...]


class Sounded(NamedTuple):
    """A row of a segment, or the rows of one stem together: the stem's index in the pack, frames in play, placements
    that began in them, the frame at which the first begins, and that at which the last one ends."""

    stem: int
    frames: int
    plays: int
    first_frame: int
    end_frame: int


@dataclass(frozen=True, slots=True)
class UsageSaid:
    """What a segment says whose signature by the key of `kid` is good.

    claimed_s  when it began by the player's own clock, in Unix seconds; None when that rests on no anchor
    sounded    each stem that did, its rows together
    last_frame  at which the last of its rows begins
    frames     of all rows
    """

    kid: bytes
    sha256: bytes
    version: int
    device_id: bytes
    sequence: int
    previous: bytes
    boot: int
    session: int
    first_frame: int
    end_frame: int
    rate_hz: int
    tier: int
    pack: bytes
    delivered_frames: int
    lost_first: int | None
    lost_last: int | None
    claimed_s: int | None
    sounded: tuple[Sounded, ...]
    last_frame: int
    frames: int


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Usage of which nothing is verified: no enrolment in all of the log names its signer's key. Whose it claims to
    be."""

    kid: bytes
    device_id: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """A segment with a bad signature, or one that is no segment, and why."""

    signature: bool
    text: str


Said = UsageSaid | Unsigned | Fault | None
"""None of an entry that is no usage."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Of the second reading: leaf hashes again, and what each entry says."""

    hashes: bytes
    said: tuple[Said, ...]


def batches(entries: Iterable[bytes], keys: Mapping[bytes, bytes]) -> Iterator[Entries]:
    """The entries of a log, a bundle at a time."""
    rest, first = iter(entries), 0
    while bundle := tuple(islice(rest, TILE_WIDTH)):
        signers = keys.keys() & {entry[_KID] for entry in bundle}
        yield Entries(first, bundle, {kid: keys[kid] for kid in signers})
        first += len(bundle)


def survey(batch: Entries) -> Surveyed:
    """The first reading."""
    keys: list[bytes] = []
    opt_outs: list[tuple[int, OptOuts]] = []
    rotations = []
    closings = []
    catalogues = []
    received: list[int] = []
    for index, entry in enumerate(batch.entries, batch.first):
        if entry.startswith(_TEXT):
            received += _received(entry)
            catalogues += _catalogues(index, entry, received)
        elif _CLOSES in entry[:_HEADER_BYTES]:
            closings += [(index, entry, found) for found in _closings(entry)]
        elif _NAMES_KEYS in entry[:_HEADER_BYTES]:
            keys += _keys_named(entry)
        elif _OPTS_OUT in entry[:_HEADER_BYTES]:
            opt_outs += [(index, found) for found in _opt_outs(entry, OptOuts, TYP_OPT_OUTS)]
        elif _DELEGATED in entry[:_HEADER_BYTES]:
            opt_outs += [(index, found) for found in _opt_outs(entry, DelegatedOptOuts, TYP_DELEGATED_OPT_OUTS)]
        elif _ROTATES in entry[:_HEADER_BYTES]:
            rotations.append((index, entry))
    return Surveyed(
        *(_hashes(batch), tuple(keys), tuple(opt_outs), tuple(rotations), tuple(closings), tuple(catalogues)),
        tuple(received[:1] + received[-1:]),
    )


def open_entries(batch: Entries) -> Opened:
    """The second reading."""
    return Opened(_hashes(batch), tuple(_said(entry, batch.keys) for entry in batch.entries))


def read_log(entries: Iterable[bytes], runner: Runner, keys: Mapping[bytes, bytes]) -> Iterator[tuple[Entries, Opened]]:
    """The second reading of a whole log, bundle after bundle."""
    return runner.pairs(open_entries, batches(entries, keys))


def rows_of(entry: bytes) -> list[Sounded]:
    """Each row of a segment that was verified."""
    return _rows(Usage.decode(parse_typed(entry, TYP_USAGE, SEGMENT_BYTES_MAX).payload))


def _rows(usage: Usage) -> list[Sounded]:
    return [
        Sounded(stem, frames, int(flags & FLAG_BEGIN > 0), start, start + frames)
        for stem, start, frames, flags in usage.rows()
    ]


def _hashes(batch: Entries) -> bytes:
    return b"".join(map(leaf_hash, batch.entries))


def _keys_named(entry: bytes) -> list[bytes]:
    try:
        enrolment: Enrolment = Enrolment.decode(parse_typed(entry, TYP_ENROLMENT, ENROLMENT_BYTES_MAX).payload)
    except ProtocolError:
        return []  # the walk names what is wrong with it
    return [key for _first, key in enrolment.keys]


def _opt_outs(entry: bytes, record: type[OptOuts], typ: str) -> list[OptOuts]:
    try:
        return [record.decode(parse_typed(entry, typ, OPT_OUTS_BYTES_MAX).payload)]
    except ProtocolError:
        return []


def _received(entry: bytes) -> list[int]:
    try:
        received_s = batch_unix_s(entry)
    except ProtocolError:
        return []  # the walk names what is wrong with it
    return [] if received_s is None else [received_s]


def _catalogues(index: int, entry: bytes, received: list[int]) -> list[Named]:
    try:
        document = read_document(entry)
    except ProtocolError:
        return []
    if document is None or document[0] != CATALOGUE:
        return []
    _kind, serial, sha256, came_s = document
    return [Named(index, serial, sha256, came_s, received[-1] if received else None)]


def _closings(entry: bytes) -> list[Closing]:
    try:
        return [Closing.decode(parse_typed(entry, TYP_STATEMENT, CLOSING_BYTES_MAX).payload)]
    except ProtocolError:
        return []


def _said(entry: bytes, keys: Mapping[bytes, bytes]) -> Said:
    try:
        header = parse(entry, ENTRY_BYTES_MAX).header
    except ProtocolError:
        return None  # text, or what the walk refuses
    if header.get(HEADER_TYP) != TYP_USAGE:
        return None
    kid = bytes(header[HEADER_KID])
    try:
        if kid not in keys:
            return Unsigned(kid, claimed_device_id(entry))
        return _usage_said(entry, kid, open_usage(entry, keys[kid], verify, ANY_DEVICE))
    except SignatureError as error:
        return Fault(True, str(error))
    except ProtocolError as error:
        return Fault(False, str(error))


def _usage_said(entry: bytes, kid: bytes, usage: Usage) -> UsageSaid:
    sounded: dict[int, Sounded] = {}
    for row in _rows(usage):
        seen = sounded.get(row.stem)
        sounded[row.stem] = row if seen is None else _together(seen, row)
    return UsageSaid(
        kid=kid,
        sha256=hashlib.sha256(entry).digest(),
        version=usage.version,
        device_id=usage.device_id,
        sequence=usage.sequence,
        previous=usage.previous,
        boot=usage.boot,
        session=usage.session,
        first_frame=usage.first_frame,
        end_frame=usage.end_frame,
        rate_hz=usage.rate_hz,
        tier=usage.tier,
        pack=usage.pack,
        delivered_frames=usage.delivered_frames,
        lost_first=usage.lost_first,
        lost_last=usage.lost_last,
        claimed_s=_claimed_s(usage),
        sounded=tuple(sounded.values()),
        last_frame=usage.first_frame + sum(usage.starts),
        frames=sum(usage.frames),
    )


def _together(one: Sounded, other: Sounded) -> Sounded:
    first, end = min(one.first_frame, other.first_frame), max(one.end_frame, other.end_frame)
    return Sounded(one.stem, one.frames + other.frames, one.plays + other.plays, first, end)


def _claimed_s(usage: Usage) -> int | None:
    if usage.clock not in (CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED):
        return None
    if usage.anchor_unix_ms is None or usage.anchor_ms is None:
        return None
    return (usage.anchor_unix_ms - usage.anchor_ms + usage.start_ms) // 1000


def key_table(keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """Key id → public key."""
    return {key_id(key): key for key in keys}

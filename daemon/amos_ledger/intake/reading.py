"""What one MQTT message says before anyone decides about it: caps, envelope, COSE, then signature, then payload. Pure.

Two steps, because the key to verify with is looked up between them: `read` trusts nothing and decodes no payload,
`open_all` verifies first and decodes only what verified, the rows of all at once.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from amos.protocol.cose import Sign1
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import ProtocolError, SignatureError
from amos.protocol.ledger_limits import ENVELOPE_BYTES_MAX, RECEIPTED_BYTES_MAX
from amos.protocol.limits import TIME_NONCE_BYTES
from amos.protocol.manifest import Manifest
from amos.protocol.segment import Usage
from amos.protocol.topics import TIME, USAGE, device_topic, parse_device_topic, shows_head
from amos_ledger.intake.batch_rows import NO_LENGTHS, Rows, rows_of
from amos_ledger.intake.play import longest_placements
from amos_ledger.intake.segment_parse import check_signature, decode_but_rows, parse_segment
from amos_ledger.limits import DETAIL_BYTES_MAX, TOPIC_CHARACTERS_MAX, TOPICS_CACHED_MAX
from amos_ledger.records import DeviceKey

Verify = Callable[[bytes, bytes, bytes], bool]


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it arrived. What exceeds a cap is cut off on arrival; hash and size are of the whole."""

    topic: str
    payload: bytes
    sha256: bytes
    size: int

    @classmethod
    def of(cls, topic: str, payload: bytes) -> "Message":
        """Cut to the caps, so that a queue of messages is bounded in bytes."""
        digest = hashlib.sha256(payload).digest()
        bytes_max = RECEIPTED_BYTES_MAX if shows_head(topic) else ENVELOPE_BYTES_MAX
        return cls(topic[:TOPIC_CHARACTERS_MAX], payload[: bytes_max + 1], digest, len(payload))


class Reading(NamedTuple):
    """An unverified message.

    message_sha256  of the MQTT payload as received: the answer's correlation
    site, device_id of the topic; None when the topic is not a device's, and then there is nobody to answer
    segment         the segment's bytes as signed; its `sha256` names it in the chain
    message         the parsed COSE_Sign1, not verified
    fault           why there is no such message, else None
    """

    message_sha256: bytes
    site: str | None
    device_id: bytes | None
    segment: bytes
    sha256: bytes
    message: Sign1 | None
    fault: str | None


def shortened(text: str) -> str:
    """At most as many bytes as the answer's detail holds, cut between characters."""
    return text.encode(errors="replace")[:DETAIL_BYTES_MAX].decode(errors="ignore")


def read(arrived: Message) -> Reading:
    """Take a message apart. Never raises: what is wrong is in `fault`."""
    site: str | None = None
    device_id: bytes | None = None
    segment = b""
    try:
        site, device_id = _parse_topic(arrived.topic)
        if arrived.size > ENVELOPE_BYTES_MAX:
            return _faulty(arrived, site, device_id, f"envelope: expected at most {ENVELOPE_BYTES_MAX} bytes")
        segment = unwrap(arrived.payload)
        message = parse_segment(segment)
    except ProtocolError as error:
        return _faulty(arrived, site, device_id, str(error))
    return Reading(arrived.sha256, site, device_id, segment, hashlib.sha256(segment).digest(), message, None)


def reread(segment: bytes, message_sha256: bytes, site: str, device_id: bytes) -> Reading:
    """The reading of a segment that was read before and held."""
    message = parse_segment(segment)
    return Reading(message_sha256, site, device_id, segment, hashlib.sha256(segment).digest(), message, None)


def _faulty(arrived: Message, site: str | None, device_id: bytes | None, fault: str) -> Reading:
    return Reading(arrived.sha256, site, device_id, b"", b"", None, fault)


def asks_time(arrived: Message) -> bool:
    """Whether a message is for the clock, not for intake."""
    return arrived.topic.endswith("/" + TIME)


def holds_usage(arrived: Message) -> bool:
    """Whether a message brings a segment, rather than a device's enrolment."""
    return arrived.topic.endswith("/" + USAGE)


def time_request(arrived: Message) -> tuple[str, bytes]:
    """(site, device) of a player's nonce. Raises `ProtocolError`."""
    if arrived.size != TIME_NONCE_BYTES:
        raise ProtocolError(f"nonce: expected {TIME_NONCE_BYTES} bytes, found {arrived.size}")
    return _parse_topic(arrived.topic, TIME)


@lru_cache(TOPICS_CACHED_MAX)
def _parse_topic(topic: str, wanted: str = USAGE) -> tuple[str, bytes]:
    site, device_id, leaf = parse_device_topic(topic)
    # `fromhex` takes capitals and spaces as well; an answer to such a topic would go to another one.
    if leaf != wanted or device_topic(site, device_id, wanted) != topic:
        raise ProtocolError(f"topic: expected amos/1/<site>/<device>/{wanted}, found {topic[:80]}")
    return site, device_id


class Opened(NamedTuple):
    """A reading held against a key of its device.

    key     None: no enrolment has it, and nothing more is known
    signed  with that key
    usage   what it says, None where it says none
    fault   why it says none, of a message that is signed
    pack    the manifest of its pack, None: nobody has published it
    rows    what its rows say
    """

    reading: Reading
    key: DeviceKey | None
    signed: bool = False
    usage: Usage | None = None
    fault: str | None = None
    pack: Manifest | None = None
    rows: Rows | None = None


def open_all(
    readings: Sequence[Reading],
    key_of: Callable[[Reading], DeviceKey | None],
    pack_of: Callable[[bytes], Manifest | None],
    verify: Verify,
) -> list[Opened]:
    """The readings opened with the keys that `key_of` finds. A payload is decoded only when its signature is good.
    Never raises for what a message holds."""
    pairs = [(reading, key_of(reading)) for reading in readings]
    # All signatures first: what takes turns with them finds the processor's caches full of them each time.
    refused = [_refused(reading, key, verify) for reading, key in pairs]
    found = [_said(*pair) if refusal is None else refusal for pair, refusal in zip(pairs, refused, strict=True)]
    said = [item for item in found if isinstance(item, Usage)]
    packs = {pack: pack_of(pack) for pack in {usage.pack for usage in said}}
    lengths = {pack: NO_LENGTHS if known is None else longest_placements(known) for pack, known in packs.items()}
    rows = iter(rows_of(said, [lengths[usage.pack] for usage in said]))
    return [
        _checked(reading, key, item, packs[item.pack], next(rows)) if isinstance(item, Usage) else item
        for (reading, key), item in zip(pairs, found, strict=True)
    ]


def _refused(reading: Reading, key: DeviceKey | None, verify: Verify) -> Opened | None:
    """How a message is opened that this key did not sign; None: it did."""
    if key is None:
        return Opened(reading, None)
    assert reading.message is not None
    try:
        check_signature(reading.message, key.public_key, verify)
    except SignatureError as error:
        return Opened(reading, key, False, None, str(error))
    return None


def _said(reading: Reading, key: DeviceKey | None) -> Opened | Usage:
    """What a signed message says, of which the rows are not judged yet; else how it is opened."""
    assert reading.message is not None
    payload = reading.message.payload
    try:
        return decode_but_rows(payload) or Usage.decode(payload)
    except ProtocolError as error:
        return Opened(reading, key, True, None, str(error))


def _checked(reading: Reading, key: DeviceKey | None, usage: Usage, pack: Manifest | None, rows: Rows | None) -> Opened:
    if rows is None:  # the strict codec says what is wrong with them
        assert reading.message is not None
        try:
            usage = Usage.decode(reading.message.payload)
        except ProtocolError as error:
            return Opened(reading, key, True, None, str(error))
    if usage.device_id != reading.device_id:
        fault = f"usage.device_id: expected the topic's, found {usage.device_id.hex()}"
        return Opened(reading, key, True, None, fault)
    return Opened(reading, key, True, usage, None, pack, rows)

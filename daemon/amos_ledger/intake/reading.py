"""What one MQTT message says before anyone decides about it: caps, envelope, COSE, then signature, then payload. Pure.

Two steps, because the key to verify with is looked up between them: `read` trusts nothing and decodes no payload,
`open_reading` verifies first and decodes only what verified.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from amos.protocol.cose import Sign1
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import ProtocolError, SignatureError
from amos.protocol.ledger_limits import ENVELOPE_BYTES_MAX, RECEIPTED_BYTES_MAX
from amos.protocol.limits import TIME_NONCE_BYTES
from amos.protocol.segment import Usage
from amos.protocol.topics import TIME, USAGE, device_topic, parse_device_topic, shows_head
from amos_ledger.intake.segment_parse import check_signature, decode_usage, parse_segment
from amos_ledger.limits import DETAIL_BYTES_MAX, TOPIC_CHARACTERS_MAX

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


@dataclass(frozen=True, slots=True)
class Reading:
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


def time_request(arrived: Message) -> tuple[str, bytes]:
    """(site, device) of a player's nonce. Raises `ProtocolError`."""
    if arrived.size != TIME_NONCE_BYTES:
        raise ProtocolError(f"nonce: expected {TIME_NONCE_BYTES} bytes, found {arrived.size}")
    return _parse_topic(arrived.topic, TIME)


def _parse_topic(topic: str, wanted: str = USAGE) -> tuple[str, bytes]:
    site, device_id, leaf = parse_device_topic(topic)
    # `fromhex` takes capitals and spaces as well; an answer to such a topic would go to another one.
    if leaf != wanted or device_topic(site, device_id, wanted) != topic:
        raise ProtocolError(f"topic: expected amos/1/<site>/<device>/{wanted}, found {topic[:80]}")
    return site, device_id


def open_reading(reading: Reading, public_key: bytes, verify: Verify) -> tuple[bool, Usage | None, str | None]:
    """(signed by this key, usage, fault). The payload is decoded only when the signature is good. Never raises."""
    assert reading.message is not None
    try:
        check_signature(reading.message, public_key, verify)
    except SignatureError as error:
        return False, None, str(error)
    try:
        usage = decode_usage(reading.message.payload)
    except ProtocolError as error:
        return True, None, str(error)
    fault = None
    if usage.device_id != reading.device_id:
        fault = f"usage.device_id: expected the topic's, found {usage.device_id.hex()}"
    return True, None if fault else usage, fault

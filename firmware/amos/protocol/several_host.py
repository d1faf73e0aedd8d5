"""Several envelopes, or several answers, of one device in one MQTT message (SPEC section 9): for backlogs, since a
message of its own costs broker and both sides more than what it carries.

Used on hosts only.
"""

from amos.protocol.errors import MessageError
from amos.protocol.ledger_limits import SEVERAL_BYTES_MAX, SEVERAL_MAX

SEVERAL = b"\x02"
"""No envelope of one segment and no answer, which is a map, begins with it."""

_LENGTH_BYTES = 2


def holds_several(payload: bytes) -> bool:
    """Whether a message is for `split_several`."""
    return payload[:1] == SEVERAL


def join_several(items: "list[bytes]", bytes_max: int = SEVERAL_BYTES_MAX) -> "list[bytes]":
    """As few messages of so many bytes as hold these in their order; one that is alone stays as it is, of any size."""
    messages: list[bytes] = []
    together: list[bytes] = []
    size = len(SEVERAL)
    for item in items:
        more = _LENGTH_BYTES + len(item)
        if together and (size + more > bytes_max or len(together) >= SEVERAL_MAX):
            messages.append(_joined(together))
            together, size = [], len(SEVERAL)
        together.append(item)
        size += more
    return [*messages, _joined(together)] if together else messages


def split_several(payload: bytes) -> "list[bytes]":
    """What is in the message. Raises `MessageError` for anything that `join_several` does not make."""
    if not holds_several(payload) or len(payload) > SEVERAL_BYTES_MAX:
        raise MessageError("several: expected marker 2 and at most %d bytes" % SEVERAL_BYTES_MAX)
    items, at, end = [], len(SEVERAL), len(payload)
    while at < end:
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(payload[begin - _LENGTH_BYTES : begin], "big")
        if begin > end or at > end or at == begin:
            raise MessageError("several: expected items of at least one byte that fill the message")
        items.append(payload[begin:at])
    if not 2 <= len(items) <= SEVERAL_MAX:
        raise MessageError("several: expected 2 to %d items, found %d" % (SEVERAL_MAX, len(items)))
    return items


def _joined(items: "list[bytes]") -> bytes:
    if len(items) == 1:
        return items[0]
    pieces = [SEVERAL]
    for item in items:
        pieces += (len(item).to_bytes(_LENGTH_BYTES, "big"), item)
    return b"".join(pieces)

"""Answers that accept, taken apart by their shape: nearly all of those to a courier with a backlog are such.

Whatever has not that very shape is left to `decode_answer`, which alone says what is wrong with it.
"""

from amos.protocol.answer import ACCEPTED, Answer, decode_answer
from amos.protocol.limits import RECEIPT_BYTES_MAX
from amos.protocol.record import U63
from amos.protocol.shape_host import OtherShape, argument

_SAYS = ((0, b"\xa5\x01\x58\x20"), (36, b"\x02\x00\x03\x50"), (56, b"\x04"))
"""Where what stands: five fields, of which the first four are a hash, the verdict, a device and a sequence number."""
_SEQUENCE_AT = 57


def read_answer(data: bytes) -> Answer:
    """As `decode_answer`."""
    try:
        return _accepting(data)
    except OtherShape:
        return decode_answer(data)


def _accepting(data: bytes) -> Answer:
    if any(data[at : at + len(said)] != said for at, said in _SAYS):
        raise OtherShape
    sequence, at = argument(data, _SEQUENCE_AT, 0)
    length, begin = argument(data, at + 1, 2)
    receipt = data[begin:]
    if data[at : at + 1] != b"\x05" or not 0 < length == len(receipt) <= RECEIPT_BYTES_MAX or sequence > U63:
        raise OtherShape
    return Answer(
        message_sha256=data[4:36], verdict=ACCEPTED, device_id=data[40:56], sequence=sequence, receipt=receipt
    )

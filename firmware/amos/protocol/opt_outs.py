"""The opt-out list: stems whose artists have withdrawn them, signed by the publisher (SPEC section 10)."""

from amos.compat import const
from amos.protocol.cose import TYP_OPT_OUTS, open_typed
from amos.protocol.limits import OPT_OUTS_BYTES_MAX, OPT_OUTS_MAX
from amos.protocol.record import U8, U63, UNIX_S_MAX, Record

VERSION = 1
_STEM_ID_BYTES = const(16)


class OptOuts(Record):
    """Payload of the publisher's opt-out list. `ids`: stem ids one after the other, ascending, each once; None for no
    stems.

    One byte string, not a list: a board holds a thousand ids in 16 KB so, and finds one by halving.
    """

    NAME = "opt-outs"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "serial", "uint", U63),
        (3, "issued_unix_s", "uint", UNIX_S_MAX),
        (4, "ids", "blob?", OPT_OUTS_MAX * _STEM_ID_BYTES),
    )

    version: int
    serial: int
    issued_unix_s: int
    ids: "bytes | None"

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        ids = self.ids or b""
        if len(ids) % _STEM_ID_BYTES:
            return "ids: expected %d bytes each, found %d in all" % (_STEM_ID_BYTES, len(ids))
        for at in range(_STEM_ID_BYTES, len(ids), _STEM_ID_BYTES):
            if ids[at - _STEM_ID_BYTES : at] >= ids[at : at + _STEM_ID_BYTES]:
                return "ids: expected ascending, each once, found another order at %d" % (at // _STEM_ID_BYTES)
        return None

    def __len__(self) -> int:
        return len(self.ids or b"") // _STEM_ID_BYTES

    def __contains__(self, stem_id: bytes) -> bool:
        ids = self.ids or b""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            found = ids[middle * _STEM_ID_BYTES : (middle + 1) * _STEM_ID_BYTES]
            if found == stem_id:
                return True
            if found < stem_id:
                low = middle + 1
            else:
                high = middle
        return False


def open_opt_outs(data, public_key: bytes, verify) -> OptOuts:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return OptOuts.decode(open_typed(data, TYP_OPT_OUTS, OPT_OUTS_BYTES_MAX, public_key, verify))

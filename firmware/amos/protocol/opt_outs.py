"""The opt-out list: stems whose artists have withdrawn them, signed by the publisher (SPEC section 10)."""

from amos.protocol.cose import TYP_OPT_OUTS, open_typed, sign
from amos.protocol.limits import OPT_OUTS_BYTES_MAX, OPT_OUTS_MAX
from amos.protocol.record import U8, U63, UNIX_S_MAX, Record

VERSION = 1
STEM_ID_BYTES = 16


class OptOuts(Record):
    """Payload of an opt-out list. `ids`: stem ids one after the other, ascending, each once; None for no stems.

    One byte string, not a list: a board holds a thousand ids in 16 KB so, and finds one by halving.
    """

    NAME = "opt-outs"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "serial", "uint", U63),
        (3, "issued_unix_s", "uint", UNIX_S_MAX),
        (4, "ids", "blob?", OPT_OUTS_MAX * STEM_ID_BYTES),
    )

    version: int
    serial: int
    issued_unix_s: int
    ids: "bytes | None"

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        ids = self.ids or b""
        if len(ids) % STEM_ID_BYTES:
            return "ids: expected %d bytes each, found %d in all" % (STEM_ID_BYTES, len(ids))
        for at in range(STEM_ID_BYTES, len(ids), STEM_ID_BYTES):
            if ids[at - STEM_ID_BYTES : at] >= ids[at : at + STEM_ID_BYTES]:
                return "ids: expected ascending, each once, found another order at %d" % (at // STEM_ID_BYTES)
        return None

    def __len__(self) -> int:
        return len(self.ids or b"") // STEM_ID_BYTES

    def __contains__(self, stem_id: bytes) -> bool:
        ids = self.ids or b""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            found = ids[middle * STEM_ID_BYTES : (middle + 1) * STEM_ID_BYTES]
            if found == stem_id:
                return True
            if found < stem_id:
                low = middle + 1
            else:
                high = middle
        return False


def list_opt_outs(serial: int, issued_unix_s: int, stem_ids) -> OptOuts:
    """The list of these stems, given in any order."""
    return OptOuts(
        version=VERSION, serial=serial, issued_unix_s=issued_unix_s, ids=b"".join(sorted(set(stem_ids))) or None
    )


def sign_opt_outs(opt_outs: OptOuts, publisher: bytes, sign_message) -> bytes:
    """The list's bytes; `publisher` is the key id of the publisher's key."""
    return sign(opt_outs.encode(), TYP_OPT_OUTS, publisher, sign_message)


def open_opt_outs(data, public_key: bytes, verify) -> OptOuts:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return OptOuts.decode(open_typed(data, TYP_OPT_OUTS, OPT_OUTS_BYTES_MAX, public_key, verify))

"""What a ledger signed and has lost for good, given up by the operator's signature (SPEC section 14)."""

from amos.protocol.cose import open_typed, parse_typed, sign
from amos.protocol.ledger_limits import FORGONE_BYTES_MAX
from amos.protocol.record import U8, U63, UNIX_S_MAX, Record

VERSION = 1
TYP_FORGONE = "amos-forgone+cose"
FORGONE_LEAF = b"amos-forgone/1\n"
"""What follows in the log, until it has more entries than the tree that was given up."""


class Forgone(Record):
    """Payload. Of the tree of `lost_size` leaves with `lost_root` the log has the first `kept_size`, and does without
    the others. Its own may be more, where the ledger went on before it was shown what it lacks."""

    NAME = "forgone"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "unix_s", "uint", UNIX_S_MAX),
        (3, "kept_size", "uint", U63),
        (4, "lost_size", "uint", U63),
        (5, "lost_root", "bytes", 32),
    )

    version: int
    unix_s: int
    kept_size: int
    lost_size: int
    lost_root: bytes

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        if not self.kept_size or not self.lost_size:
            return "sizes: expected from 1, found %d and %d" % (self.kept_size, self.lost_size)
        return None

    def leaves(self) -> int:
        """How many entries `FORGONE_LEAF` follow: the next tree head is over more than were lost, so that no two heads
        are over as many."""
        return max(self.lost_size - self.kept_size, 0)

    def covers(self, size: int, root: bytes) -> bool:
        """Whether a tree head is given up with this: the one named, and those on the way to it."""
        return (size, root) == (self.lost_size, self.lost_root) or self.kept_size < size < self.lost_size


def sign_forgone(forgone: Forgone, operator: bytes, sign_message) -> bytes:
    """The message's bytes; `operator` is the key id of the operator's key."""
    return sign(forgone.encode(), TYP_FORGONE, operator, sign_message)


def open_forgone(data, operator_key: bytes, verify) -> Forgone:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Forgone.decode(open_typed(data, TYP_FORGONE, FORGONE_BYTES_MAX, operator_key, verify))


def read_forgone(data) -> Forgone:
    """Decode without verifying, for a courier, which knows no operator: it may be asked in vain."""
    return Forgone.decode(parse_typed(data, TYP_FORGONE, FORGONE_BYTES_MAX).payload)

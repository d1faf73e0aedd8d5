"""A batch entry of the log: when the ledger took in the usage that follows it (SPEC section 14).

It is text, like the log's first entry, and signed as that is, by every checkpoint above it.
"""

from amos.protocol.errors import LocalError, MessageError

PREFIX = b"amos-batch/1 "

BATCH_S = 60
"""Receptions are kept to the minute, so that a busy ledger's log does not fill with instants."""

UNIX_S_MAX = 1 << 38
"""Past the year 9999, to which periods reach."""


def batch_entry(unix_s: int) -> bytes:
    """The entry for what is received in the minute that begins at `unix_s`. Raises `LocalError`."""
    if not 0 <= unix_s < UNIX_S_MAX or unix_s % BATCH_S:
        raise LocalError("batch: expected a whole minute of Unix time, found %d s" % unix_s)
    return PREFIX + b"%d\n" % unix_s


def minute_of(unix_s: int) -> int:
    """The instant that a batch entry gives for a reception at `unix_s`."""
    return unix_s - unix_s % BATCH_S


def batch_unix_s(entry: bytes) -> "int | None":
    """When what follows was received, in Unix seconds; None for an entry of another kind. Raises `MessageError`."""
    if entry[: len(PREFIX)] != PREFIX:
        return None
    digits = entry[len(PREFIX) : -1]
    if entry[-1:] != b"\n" or not 1 <= len(digits) <= 12 or digits.strip(b"0123456789"):
        raise MessageError("batch: expected whole Unix seconds and a line feed, found %r" % entry[:40])
    unix_s = int(digits)
    if unix_s % BATCH_S or unix_s >= UNIX_S_MAX or entry != batch_entry(unix_s):
        raise MessageError("batch: expected a whole minute in shortest digits, found %r" % entry[:40])
    return unix_s

"""A segment in one piece, its columns from rows: what the firmware makes in place and in pieces has to be the same
bytes."""

from array import array

from amos.protocol.cose import TYP_USAGE, sign


def sign_usage(usage, sign_message, kid=None) -> bytes:
    """The segment's bytes; `sign_message(message) -> 64 bytes` by the device key, whose id is `kid`: its first one's
    without."""
    return sign(usage.encode(), TYP_USAGE, kid or usage.device_id, sign_message)


def columns(rows, first_frame: int):
    """(stems, starts, frames, flags) of rows (stem, start_frame, frames, flags), ordered by start, then stem."""
    stems, starts, frames, flags = array("H"), array("I"), array("I"), array("B")
    ordered: list = []  # MicroPython's own sort keeps no order among equals
    for row in rows:
        at = len(ordered)
        while at and (ordered[at - 1][1], ordered[at - 1][0]) > (row[1], row[0]):
            at -= 1
        ordered.insert(at, row)
    previous = first_frame
    for stem, start, length, bits in ordered:
        stems.append(stem)
        starts.append(start - previous)
        frames.append(length)
        flags.append(bits)
        previous = start
    return stems, starts, frames, flags

"""COBS as its paper says it, run by run, to hold the link's own against; and that one as bytes to bytes."""

from amos.protocol.frames import stuff, stuffed_bytes_max, unstuff


def by_the_paper(data: bytes) -> bytes:
    """`data` stuffed, a run of 254 at the very end without a final 01."""
    encoded = b""
    runs = data.split(b"\x00")
    for index in range(len(runs)):
        run = runs[index]
        while len(run) >= 254:
            encoded += b"\xff" + run[:254]
            run = run[254:]
            if not run and index == len(runs) - 1:
                return encoded
        encoded += bytes([len(run) + 1]) + run
    return encoded


def stuffed(data: bytes) -> bytes:
    buffer = bytearray(stuffed_bytes_max(len(data)))
    buffer[1 : 1 + len(data)] = data
    return bytes(buffer[: stuff(buffer, 1 + len(data))])


def unstuffed(data: bytes) -> bytes:
    buffer = bytearray(data)
    return bytes(buffer[1 : unstuff(buffer, len(data))])

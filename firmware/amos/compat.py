"""Every shim for what MicroPython lacks or does otherwise, each with its reason."""

import sys

MICROPYTHON = sys.implementation.name == "micropython"

try:
    from micropython import const  # pyright: ignore[reportAssignmentType] (folds module constants at compile time)
except ImportError:

    def const(value):
        """CPython has no compile-time constants; the value itself serves."""
        return value


if MICROPYTHON:
    from uctypes import ARRAY, INT16, addressof, bytearray_at, struct

    def byte_view(column) -> "bytes | bytearray | memoryview":
        """The bytes of an array, or of a view of one, where they lie, as long as it lives. MicroPython's memoryview has
        no `cast`."""
        if not len(column):
            return b""
        return bytearray_at(addressof(column), len(column) * len(bytes(memoryview(column)[:1])))

    def sample_view(pcm: bytearray) -> "memoryview[int]":
        """Its int16 samples where they lie, by index. MicroPython's memoryview has no `cast`."""
        return struct(addressof(pcm), (ARRAY, INT16 | len(pcm) // 2))  # pyright: ignore[reportReturnType] (by index)

    def readinto(file, buffer, count: int) -> int:
        """Read at most `count` bytes to the front of `buffer`; how many. MicroPython's second argument saves a view,
        which would be an allocation for each read of each stem."""
        return file.readinto(buffer, count)

else:

    def byte_view(column) -> "bytes | bytearray | memoryview":
        """As above."""
        return memoryview(column).cast("B")

    def sample_view(pcm: bytearray) -> "memoryview[int]":
        """As above."""
        return memoryview(pcm).cast("h")

    def readinto(file, buffer, count: int) -> int:
        """As above; CPython's takes the size from the buffer."""
        return file.readinto(memoryview(buffer)[:count])


def error_words(error: OSError) -> str:
    """What the system says, in words. MicroPython has a number alone, and a name for some."""
    if error.args and error.args[0] == 2:  # ENOENT, everywhere
        return "none of that name"
    return getattr(error, "strerror", None) or "system error %s" % error

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
    from uctypes import addressof, bytearray_at

    def byte_view(column) -> "bytes | bytearray | memoryview":
        """The bytes of an array, or of a view of one, where they lie, as long as it lives. MicroPython's memoryview has
        no `cast`."""
        if not len(column):
            return b""
        return bytearray_at(addressof(column), len(column) * len(bytes(memoryview(column)[:1])))

    def readinto(file, buffer, count: int) -> int:
        """Read at most `count` bytes to the front of `buffer`; how many. MicroPython's second argument saves a view,
        which would be an allocation for each read of each stem."""
        return file.readinto(buffer, count)

else:

    def byte_view(column) -> "bytes | bytearray | memoryview":
        """As above."""
        return memoryview(column).cast("B")

    def readinto(file, buffer, count: int) -> int:
        """As above; CPython's takes the size from the buffer."""
        return file.readinto(memoryview(buffer)[:count])

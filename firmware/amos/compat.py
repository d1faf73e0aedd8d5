"""Every shim for what MicroPython lacks or does otherwise, each with its reason."""

import sys

MICROPYTHON = sys.implementation.name == "micropython"

try:
    from micropython import const  # pyright: ignore[reportAssignmentType] (folds module constants at compile time)
except ImportError:

    def const(value):
        """CPython has no compile-time constants; the value itself serves."""
        return value

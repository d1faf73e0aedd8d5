"""Runs on MicroPython: the whole player, beside the buffers that a board's I2S takes of the heap.

micropython board_boot.py BYTES DIRECTORY [NAME=VALUE]...
"""

# MicroPython runs this too, so it is typed no further than that allows.
# mypy: allow-untyped-defs, allow-untyped-calls

import sys

from amos.__main__ import main

if __name__ == "__main__":
    ring = bytearray(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))

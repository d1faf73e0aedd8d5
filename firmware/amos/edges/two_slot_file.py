"""A small content that survives every power cut, in two files written alternately.

Contract: when `write` returns, what it was given survives; when it raises OSError, or power is lost meanwhile, the next
start finds that or what was kept before, whole. There is no renaming over a file, which FAT cannot do in one step.

    magic 8 bytes | generation 8, little-endian | length 4 | content | CRC-32 of all before
"""

import binascii

from amos.edges.durable import fsync_file, sync_folder
from amos.edges.private import open_private

MAGIC = b"AMOSKEPT"
HEAD_BYTES = 8 + 8 + 4
SLOTS = (".0", ".1")


def frame(generation: int, content: bytes) -> "tuple[bytes, bytes]":
    """(before, after): what stands around the content in a slot's file."""
    head = MAGIC + generation.to_bytes(8, "little") + len(content).to_bytes(4, "little")
    return head, _crc(head, content)


def decode(data: bytes) -> "tuple[int, bytes] | None":
    """(generation, content) of a slot's file, or None when it is not whole."""
    size = int.from_bytes(data[16:20], "little")
    if data[:8] != MAGIC or len(data) != HEAD_BYTES + size + 4:
        return None
    content = data[HEAD_BYTES:-4]
    return (int.from_bytes(data[8:16], "little"), content) if data[-4:] == _crc(data[:HEAD_BYTES], content) else None


def _crc(head: bytes, content: bytes) -> bytes:
    return (binascii.crc32(content, binascii.crc32(head)) & 0xFFFFFFFF).to_bytes(4, "little")


class TwoSlotFile:
    """The pair of files path + ".0" and path + ".1"; content of more than `bytes_max` bytes is not ours, and not read.

    damaged   there are files, and none of them is whole
    """

    def __init__(self, path: str, bytes_max: int):
        self._path = path
        self._bytes_max = bytes_max
        found = [self._load(slot) for slot in SLOTS]
        self._generation = max([item[0] for item in found])
        self.damaged = not self._generation and any([item[1] for item in found])

    def _load(self, slot: str) -> "tuple[int, bytes | None]":
        """(generation, content); generation 0 for what is not there (content None) or not whole."""
        try:
            with open(self._path + slot, "rb") as file:
                data = file.read(HEAD_BYTES + self._bytes_max + 5)
        except OSError:
            return 0, None
        found = decode(data)
        return found if found is not None and len(found[1]) <= self._bytes_max else (0, b"damaged")

    def read(self) -> "bytes | None":
        """What was kept last, or None."""
        return self._load(SLOTS[self._generation % 2])[1] if self._generation else None

    def write(self, content: bytes) -> None:
        """Keep `content` from here on. Raises OSError."""
        generation = self._generation + 1
        before, after = frame(generation, content)
        with open_private(self._path + SLOTS[generation % 2], "wb") as file:
            for part in (before, content, after):
                file.write(part)
            file.flush()
            fsync_file(file)
        if generation <= 2:
            sync_folder(self._path)  # the file is new in its folder
        # Only here: a write that failed is tried again in the same file, never in the one that holds.
        self._generation = generation

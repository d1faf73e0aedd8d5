"""Something small that outlives every power cut, in two files written in turn.

Contract: when `write` returns, what it was given survives; when it raises OSError, or power is lost meanwhile, the next
start finds that or what was kept before, whole. There is no renaming over a file, which FAT cannot do in one step.

    magic 8 bytes | generation 8, little-endian | length 4 | content | CRC-32 of all before
"""

import binascii

from amos.edges.durable import fsync_file, sync_folder

MAGIC = b"AMOSKEPT"
HEAD_BYTES = 8 + 8 + 4
SLOTS = (".0", ".1")


def encode(generation: int, content: bytes) -> bytes:
    """The bytes of one slot's file."""
    data = MAGIC + generation.to_bytes(8, "little") + len(content).to_bytes(4, "little") + content
    return data + _crc(data)


def decode(data: bytes):
    """(generation, content) of a slot's file, or None when it is not whole."""
    size = int.from_bytes(data[16:20], "little")
    if data[:8] != MAGIC or len(data) != HEAD_BYTES + size + 4 or data[-4:] != _crc(data[:-4]):
        return None
    return int.from_bytes(data[8:16], "little"), data[HEAD_BYTES:-4]


def _crc(data: bytes) -> bytes:
    return (binascii.crc32(data) & 0xFFFFFFFF).to_bytes(4, "little")


class KeptFile:
    """`content` is what was kept last (bytes), or None. `damaged`: there are files, and none of them is whole.

    path + ".0" and path + ".1" are the files; content of more than `bytes_max` bytes is not ours and not read.
    """

    def __init__(self, path: str, bytes_max: int):
        self._path = path
        self._generation = 0
        self.content: bytes | None = None
        self.damaged = False
        for slot in SLOTS:
            try:
                with open(path + slot, "rb") as file:
                    found = decode(file.read(HEAD_BYTES + bytes_max + 5))
            except OSError:
                continue
            if found is None or len(found[1]) > bytes_max:
                self.damaged = True
            elif found[0] > self._generation:
                self._generation, self.content = found
        self.damaged = self.damaged and self.content is None

    def write(self, content: bytes) -> None:
        """Keep `content` from here on. Raises OSError."""
        generation = self._generation + 1
        with open(self._path + SLOTS[generation % 2], "wb") as file:
            file.write(encode(generation, content))
            file.flush()
            fsync_file(file)
        if generation <= 2:
            sync_folder(self._path)  # the file is new in its folder
        # Only here: a write that failed is tried again in the same file, never in the one that holds.
        self._generation, self.content = generation, content


class KeptMemory:
    """The same without files, for tests. `fails`: the next writes raise OSError. `writes` counts those that did not."""

    def __init__(self, content: "bytes | None" = None):
        self.content = content
        self.damaged = False
        self.fails = False
        self.writes = 0

    def write(self, content: bytes) -> None:
        if self.fails:
            raise OSError("write failed")
        self.content = content
        self.writes += 1

"""Sent to the prompt of the emulated Cortex-M: makes a FAT file system of the machine's second memory, which is no part
of MicroPython's heap, and unpacks into it what the emulator has put behind it.

The emulator's payload begins with one line of JSON: [[path, bytes], ...] in the order in which the contents follow.
"""

import json
import os

import uctypes
import vfs

DISK_AT, DISK_BYTES = 0x21000000, 4 << 20
PAYLOAD_AT, PAYLOAD_BYTES = 0x21800000, 1 << 20
HEAD_BYTES_MAX = 4096
SECTOR_BYTES = 512
COUNT_SECTORS, SECTOR_SIZE = 4, 5


class MemoryDisk:
    """A block device as MicroPython's manual has it."""

    def __init__(self):
        self._data = memoryview(uctypes.bytearray_at(DISK_AT, DISK_BYTES))

    def readblocks(self, sector, buffer):
        start = sector * SECTOR_BYTES
        buffer[:] = self._data[start : start + len(buffer)]

    def writeblocks(self, sector, buffer):
        start = sector * SECTOR_BYTES
        self._data[start : start + len(buffer)] = buffer

    def ioctl(self, what, _argument):
        return {COUNT_SECTORS: DISK_BYTES // SECTOR_BYTES, SECTOR_SIZE: SECTOR_BYTES}.get(what, 0)


def make_folders(path, made):
    parts = path.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        folder = "/".join(parts[:count])
        if folder not in made:
            os.mkdir("/" + folder)
            made.add(folder)


def unpack():
    payload = memoryview(uctypes.bytearray_at(PAYLOAD_AT, PAYLOAD_BYTES))
    line = bytes(payload[:HEAD_BYTES_MAX]).split(b"\n", 1)[0]
    start = len(line) + 1
    made = set()
    for path, size in json.loads(line):
        make_folders(path, made)
        with open("/" + path, "wb") as file:
            file.write(payload[start : start + size])
        start += size


disk = MemoryDisk()
vfs.VfsFat.mkfs(disk)
vfs.mount(disk, "/")
os.mkdir("/tmp")
unpack()

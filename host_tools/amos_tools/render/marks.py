"""Finds the engine's own mark in an audio file: the one reader that `amos provenance` and `amos vault import` share.

The mark stands in the file's metadata twice, in `bext` and in `iXML`. It survives tools that carry metadata along, also
into FLAC, AIFF or Ogg, and is looked for there. **A conversion that drops the metadata drops the mark**: such a
file cannot be told from a recording, and nothing here claims to.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

MARK = "amos-engine-output/1"
_MARK_ANY = b"amos-engine-output/"
"""Of any version: a later engine's output is no recording either."""

METADATA_BYTES_MAX = 16 * 1024 * 1024
"""Of one chunk. Three hours of render take under 1 MB."""
_CHUNKS_MAX = 4096
_HEAD_BYTES = 256 * 1024
"""What is searched of a container without a table of its parts: Ogg has its comments at the very beginning."""
_FORMS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">", b"FORM": ">"}
_AUDIO_CHUNKS = (b"data", b"SSND")
_SIZE_IN_DS64 = 0xFFFFFFFF


class Chunk(NamedTuple):
    """A chunk of a RIFF or IFF file: where its content begins, and how many bytes are there (less, if cut short)."""

    name: bytes
    offset: int
    size: int


def carries_mark(path: Path) -> bool:
    """Whether the file says that it is engine output. False also for what cannot be read: others refuse that."""
    try:
        with path.open("rb") as file:
            return any(_MARK_ANY in part for part in _metadata(file))
    except OSError:
        return False


def chunks(file: BinaryIO) -> Iterator[Chunk]:
    """The chunks of a RIFF, RF64, RIFX or AIFF file, in order; none of anything else."""
    end = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    order = _FORMS.get(head[:4])
    if len(head) < 12 or order is None:
        return
    at = 12
    data_bytes = 0
    for _ in range(_CHUNKS_MAX):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            return
        name, size = struct.unpack(order + "4sI", header)
        if name == b"ds64":
            data_bytes = _ds64_data_bytes(file.read(16))
        if name == b"data" and size == _SIZE_IN_DS64:
            size = data_bytes or end - at - 8
        yield Chunk(name, at + 8, min(size, end - at - 8))
        at += 8 + size + (size & 1)


def _ds64_data_bytes(content: bytes) -> int:
    """Size of the data chunk as EBU Tech 3306 has it: after the 64-bit size of the whole."""
    return struct.unpack("<QQ", content)[1] if len(content) == 16 else 0


def _metadata(file: BinaryIO) -> Iterator[bytes]:
    """Everything of the file that is not audio, in parts."""
    head = file.read(_HEAD_BYTES)
    if head[:4] == b"fLaC":
        yield from _flac_blocks(file)
    elif head[:4] in _FORMS:
        for chunk in list(chunks(file)):
            if chunk.name not in _AUDIO_CHUNKS:
                file.seek(chunk.offset)
                yield file.read(min(chunk.size, METADATA_BYTES_MAX))
    else:
        yield head


def _flac_blocks(file: BinaryIO) -> Iterator[bytes]:
    """The metadata blocks of a FLAC file (RFC 9639 section 8)."""
    file.seek(4)
    for _ in range(_CHUNKS_MAX):
        header = file.read(4)
        if len(header) < 4:
            return
        yield file.read(int.from_bytes(header[1:], "big"))
        if header[0] & 0x80:
            return

"""Does an audio file reach the end that its container announces?

libsndfile plays what is there of a truncated WAV, AIFF or OGG and says nothing, so the containers are checked here.
FLAC needs no check: its header states the frames, and decoding to fewer is an error. MP3 has no end to look for.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from amos_tools.vault import errors

_OGG_PAGE_BYTES_MAX = 27 + 255 + 255 * 255
"""RFC 3533 section 6: the largest page, so the last one starts within this many bytes of the end."""
_STREAMED_SIZES = (0, 0x7FFFF000, 0xFFFFFFFF, 0x7FFFFFFF)
"""What recorders that could not seek back write as a size: it promises nothing."""


def check_complete(path: Path, kind: str) -> None:
    """Raise `TruncatedAudio` when the file of `kind` (wav, aiff, ogg, flac, mp3) ends too early."""
    try:
        with path.open("rb") as file:
            if kind == "ogg":
                _check_ogg(path, file)
            elif kind in ("wav", "aiff"):
                _check_chunks(path, file, ">" if kind == "aiff" else "<", b"SSND" if kind == "aiff" else b"data")
    except OSError as error:
        raise errors.MissingFile(path, "file", "a readable file", error.strerror or str(error)) from None


def _check_chunks(path: Path, file: BinaryIO, order: str, audio_chunk: bytes) -> None:
    """Walk RIFF or IFF chunks to the audio and compare its size with the file's."""
    file_bytes = file.seek(0, 2)
    if file.seek(0) == 0 and file.read(4) == b"RIFX":
        order = ">"
    at = 12
    while at + 8 <= file_bytes:
        file.seek(at)
        chunk, size = struct.unpack(order + "4sI", file.read(8))
        if chunk == audio_chunk:
            if size not in _STREAMED_SIZES and at + 8 + size > file_bytes:
                raise errors.TruncatedAudio(path, "audio", f"{size} bytes of audio", file_bytes - at - 8)
            return
        at += 8 + size + (size & 1)
    raise errors.TruncatedAudio(path, "audio", f"a chunk {audio_chunk.decode()}", "the end of the file")


def _check_ogg(path: Path, file: BinaryIO) -> None:
    """The last page must carry the end-of-stream flag and be whole (RFC 3533)."""
    file_bytes = file.seek(0, 2)
    file.seek(max(0, file_bytes - _OGG_PAGE_BYTES_MAX))
    tail = file.read()
    at = tail.rfind(b"OggS")
    header = tail[at : at + 27]
    if at < 0 or len(header) < 27 or not header[5] & 4:
        raise errors.TruncatedAudio(path, "audio", "a last page marked as the end", "none")
    page_bytes = 27 + header[26] + sum(tail[at + 27 : at + 27 + header[26]])
    if at + page_bytes > len(tail):
        raise errors.TruncatedAudio(path, "audio", f"a last page of {page_bytes} bytes", len(tail) - at)

"""The output into WAV files. `audio_sink` has the contract."""

import os

from amos.compat import const
from amos.edges.address import AddressError
from amos.edges.audio_sink import FRAME_BYTES
from amos.edges.durable import fsync_file

_FILE_TYPE = const(0o170000)
_REGULAR_FILE = const(0o100000)
"""In the mode that `os.stat` gives, on every runtime."""

HEADER_BYTES = 44
_DATA_BYTES_MAX = 0xFFFFFFFF - HEADER_BYTES


class WavSink:
    """A WAV file. A block counts as delivered when the file has taken it; the header is made right on `close`."""

    clocked = fades = False
    underruns = held_bytes_max = 0

    def __init__(self, path: str, rate_hz: int):
        self._file = open(path, "wb", 0)  # without a buffer: what counts as delivered survives the process
        self._rate_hz = rate_hz
        self._data_bytes = 0
        self._write(_wav_header(rate_hz, 0))

    def write(self, pcm, last: bool = False) -> int:
        if self._data_bytes + len(pcm) > _DATA_BYTES_MAX:
            raise OSError("WAV file full: 4 GiB")
        self._write(pcm)
        self._data_bytes += len(pcm)
        return self._data_bytes // FRAME_BYTES

    def _write(self, data) -> None:
        left = memoryview(data)
        while len(left):
            count = self._file.write(left)
            if not count:
                raise OSError("WAV file: short write")
            left = left[count:]

    def close(self) -> int:
        self._file.seek(0)
        self._write(_wav_header(self._rate_hz, self._data_bytes))
        self._file.flush()
        fsync_file(self._file)
        self._file.close()
        return self._data_bytes // FRAME_BYTES


def open_wav(path: str, rate_hz: int) -> WavSink:
    """A fresh file of that name, or of one like it. Raises `AddressError`, OSError."""
    name = _fresh_name(path)
    try:
        return WavSink(name, rate_hz)
    except OSError as error:
        raise OSError("out: expected a file %s, found %s" % (name, error))


def _wav_header(rate_hz: int, data_bytes: int) -> bytes:
    def u32(value):
        return value.to_bytes(4, "little")

    head = b"RIFF" + u32(36 + data_bytes) + b"WAVEfmt " + u32(16) + b"\x01\x00\x02\x00"
    return head + u32(rate_hz) + u32(rate_hz * FRAME_BYTES) + b"\x04\x00\x10\x00" + b"data" + u32(data_bytes)


def _fresh_name(path: str) -> str:
    """`path`, or with -2, -3 ... before its ending when that file exists: an earlier session's music stays.

    Raises `AddressError` where what exists is no file: a device or a pipe keeps no music, and a file of its own beside
    it is not what was meant.
    """
    stem, dot, ending = path.rpartition(".")
    number, name = 1, path
    while True:
        try:
            mode = os.stat(name)[0]
        except OSError:
            return name
        if mode & _FILE_TYPE != _REGULAR_FILE:
            raise AddressError("out: expected wav: and the name of a file, found %s, which is none" % name)
        number += 1
        name = "%s-%d%s%s" % (stem or ending, number, dot, ending if stem else "")

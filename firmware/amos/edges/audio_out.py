"""The outputs without a sound card, and which one an address means. `audio_sink` has the contract."""

import os

from amos.compat import MICROPYTHON, const
from amos.edges.address import AddressError
from amos.edges.audio_sink import FRAME_BYTES
from amos.edges.clock import sleep_ms
from amos.edges.durable import fsync_file
from amos.protocol.segment import OUTPUT_KINDS

WAV_HEADER_BYTES = 44
FILE_TYPE, REGULAR_FILE = 0o170000, 0o100000
"""In the mode that `os.stat` gives, on every runtime."""
WAV_DATA_BYTES_MAX = 0xFFFFFFFF - WAV_HEADER_BYTES

CLOCKED_AHEAD_MS = 500
"""How far an output without a clock of its own (a file) may run ahead."""

_CLOCKED_BEHIND_MS = const(500)
"""How much of a standstill it makes up for: a machine that stood still for an hour does not play that hour at once."""


class NullSink:
    """Nowhere, as fast as it is rendered."""

    clocked = fades = False
    underruns = held_bytes_max = 0

    def __init__(self):
        self._frames = 0

    def write(self, pcm, last: bool = False) -> int:
        self._frames += len(pcm) // FRAME_BYTES
        return self._frames

    def close(self) -> int:
        return self._frames


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
        if self._data_bytes + len(pcm) > WAV_DATA_BYTES_MAX:
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


def _wav_header(rate_hz: int, data_bytes: int) -> bytes:
    def u32(value):
        return value.to_bytes(4, "little")

    head = b"RIFF" + u32(36 + data_bytes) + b"WAVEfmt " + u32(16) + b"\x01\x00\x02\x00"
    return head + u32(rate_hz) + u32(rate_hz * FRAME_BYTES) + b"\x04\x00\x10\x00" + b"data" + u32(data_bytes)


class ClockedSink:
    """A sink without a clock of its own, slowed down to real time: never more than `ahead_frames` before it.

    What it has fallen behind by more than `_CLOCKED_BEHIND_MS` is lost, as on an output that ran dry. So between any
    two moments it takes at most ahead and behind, 1,000 ms, more than the time between them.
    """

    clocked, fades = True, False
    underruns = held_bytes_max = 0

    def __init__(self, sink, rate_hz: int, clock, ahead_frames: int):
        self._sink = sink
        self._rate_hz = rate_hz
        self._clock = clock
        self._ahead_frames = ahead_frames
        self._started_ms = clock.now_ms()
        self._frames = 0

    def write(self, pcm, last: bool = False) -> int:
        frames_ms = self._frames * 1000 // self._rate_hz
        self._started_ms = max(self._started_ms, self._clock.now_ms() - frames_ms - _CLOCKED_BEHIND_MS)
        self._frames = frames = self._sink.write(pcm)
        ahead = frames - self._ahead_frames - (self._clock.now_ms() - self._started_ms) * self._rate_hz // 1000
        if ahead > 0:
            sleep_ms(ahead * 1000 // self._rate_hz)
        return frames

    def close(self) -> int:
        """Waits until real time has caught up: each session that ends would add what it is ahead."""
        ahead_ms = self._frames * 1000 // self._rate_hz - (self._clock.now_ms() - self._started_ms)
        if ahead_ms > 0:
            sleep_ms(ahead_ms)
        return self._sink.close()


def output_kind_of(address: str) -> int:
    """One of `segment.OUTPUT_KIND_*`, 0 for an address that no output has."""
    kind = address.partition(":")[0]
    return OUTPUT_KINDS.index(kind) if kind in OUTPUT_KINDS else 0


def open_sink(config, rate_hz: int, clock):
    """The sink for `config.out`: `wav:PATH`, `null`, on Linux `alsa:DEVICE`, on boards `i2s:PINS`.

    With pace `clocked`, one without a clock of its own is slowed down to real time. Raises `AddressError`,
    `OutputGone`, OSError.
    """
    sink = _open(config, rate_hz, clock)
    if config.pace == "free" or sink.clocked:
        return sink
    return ClockedSink(sink, rate_hz, clock, CLOCKED_AHEAD_MS * rate_hz // 1000)


def _open(config, rate_hz: int, clock):
    address = config.out
    kind, _colon, rest = address.partition(":")
    if kind == "wav" and rest:
        name = _fresh_name(rest)
        try:
            return WavSink(name, rate_hz)
        except OSError as error:
            raise OSError("out: expected a file %s, found %s" % (name, error))
    if kind == "alsa" and not MICROPYTHON:
        from amos.edges.alsa_host import open_alsa

        return open_alsa(rest or "default", rate_hz, config, clock)
    if kind == "i2s" and MICROPYTHON:
        from amos.edges.i2s_out import open_i2s

        return open_i2s(rest, rate_hz)
    if address == "null":
        return NullSink()
    more = "i2s:PINS" if MICROPYTHON else "alsa:DEVICE"
    raise AddressError("out: expected wav:PATH, null or %s, found %s" % (more, address))


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
        if mode & FILE_TYPE != REGULAR_FILE:
            raise AddressError("out: expected wav: and the name of a file, found %s, which is none" % name)
        number += 1
        name = "%s-%d%s%s" % (stem or ending, number, dot, ending if stem else "")

"""The I2S output of boards (contract in `audio_sink`): an amplifier or DAC on three pins.

`machine.I2S` plays out of a ring of its own, from interrupts, so that a blocking write clocks the player while DMA goes
on. What is in the ring cannot be taken back, so the ring is as large as an opt-out's 100 ms allow at the pack's rate:
a write returns with the ring full (MicroPython's extmod/machine_i2s.c), an opt-out comes between two writes, and is
heard when the ring, the DMA's buffers and the limiter's look-ahead have sounded.
"""

# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
# The stubs here are the unix port's, whose `machine` is not a board's.

from amos.compat import const
from amos.edges.address import AddressError
from amos.edges.audio_sink import FRAME_BYTES, OutputGone
from amos.edges.clock import SystemClock, sleep_ms
from amos.sound.mixer_base import LOOKAHEAD_FRAMES
from amos.sound.ramp import ramped

LATENCY_MS = 100
_RING_STEP_BYTES = const(1024)
"""An ESP32 makes whole DMA buffers of 256 frames of it, and leaves the rest."""

DMA_BYTES = 512
"""What DMA may hold beside the ring: on rp2 256 bytes, and 32 in the FIFO; an ESP32 plays out of the ring itself."""

_NAMES = ("buffer", "id", "sck", "sd", "ws")


def ring_bytes_max(rate_hz: int) -> int:
    """The largest ring with which an input is heard within `LATENCY_MS` at that rate."""
    frames = LATENCY_MS * rate_hz // 1000 - 2 * LOOKAHEAD_FRAMES  # one cell ahead, and the cell in which it comes
    return (frames * FRAME_BYTES - DMA_BYTES) // _RING_STEP_BYTES * _RING_STEP_BYTES


RING_BYTES_MIN = 4096
"""Two blocks of 512 frames: one sounds while the next is rendered."""

RING_BYTES_MAX = ring_bytes_max(48000)

BLOCK_BYTES_MAX = 1024 * FRAME_BYTES
"""The largest block that the driver's ring is meant for."""


class I2sSink:
    """`i2s`: a `machine.I2S` for writing, blocking, 16 bit, stereo, whose ring has `ring_bytes`.

    Frames count as delivered when they can no longer be in the ring or in DMA. So after a power cut or a loss no frame
    counts that was not heard; when the output is back, frames that may have sounded before the loss sound again.
    `underruns` are the pauses between two blocks in which the whole ring has run dry for certain.
    """

    clocked = fades = True

    def __init__(self, i2s, rate_hz: int, ring_bytes: int, clock):
        self._i2s = i2s
        self._clock = clock
        self._held_frames = (ring_bytes + DMA_BYTES) // FRAME_BYTES
        self.held_bytes_max = self._held_frames * FRAME_BYTES + BLOCK_BYTES_MAX
        self._held_ms = -(-self._held_frames * 1000 // rate_hz)
        self._frames = 0
        self._gone = False
        self._returned_ms = None
        self.underruns = 0

    def write(self, pcm, last: bool = False) -> int:
        if self._returned_ms is not None and self._clock.now_ms() - self._returned_ms > self._held_ms:
            self.underruns += 1
        if last or not self._frames:
            pcm = ramped(pcm, not last)
        left = memoryview(pcm)
        while len(left):
            left = left[self._put(left) :]
        self._frames += len(pcm) // FRAME_BYTES
        self._returned_ms = self._clock.now_ms()
        return self._delivered()

    def _put(self, pcm) -> int:
        """Bytes taken of `pcm`, at least one. Raises `OutputGone`."""
        try:
            count = self._i2s.write(pcm)
        except OSError as error:
            self._gone = True
            raise OutputGone("I2S: %s" % error)
        if not count:
            self._gone = True
            raise OutputGone("I2S takes no more samples")
        return count

    def _delivered(self) -> int:
        return max(self._frames - self._held_frames, 0)

    def close(self) -> int:
        # The driver plays silence when its ring is empty, and does not tell: wait as long as a full ring lasts.
        if self._frames and not self._gone:
            sleep_ms(self._held_ms)
        try:
            self._i2s.deinit()
        except OSError:
            pass  # a unit that cannot even be stopped is opened anew all the same
        return self._delivered() if self._gone else self._frames


def parse_i2s(text: str) -> dict:
    """`id=0,sck=10,ws=11,sd=9,buffer=7168` as a dict of ints: pin numbers, ring in bytes. Raises `AddressError`."""
    found = {}
    for word in text.split(","):
        name, _equals, value = word.partition("=")
        if name not in _NAMES or name in found or not value.isdigit() or len(value) > 6:
            raise AddressError("out: i2s: expected id, sck, ws, sd and buffer as NAME=NUMBER, found %s" % word)
        found[name] = int(value)
    if len(found) != len(_NAMES):
        raise AddressError("out: i2s: expected all of %s, found %s" % (", ".join(_NAMES), text))
    ring_bytes = found["buffer"]
    if not RING_BYTES_MIN <= ring_bytes <= RING_BYTES_MAX:
        raise AddressError(
            "out: i2s: expected a buffer of %d to %d bytes, found %d" % (RING_BYTES_MIN, RING_BYTES_MAX, ring_bytes)
        )
    return found


def open_i2s(text: str, rate_hz: int) -> I2sSink:
    """The sink on the pins that `text` names (see `parse_i2s`), with the ring it names or the smaller one that the rate
    asks for. Raises `AddressError`, `OutputGone`."""
    told = parse_i2s(text)
    ring_bytes = min(told["buffer"], ring_bytes_max(rate_hz))
    from machine import I2S, Pin

    try:
        i2s = I2S(
            told["id"],
            sck=Pin(told["sck"]),
            ws=Pin(told["ws"]),
            sd=Pin(told["sd"]),
            mode=I2S.TX,
            bits=16,
            format=I2S.STEREO,
            rate=rate_hz,
            ibuf=ring_bytes,
        )
    except ValueError as error:
        raise AddressError("out: i2s: %s" % error)
    except OSError as error:
        raise OutputGone("I2S: %s" % error)
    return I2sSink(i2s, rate_hz, ring_bytes, SystemClock())

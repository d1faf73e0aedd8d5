"""The I2S output of boards (contract in `audio_out`): an amplifier or DAC on three pins.

`machine.I2S` plays out of a ring of its own, from interrupts, so that a blocking write clocks the player while DMA goes
on. Blocks of 512 to 1024 frames and a ring of 16 to 32 KB: smaller ones run dry while storage is read, larger ones only
delay what an opt-out or a skip should do at once.
"""

# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
# The stubs here are the unix port's, whose `machine` is not a board's.

from amos.edges.address import AddressError
from amos.edges.clock import SystemClock, sleep_ms
from amos.player.ramp import ramped

FRAME_BYTES = 4
RING_BYTES_MIN = 16 << 10
RING_BYTES_MAX = 32 << 10
DMA_BYTES = 512
"""What the driver's two DMA buffers may hold beside the ring."""

_NAMES = ("buffer", "id", "sck", "sd", "ws")


BLOCK_BYTES_MAX = 1024 * FRAME_BYTES
"""The largest block that the driver's ring is meant for."""


class I2sSink:
    """`i2s`: a `machine.I2S` for writing, blocking, 16 bit, stereo, whose ring has `ring_bytes`.

    Delivered is what can no longer be in ring or DMA; so a power cut never counts what was not heard. `underruns`
    are the pauses between two blocks in which the whole ring has run dry for certain.
    """

    clocked = fades = True

    def __init__(self, i2s, rate_hz: int, ring_bytes: int, clock):
        self._i2s = i2s
        self._clock = clock
        self._held_frames = (ring_bytes + DMA_BYTES) // FRAME_BYTES
        self.held_bytes_max = self._held_frames * FRAME_BYTES + BLOCK_BYTES_MAX
        self._held_ms = -(-self._held_frames * 1000 // rate_hz)
        self._frames = 0
        self._returned_ms = None
        self.underruns = 0

    def write(self, pcm, last: bool = False) -> int:
        if self._returned_ms is not None and self._clock.now_ms() - self._returned_ms > self._held_ms:
            self.underruns += 1
        if last or not self._frames:
            pcm = ramped(pcm, not last)
        left = memoryview(pcm)
        while len(left):
            count = self._i2s.write(left)
            if not count:
                raise OSError("I2S takes no more samples")
            left = left[count:]
        self._frames += len(pcm) // FRAME_BYTES
        self._returned_ms = self._clock.now_ms()
        return max(self._frames - self._held_frames, 0)

    def close(self) -> int:
        # The driver plays silence when its ring is empty, and tells nobody that it is: wait as long as it can hold.
        if self._frames:
            sleep_ms(self._held_ms)
        self._i2s.deinit()
        return self._frames


def parse_i2s(text: str) -> dict:
    """`id=0,sck=10,ws=11,sd=9,buffer=16384` as a dict of ints: pin numbers, ring in bytes. Raises `AddressError`."""
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
    """The sink on the pins that `text` names (see `parse_i2s`). Raises `AddressError`, OSError."""
    told = parse_i2s(text)
    from machine import I2S, Pin

    i2s = I2S(
        told["id"],
        sck=Pin(told["sck"]),
        ws=Pin(told["ws"]),
        sd=Pin(told["sd"]),
        mode=I2S.TX,
        bits=16,
        format=I2S.STEREO,
        rate=rate_hz,
        ibuf=told["buffer"],
    )
    return I2sSink(i2s, rate_hz, told["buffer"], SystemClock())

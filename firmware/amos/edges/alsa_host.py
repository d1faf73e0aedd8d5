"""The ALSA output of Linux players (contract in `audio_sink`)."""

from typing import Any

from amos.edges.address import AddressError
from amos.edges.alsa_library_host import Pcm, RanDry, is_known, load
from amos.edges.audio_sink import FRAME_BYTES, OutputGone
from amos.edges.clock import sleep_ms
from amos.edges.lead_host import LEAD_MS_MAX, Lead
from amos.sound.ramp import ramped

BLOCKS_PER_S = 40
"""At least: from an input to its sound it takes the block in hand (25 ms), the limiter's look-ahead (6 ms at 22 kHz)
and what waits in the buffer (`buffer_ms`); so less than 100 ms in all."""

BUFFER_MS_MIN, BUFFER_MS_MAX = 20, 68

STALL_MS = 1000
"""An output is gone when it has taken no frame and played no frame for so long."""

DRY_MAX = 3
"""An output is gone when it has run dry so often in a row and has taken no frame in between."""
RUSHED_MAX = 20
"""An output that ran dry so often in a row before half of what it took can have sounded takes frames as they come."""


class AlsaSink:
    """ALSA on an open `pcm` (`alsa_library_host.Pcm`), at most `ahead_frames` before its sound.

    Frames are delivered when they have sounded: those written, less those that the device says it still holds. If the
    device is gone, its last word counts. If it ran dry, all that was written before has sounded, or is dropped from
    queues of its own that it counted as sounded: it gets the time to sound before anything more does. The silence does
    not count.
    """

    clocked = fades = True

    def __init__(self, pcm: Any, rate_hz: int, ahead_frames: int, clock: Any, free: bool = False) -> None:
        self.block_frames_max = rate_hz // BLOCKS_PER_S & ~63
        self._pcm = pcm
        self._rate_hz = rate_hz
        self._ahead_frames = min(ahead_frames, pcm.buffer_frames)
        self._clock = clock
        self._free = free
        self._lead = Lead(rate_hz, clock)
        self._rushed = 0  # times in a row that it ran dry before half of what it took can have sounded
        self._waited_frames = 0
        self._written = 0
        self._delivered = 0
        self._fresh = True  # what comes next begins out of silence
        self._gone = False
        self.underruns = 0
        self.held_bytes_max = (self._ahead_frames + self.block_frames_max) * FRAME_BYTES

    def write(self, pcm: bytes, last: bool = False) -> int:
        """See the contract. Waits until the block's end is no more than `ahead_frames` away. Raises `OutputGone`."""
        frames = len(pcm) // FRAME_BYTES
        try:
            self._wait_for(frames)
            self._put(bytes(ramped(pcm, not last) if last or self._fresh else pcm), frames)
            self._fresh = False
            self._update()
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from None
        self._check_pace()
        return self._delivered

    def close(self) -> int:
        try:
            if self._written and not self._gone:
                self._pcm.drain()
                self._delivered = self._written
        except RanDry:
            self._delivered = self._written
        except OSError:
            pass  # frames that had not sounded when the device last told do not count
        if not self._gone:
            self._wait_out_lead()
        self._pcm.close()
        return self._delivered

    def _wait_for(self, frames: int) -> None:
        """Wait until `frames` more keep within `ahead_frames`, or nothing is left before them."""
        moved_ms, moved = self._clock.now_ms(), -1
        while True:
            self._update()
            waiting = self._guarded(self._pcm.waiting)
            over = waiting + frames - self._ahead_frames
            if waiting == 0 or over <= 0 or 2 * frames > self._ahead_frames:
                return  # a device with a buffer so small takes the block in pieces
            self._guarded(self._pcm.start_if_waiting)
            if self._delivered != moved:
                moved_ms, moved = self._clock.now_ms(), self._delivered
            elif self._clock.now_ms() - moved_ms >= STALL_MS:
                raise OSError("lets nothing sound")
            sleep_ms(min(max(1, over * 1000 // self._rate_hz), STALL_MS // 4))

    def _put(self, pcm: bytes, frames: int) -> None:
        at = dry = 0
        while at < frames:
            try:
                count = self._pcm.write(pcm[at * FRAME_BYTES :] if at else pcm, frames - at)
                if count == 0:
                    self._pcm.start_if_waiting()
                    if not self._pcm.wait(STALL_MS):
                        raise OSError("takes nothing")
            except RanDry:
                self._ran_dry()
                dry += 1
                if dry > DRY_MAX:
                    raise OSError("takes nothing") from None
                continue
            at += count
            self._written += count
            dry = 0

    def _update(self) -> int:
        """Take note of what has sounded; the frames that have not."""
        held = self._guarded(self._pcm.delay)
        # A device's own delay behind the buffer may make it more than was ever written, or less than nothing.
        held = min(max(held, 0), self._written - self._delivered)
        self._delivered = self._written - held
        return held

    def _guarded(self, act: Any) -> int:
        try:
            return act() or 0
        except RanDry:
            self._ran_dry()
            return 0

    def _ran_dry(self) -> None:
        self._pcm.prepare()
        self._delivered = self._written
        self._fresh = True
        self.underruns += 1
        self._wait_out_lead()

    def _check_pace(self) -> None:
        if not self._free and (self._lead.ms(self._delivered) > LEAD_MS_MAX or self._rushed > RUSHED_MAX):
            self._gone = True
            raise OSError("expected an output that takes frames as they sound, found one that takes them faster")

    def _wait_out_lead(self) -> None:
        """What counts as sounded gets the time that it takes: short sessions, or starts after running dry, would add up
        to more than the clock shows."""
        lead_ms = 0 if self._free else self._lead.ms(self._delivered)
        rushed = lead_ms * self._rate_hz > (self._delivered - self._waited_frames) * 500
        self._rushed = self._rushed + 1 if rushed else 0
        self._waited_frames = self._delivered
        if lead_ms > 0:
            sleep_ms(min(lead_ms, LEAD_MS_MAX))

    def _lost(self, reason: str) -> OutputGone:
        self._gone = True
        return OutputGone(reason)


def open_alsa(device: str, rate_hz: int, config: Any, clock: Any) -> AlsaSink:
    """The sink on that device. Raises `AddressError` for a name that ALSA does not know, `OutputGone` while the device
    of one that it knows is not there."""
    library = load()
    if not is_known(library, device):
        raise AddressError("out: expected an ALSA device (aplay -L lists them), found alsa:%s" % device)
    ahead = config.buffer_ms * rate_hz // 1000
    try:
        pcm = Pcm(library, device, rate_hz, ahead)
    except OSError as error:
        raise OutputGone("alsa:%s: %s" % (device, error.strerror)) from None
    return AlsaSink(pcm, rate_hz, ahead, clock, config.pace == "free")

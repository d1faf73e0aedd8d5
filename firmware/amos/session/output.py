"""The output of a session through its losses: what it took and has not sounded yet is kept, and played when it is back.

Frames count from the session's first. Nothing is lost or counted twice by a loss: what had not sounded sounds later.
"""

from amos.compat import const
from amos.edges.address import AddressError
from amos.edges.audio_sink import FRAME_BYTES, OutputGone
from amos.protocol.link import OUTPUT_LOST, OUTPUT_OK, OUTPUT_SILENT
from amos.session.held_pcm import HeldPcm

_REOPEN_MS = const(1000)
_SILENT_S = const(20)
"""So much digital silence in a row where placements should sound is not music that pauses."""

_STALL_MS = const(3000)
"""A sink that takes frames and lets none sound for so long is as good as gone, whatever it says."""

ZEROS = bytes(1024)


class Output:
    """`open_it()` gives a sink (edges/audio_sink.py), again and again. Construction raises `AddressError`, OSError; an
    address that was right once is tried again, since its name may go and come with the device.

    frame       frames that have reached the output
    underruns   times it ran dry, in all
    lost        "", or why there is no output
    """

    def __init__(self, open_it, rate_hz: int, clock):
        self._open_it = open_it
        self._rate_hz = rate_hz
        self._clock = clock
        self._sink = None
        self._held = HeldPcm(0)
        self._base_frame = 0  # where the present sink began
        self._zero_frames = 0
        self._underruns = 0  # of earlier sinks
        self._frame = 0  # below 0 while the last session's frames sound
        self.lost = ""
        self.lost_ms = 0  # on the clock
        self._tried_ms = self._moved_ms = 0
        self._opened_once = False
        self._open()

    @property
    def frame(self) -> int:
        return max(self._frame, 0)

    @property
    def underruns(self) -> int:
        return self._underruns + (self._sink.underruns if self._sink else 0)

    @property
    def health(self) -> int:
        """OUTPUT_OK, OUTPUT_LOST, or OUTPUT_SILENT when only zeros are delivered though something should sound."""
        if self._sink is None:
            return OUTPUT_LOST
        return OUTPUT_SILENT if self._zero_frames >= _SILENT_S * self._rate_hz else OUTPUT_OK

    @property
    def fades(self) -> bool:
        """Whether it is heard, and should not stop in the middle of a wave."""
        return self._sink is not None and self._sink.fades

    def block_frames(self, wished: int) -> int:
        """Frames to render at once: what is wished for, if the output's latency allows it."""
        return min(wished, getattr(self._sink, "block_frames_max", wished))

    def write(self, pcm, last: bool = False):
        """Play a block; the PCM that has reached the output since, until `forget`. Sets `lost` when the output is gone,
        and the block waits. Raises OSError when it will not come back."""
        sink = self._sink
        if sink is None:
            raise OSError("write: expected an output, found it lost")
        try:
            frame = self._base_frame + sink.write(pcm, last)
        except OutputGone as error:
            self._held.put(pcm)
            self._lose(str(error))
            return self._reached(self._base_frame)
        if not len(self._held) and (frame - self._frame) * FRAME_BYTES == len(pcm):
            self._frame = frame
            self._moved_ms = self._clock.now_ms()
            return pcm
        self._held.put(pcm)
        if frame > self._frame:
            self._moved_ms = self._clock.now_ms()
        elif self._clock.now_ms() - self._moved_ms >= _STALL_MS:
            self._lose("takes music and lets nothing sound")
            frame = self._base_frame
        return self._reached(frame)

    def reopen(self):
        """About once a second, try to open it anew, and go on with what had not sounded. The PCM that has reached the
        output, or None while it is lost. Raises OSError."""
        now_ms = self._clock.now_ms()
        if now_ms - self._tried_ms < _REOPEN_MS:
            return None
        lost_ms = self.lost_ms
        self._open()
        sink = self._sink
        if sink is None:
            return None
        if not len(self._held):
            return b""
        try:
            frame = self._base_frame + sink.write(bytes(self._held.first(len(self._held))))
        except OutputGone as error:
            self._lose(str(error))
            if self._base_frame == self._frame:
                self.lost_ms = lost_ms
                return None
            frame = self._base_frame
        return self._reached(frame)

    def forget(self, pcm) -> None:
        """`pcm`, as `write` gave it, is hashed and metered."""
        if len(self._held):
            self._held.drop(len(pcm))

    def judge(self, pcm, audible_frames: int) -> None:
        """Of what has reached the output, so many frames should not have been silence."""
        if not audible_frames:
            return
        self._zero_frames = self._zero_frames + audible_frames if _all_zeros(pcm) else 0

    def close(self):
        """Let the output play out and close it. Returns the last PCM that reached it."""
        if self._sink is None:
            return self._reached(self._frame)
        frame = self._base_frame + self._sink.close()
        self._underruns += self._sink.underruns
        self._sink = None
        return self._reached(frame)

    def go_on(self) -> None:
        """Another session begins with what is written next: its frames count from 0. What the last one left here sounds
        first and is not counted, so it has to be silence, for which nobody is paid."""
        taken = self._frame + len(self._held) // FRAME_BYTES
        self._base_frame -= taken
        self._frame -= taken

    def _open(self) -> None:
        self._tried_ms = self._clock.now_ms()
        self._base_frame = self._frame
        try:
            self._sink = self._open_it()
        except (OutputGone, AddressError) as error:
            if isinstance(error, AddressError) and not self._opened_once:
                raise
            self.lost, self.lost_ms = str(error), self.lost_ms if self.lost else self._tried_ms
            return
        self._opened_once = True
        self.lost = ""
        self._moved_ms = self._tried_ms
        if not len(self._held):
            self._held = HeldPcm(self._sink.held_bytes_max)

    def _lose(self, reason: str) -> None:
        """The sink's last word on what has reached it counts; the rest waits for the next one."""
        sink = self._sink
        if sink is not None:
            self._sink = None
            self._underruns += sink.underruns
            self._base_frame += sink.close()
        self.lost, self.lost_ms = reason, self._clock.now_ms()

    def _reached(self, frame: int):
        before = min(frame, 0) - min(self._frame, 0)
        if before:
            self._held.drop(before * FRAME_BYTES)
        count = frame - self._frame - before
        self._frame = frame
        return self._held.first(count * FRAME_BYTES)


def _all_zeros(pcm) -> bool:
    view = memoryview(pcm)
    for at in range(0, len(view), len(ZEROS)):
        piece = view[at : at + len(ZEROS)]
        if piece != (ZEROS if len(piece) == len(ZEROS) else ZEROS[: len(piece)]):
            return False
    return True

"""Which voice is busy until when. The decoder proved that there are enough; this table only hands them out."""

from amos.score.score import ScoreError


class VoiceTable:
    """`count` voices; a voice is busy from its start until its last frame, fade-out included, has sounded."""

    __slots__ = ("busy_until", "fade_from", "stem")

    def __init__(self, count: int):
        self.busy_until = [0] * count
        self.fade_from = [0] * count
        self.stem = [0] * count

    def is_free(self, frame: int) -> bool:
        """Whether `take` would find one."""
        return min(self.busy_until) <= frame

    def take(self, frame: int) -> int:
        """The lowest voice that is free at `frame`."""
        for voice, busy in enumerate(self.busy_until):
            if busy <= frame:
                return voice
        raise ScoreError("voices: expected one of %d to be free" % len(self.busy_until))

    def hold(self, voice: int, stem: int, end_frame: int, fade_out: int) -> None:
        """`voice` sounds `stem` until `end_frame` and fades over its last `fade_out` frames."""
        self.busy_until[voice] = end_frame
        self.fade_from[voice] = end_frame - fade_out
        self.stem[voice] = stem

    def sounding(self, frame: int) -> "set[int]":
        """Stems heard at `frame`."""
        return {self.stem[voice] for voice, busy in enumerate(self.busy_until) if busy > frame}

"""The beat clock: beats are a rational number of frames, and beat n is always computed from n, so nothing drifts."""


class BeatClock:
    """Frames of whole beats counted from `origin_frame` (beat 0).

    rate_hz     frames a second
    tempo_mbpm  thousandths of a beat a minute
    """

    __slots__ = ("denominator", "numerator", "origin_frame")

    def __init__(self, rate_hz: int, tempo_mbpm: int):
        self.numerator = rate_hz * 60_000
        self.denominator = tempo_mbpm
        self.origin_frame = 0

    def frame(self, beat: int) -> int:
        """First whole frame at or before the beat."""
        return self.origin_frame + beat * self.numerator // self.denominator

    def first_beat_from(self, frame: int) -> int:
        """Smallest beat whose frame is `frame` or later."""
        return -(-(frame - self.origin_frame) * self.denominator // self.numerator)

    def last_beat_until(self, frame: int) -> int:
        """Largest beat whose frame is `frame` or earlier."""
        return ((frame - self.origin_frame + 1) * self.denominator - 1) // self.numerator

    def frames(self, beats: int) -> int:
        """Length of so many beats, rounded down: never longer than the same beats anywhere on the clock."""
        return beats * self.numerator // self.denominator

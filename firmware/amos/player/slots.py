"""A layer while its section lasts: the stems it keeps sounding, one in each slot."""

from amos.player.score import Layer


class Slot:
    """One stem kept sounding: its voice, the voice fading out beneath it, and when it is decided upon again."""

    __slots__ = ("due_beat", "due_frame", "end", "fading_end", "fading_voice", "voice")

    def __init__(self):
        self.voice = 0
        self.end = 0
        self.fading_voice = 0
        self.fading_end = 0
        self.due_beat = 0
        self.due_frame = 0

    def follow(self, voice: int, end_frame: int) -> None:
        """`voice` takes over until `end_frame`; what sounded before goes on fading beneath."""
        self.fading_voice = self.voice
        self.fading_end = self.end
        self.voice = voice
        self.end = end_frame


class Run:
    """A layer's slots, and the number of its latest draw."""

    __slots__ = ("draws", "layer", "slots")

    def __init__(self, layer: Layer):
        self.layer = layer
        self.slots = []
        self.draws = 0


def playing_on(layer: Layer, runs: "list[Run]") -> "list[Slot]":
    """Slots of the same layer in the section before: same lane, pool, gain and fade, so that nothing need change."""
    for run in runs:
        old = run.layer
        if (
            old.lane == layer.lane
            and old.pool == layer.pool
            and old.gain_q15 == layer.gain_q15
            and old.fade_frames == layer.fade_frames
        ):
            return run.slots
    return []

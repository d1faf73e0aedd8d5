"""A layer while its section lasts: the stems it keeps sounding, one in each slot."""

from amos.score.memory import NONE
from amos.score.score import Layer


class Slot:
    """One stem kept sounding: its voice, the voice fading out beneath it, and when it is decided upon again."""

    __slots__ = (
        "begun",
        "chosen",
        "due_beat",
        "due_frame",
        "end",
        "fading_end",
        "fading_voice",
        "level",
        "phrase_end",
        "rests",
        "seam_beat",
        "swapping",
        "voice",
    )

    def __init__(self):
        self.voice = 0
        self.begun = 0  # frame at which its stem began
        self.end = 0
        self.fading_voice = 0
        self.fading_end = 0
        self.due_beat = 0
        self.due_frame = 0
        # Its stem gives way to another, whatever chance says; it does not play on into the next section.
        self.swapping = False
        # Nothing more begins in it during this visit (`RestStage`).
        self.rests = False
        # The stem that has been chosen for its next point and waits to begin (`PickupStage`).
        self.chosen = NONE
        # Beat at which its stem is over without a fade that another could come in under (`LoopStage`).
        self.seam_beat = -1
        # Beat at which the phrase of its loop ends; -1: it has no loop.
        self.phrase_end = -1
        # Of its layer, where its gain moves (`Levels`).
        self.level = None

    def follow(self, voice: int, frame: int, end_frame: int) -> None:
        """`voice` takes over from `frame` until `end_frame`; what sounded before goes on fading beneath."""
        self.fading_voice = self.voice
        self.fading_end = self.end
        self.voice = voice
        self.begun = frame
        self.end = end_frame
        self.swapping = False
        self.seam_beat = self.phrase_end = -1


class Run:
    """A layer (the `index`-th of its section), its slots, the number of its latest draw, and its level if it moves."""

    __slots__ = ("draws", "index", "layer", "level", "over", "slots")

    def __init__(self, layer: Layer, index: int):
        self.layer = layer
        self.index = index
        self.slots = []
        self.draws = 0
        self.level = None
        # It has come to its `until_beats` (`RestStage`).
        self.over = False


def playing_on(layer: Layer, runs: "list[Run]") -> "list[Slot]":
    """Slots of the same layer in the section before, so that nothing need change."""
    for run in runs:
        if run.layer.plays_as(layer):
            return [slot for slot in run.slots if not slot.swapping]
    return []

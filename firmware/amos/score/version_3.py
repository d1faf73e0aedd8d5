"""What a score of version 3 must be beside what its tables say, and what plays it.

Only a score of version 3 or later loads this, and a board lets go of it once the VM is made. SCORE.md is the reference.
"""

from amos.score.score import VERSION_3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from amos.score.score import Score


def version_3_fault(score: "Score") -> "str | None":
    """What contradicts something else, or None."""
    if score.seams and score.beats is None:
        return "seams: expected with beats of stems"
    for section in score.sections:
        for layer in section.layers:
            if layer.shape is not None:
                from amos.sound.shape import shape_fault

                reason = shape_fault(layer.shape)
                if reason:
                    return "section %s: shape: %s" % (section.name, reason)
    return None


def has_shapes(score: "Score") -> bool:
    """Whether any layer has a shape."""
    return any([layer.shape is not None for section in score.sections for layer in section.layers])


def with_version_3(score: "Score", stage, chooser, conductor, day):
    """The classes of stage, chooser, conductor and day that the score needs, over those that version 2 needs."""
    if score.seams:
        from amos.score.seams import with_seams

        stage = with_seams(stage)
    if score.version == VERSION_3:
        return stage, chooser, conductor, day
    from amos.score.version_4 import with_version_4

    return with_version_4(score, stage, chooser, conductor, day)

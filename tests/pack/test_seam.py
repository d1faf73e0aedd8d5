"""Loops that do not meet themselves are faded at their edges, and no others are touched."""

import numpy as np
import pytest

from amos_tools.pack.seam import meets_itself, with_seam

TURNS = np.arange(44100, dtype=np.float32) * (2 * np.pi / 44100)


@pytest.mark.parametrize(("turns", "meets"), [(100.0, True), (100.25, False), (37.3, False)])
def test_a_tone_of_whole_turns_meets_itself(turns: float, meets: bool) -> None:
    tone = (0.3 * np.sin(TURNS * turns)[:, None]).astype(np.float32).repeat(2, axis=1)
    assert meets_itself(tone) == meets
    made = with_seam(tone)
    assert made is tone if meets else meets_itself(made)
    assert made.shape == tone.shape and np.array_equal(made[64:-1024], tone[64:-1024])


def test_what_is_shorter_than_its_edges_is_left_alone() -> None:
    click = np.ones((1000, 1), np.float32)
    assert with_seam(click) is click

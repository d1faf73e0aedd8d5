"""A mood of a script, as a directive carries it: slider by slider."""

from importlib import resources
from pathlib import Path

import pytest

from amos_tools.fleet.direct import sliders_of
from amos_tools.fleet.errors import FleetError

STARTER = Path(str(resources.files("amos_tools.script"))) / "examples" / "starter.aimi"


def positions(*words: str, mood: str | None = "late", script: Path | None = STARTER) -> dict[str, int]:
    found = sliders_of(list(words), mood, script)
    return {each.name: each.position_q15 for each in found.get("sliders", [])}


def test_a_mood_sets_its_sliders_and_a_slider_beside_it_counts_more() -> None:
    assert positions() == {"intensity": round(0.1 * 32768), "tide": 32768}
    assert positions("tide=50", "sparkle=100") == {"intensity": 3277, "sparkle": 32768, "tide": 16384}
    assert positions("tide=50", mood=None, script=None) == {"tide": 16384}
    assert sliders_of([], None, None) == {}


@pytest.mark.parametrize(
    ("mood", "script", "said"),
    [
        ("late", None, "--mood: expected it with --script"),
        (None, STARTER, "--mood: expected it with --script"),
        ("latte", STARTER, "--mood: starter.aimi:1:1: `latte` is not a mood of this script"),
    ],
)
def test_a_mood_that_there_is_not_is_refused_by_name(mood: str | None, script: Path | None, said: str) -> None:
    with pytest.raises(FleetError, match=said):
        positions(mood=mood, script=script)

"""At which minutes of the day announcements are made."""

import pytest
from script_samples import VAULT

from amos.score.score import decode_score
from amos_tools.script import compile_script
from amos_tools.script.format import format_script

TEXT = "clock 44100 tempo 84\npool warm = stems where role pads\nsection a 4 bars\n  play pads from warm\n"


@pytest.mark.parametrize(
    ("times", "minutes"),
    [
        ("at 21:45", [1305]),
        ("at 14:00, 10:00", [600, 840]),
        ("every 30 min from 9:00 to 10:30", [540, 570, 600, 630]),
        ("every 2 h", list(range(0, 1440, 120))),
        ("every 10 min", list(range(0, 1440, 10))),
        ("every 45 min from 23:00 to 24:00", [1380, 1425]),
        ("", []),
    ],
)
def test_times_of_day(times: str, minutes: list[int]) -> None:
    line = f'announce "closing" {times} gain +3 dB duck\n'
    score = decode_score(compile_script(TEXT + line, [one for one in VAULT if one.beats]).score)
    (found,) = score.announcements or ()
    assert [minute for minute in (found.minute, *(found.more_minutes or ())) if minute is not None] == minutes
    assert found.gain_q15 == 32768, "the loudest is 0 dB, and the music so much softer"
    assert score.sections[0].layers[0].gain_q15 == 23198
    assert format_script(line) == f'announce "closing" {times} gain +3 dB duck\n'.replace(" 9:", " 09:").replace(
        "  ", " "
    )

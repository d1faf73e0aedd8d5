"""What fast patterns come to in a player's log, as `check` warns of it."""

from array import array

import pytest
from script_samples import VAULT
from test_patterns import HATS

from amos.config import SETTINGS
from amos.edges.sector_memory import MemorySectorDevice
from amos.journal.journal import Journal
from amos.protocol.limits import SEGMENT_ROWS_MAX
from amos_tools.script import compile_script
from amos_tools.script.log_size import (
    JOURNAL_BYTES,
    ROW_BYTES,
    SEALS_A_DAY,
    SEGMENT_BYTES,
    day_text,
    journal_days,
    journals_text,
)
from protocol_examples import Party, a_usage
from signed_usage import sign_usage

TEXT = """\
clock 44100 tempo 90
pool hats = stems where role tops and (title "hat 0" or title "hat 1" or title "hat 2")
mix voices 8
slider calm 0..1 start 0.5
section groove 16 bars
  play tops from hats division 1/16 count 1
  play tops from hats pattern "x.x." division 1/16 count 1
section still 16 bars
  play tops from hats pattern "x..." count 1
"""


def warnings(text: str) -> list[str]:
    return [one.render() for one in compile_script(text, [*VAULT, *HATS]).warnings if "of the log" in one.message]


def test_fast_patterns_are_named_with_what_they_write_in_a_day() -> None:
    (told,) = warnings(TEXT)
    assert "patterns of section `groove` strike up to 9.0 times a second, 6.0 times in this line" in told
    assert "777,600 rows and 8.9 MB a day" in told and "<script>:6:" in told
    assert "a journal is full after 1 h on esp32-s3, pico-2-w and 3.1 days on pi-3" in told


@pytest.mark.parametrize(("chance", "count"), [("0.2", 0), ("0.9", 1), ("calm", 1)])
def test_a_chance_counts_where_it_is_a_number(chance: str, count: int) -> None:
    assert len(warnings(TEXT.replace(" count 1", f" count 1 chance {chance}"))) == count


def test_the_bytes_are_those_of_a_segment_and_the_days_those_of_a_journal() -> None:
    device = Party(1)
    usage = a_usage(bytes(16), bytes(32))
    for rows in (0, 100, SEGMENT_ROWS_MAX):
        usage.stems, usage.starts = array("H", bytes(2 * rows)), array("I", bytes(4 * rows))
        usage.frames, usage.flags = array("I", [1] * rows), array("B", [1] * rows)
        assert 0 <= rows * ROW_BYTES + SEGMENT_BYTES - len(sign_usage(usage, device.sign)) < 60
    assert SETTINGS["journal_bytes"][1] == JOURNAL_BYTES
    journal = Journal(MemorySectorDevice(JOURNAL_BYTES // 4096, 4096), bytes(8))
    held = journal_days(100 * SEALS_A_DAY) * SEALS_A_DAY
    assert 0 <= held - journal.spare_segments < 16
    assert day_text(86_400) == "86,400 rows and 1.0 MB a day" and "11 h on esp32-s3" in journals_text(86_400)

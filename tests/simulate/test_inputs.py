"""Seeds, lengths of time and files of inputs: what is taken, and what is refused with a sentence."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.score.inputs import INPUT_ANNOUNCE
from amos.score.rules import Announcement
from amos.score.score import Score
from amos_inputs.vocabulary import ScoreVocabulary
from amos_inputs.words import NAMED_KINDS, InputWordError, word_input
from amos_tools.simulate import InputFileError, SeedError, TimedInput, read_inputs, seed32
from amos_tools.simulate.durations import DurationError, frames_of
from amos_tools.simulate.inputs import parse_input


def test_a_number_or_the_digits_of_a_session_make_a_seed() -> None:
    assert len({seed32(number) for number in range(50)}) == 50
    assert seed32("7") == seed32(7) and len(seed32(7)) == 32
    assert seed32(bytes(range(32)).hex()) == bytes(range(32))


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x" * 64, str(2**64), "9" * 5000, "٣"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(SeedError, match="expected a number from 0"):
        seed32(text)


LENGTHS = [
    ("30s", 44_100, 1_323_000),
    ("1m30s", 48_000, 4_320_000),
    ("0.5min", 48_000, 1_440_000),
    ("1.5 h", 48_000, 259_200_000),
    ("500ms", 44_100, 22_050),
    ("17f", 44_100, 17),
    ("1s1f", 22_050, 22_051),
]


@pytest.mark.parametrize(("text", "rate_hz", "frames"), LENGTHS)
def test_lengths_are_exact(text: str, rate_hz: int, frames: int) -> None:
    assert frames_of(text, rate_hz) == frames


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1s x", "1d", "1ms", "1" * 100 + "s"])
def test_other_lengths_are_refused(text: str) -> None:
    with pytest.raises(DurationError):
        frames_of(text, 44_100)


@given(st.integers(0, 10**9))
def test_frames_written_as_frames_come_back(frames: int) -> None:
    assert frames_of(f"{frames}f", 44_100) == frames


LINES = [
    ('{"time": "2s", "kind": "skip"}', TimedInput(44_100, 0, 0)),
    ('{"frame": 5, "kind": 16, "value": 32768}', TimedInput(5, 16, 32768)),
    ('{"frame": 5, "kind": "intensity", "value": 0.5}', TimedInput(5, 16, 16384)),
    ('{"frame": 5, "kind": "intensity", "value": 1}', TimedInput(5, 16, 32768)),
    ('{"frame": 5, "kind": "volume", "value": 0}', TimedInput(5, 8, 32768)),
    ('{"frame": 5, "kind": "volume", "value": -6.02}', TimedInput(5, 8, 16385)),
    ('{"frame": 5, "kind": "clock", "value": "tue 07:30"}', TimedInput(5, 4, 2 * 86400 + 27000)),
    ('{"frame": 5, "kind": "pause"}', TimedInput(5, 7, 1)),
    ('{"frame": 5, "kind": "resume"}', TimedInput(5, 7, 0)),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_line_is_an_input(score: Score, line: str, expected: TimedInput) -> None:
    assert parse_input(line, score) == expected


BAD_LINES = [
    ("x", "a line of JSON"),
    ("[1]", "fields frame or time"),
    ("[" * 100_000, "a line of JSON"),
    ('{"frame": 1, "kind": "skip", "more": 1}', "fields frame or time"),
    ('{"kind": "skip"}', "either frame or time"),
    ('{"frame": 1, "time": "1s", "kind": "skip"}', "either frame or time"),
    ('{"frame": -1, "kind": "skip"}', "frame: expected"),
    ('{"frame": true, "kind": "skip"}', "frame: expected"),
    ('{"frame": 1, "kind": 17, "value": 1}', "kind: expected"),
    ('{"frame": 1, "kind": "texture", "value": 1}', "leave, intensity; found"),
    ('{"frame": 1, "kind": "volume", "value": 1}', "volume: expected -60 to 0 dB"),
    ('{"frame": 1, "kind": "volume", "value": true}', "volume: expected"),
    ('{"frame": 1, "kind": 16, "value": 32769}', "value: expected 0 to"),
    ('{"frame": 1, "kind": "intensity", "value": 1.5}', "value: expected 0 to 1"),
    ('{"frame": 1, "kind": "intensity", "value": 1e999999999}', "value: expected"),
    ('{"frame": 1, "kind": "intensity", "value": NaN}', "value: expected"),
    ('{"frame": 1, "kind": "clock", "value": "noon"}', "clock: expected a day and time"),
    ('{"frame": 1, "kind": "clock", "value": "none"}', "clock: expected a day and time"),
    ('{"time": "1x", "kind": "skip"}', "length: expected"),
]


@pytest.mark.parametrize(("line", "expected"), BAD_LINES)
def test_a_bad_line_is_refused(score: Score, line: str, expected: str) -> None:
    with pytest.raises(InputFileError, match=expected):
        parse_input(line, score)


def test_a_file_is_read_in_order_and_a_fault_names_its_line(score: Score, tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    path.write_text('{"frame": 9, "kind": "skip"}\n\n{"frame": 3, "kind": "skip"}\n')
    assert [item.frame for item in read_inputs(path, score)] == [3, 9]
    path.write_text('\n{"frame": 9}\n')
    with pytest.raises(InputFileError, match=r"inputs.jsonl:2: expected fields"):
        read_inputs(path, score)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputFileError, match="UTF-8"):
        read_inputs(path, score)
    with pytest.raises(InputFileError, match="readable"):
        read_inputs(tmp_path / "none", score)


def test_an_announcement_is_known_by_its_name_or_its_number(score: Score) -> None:
    told = copy.copy(score)
    plain = {"stem": None, "minute": None, "days": 0, "exact": False, "duck": True, "gain_q15": 32768, "frames": 64}
    told.announcements = [Announcement(name=name, **plain) for name in ("welcome", "Café closes")]
    words = ScoreVocabulary(told)
    assert word_input("announce", "Cafe\u0301 closes", words) == (INPUT_ANNOUNCE, 1)
    assert word_input("announce", "0", words) == (INPUT_ANNOUNCE, 0)
    assert parse_input('{"frame": 7, "kind": "announce", "value": "welcome"}', told) == (7, INPUT_ANNOUNCE, 0)
    with pytest.raises(
        InputWordError, match=r"expected one of welcome, Café closes, found 'welcom'; the nearest is welcome"
    ):
        word_input("announce", "welcom", words)


NO_NUMBERS = ["nan", "NaN", "snan", "inf", "-inf", "Infinity", "1e999", "1e-999", "", " ", " 1", "1_0", "0x1", "\u0663"]
NO_NUMBERS += ["9" * 13, "9" * 5000, "0." + "1" * 5000, ".", "-", "+-1", "1,5", "1\n"]


@pytest.mark.parametrize("kind", ["volume", "like", "shuffle", "slider"])
@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: ascii(text[:14]))
def test_a_word_that_is_no_plain_number_is_refused_in_a_sentence(score: Score, kind: str, text: str) -> None:
    named = score.sliders[0].name if kind == "slider" else kind
    with pytest.raises(InputWordError, match=r"^value: expected a number, found '") as refused:
        word_input(named, text, ScoreVocabulary(score))
    assert len(str(refused.value)) < 100 and str(refused.value).isprintable()


def test_a_value_is_given_where_one_is_needed_and_nowhere_else(score: Score) -> None:
    words = ScoreVocabulary(score)
    for kind in ("skip", "pause", "resume"):
        with pytest.raises(InputWordError, match=f"{kind}: expected no value, found 'chorus'"):
            word_input(kind, "chorus", words)
    for kind in ("volume", "announce", score.sliders[0].name):
        with pytest.raises(InputWordError, match=r"expected .*, found none"):
            word_input(kind, None, words)
    assert word_input("like", None, words)[1] == 0


@pytest.mark.parametrize("kind", ["clock", "block", "leave"])
def test_what_a_player_tells_itself_stands_in_files_only(score: Score, kind: str) -> None:
    assert parse_input(json.dumps({"frame": 7, "kind": kind, "value": 0}), score) == (7, NAMED_KINDS[kind], 0)
    with pytest.raises(InputWordError, match=f"^kind: expected skip, .*, shuffle, announce, intensity; found '{kind}'"):
        word_input(kind, "0", ScoreVocabulary(score))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "true", "null", "[]", "9" * 400, '"1"'])
def test_a_line_with_a_value_that_is_no_number_is_refused_in_a_sentence(score: Score, value: str) -> None:
    for kind in ("volume", "like", score.sliders[0].name):
        with pytest.raises(InputFileError, match=r"^(value|volume): expected .*, found "):
            parse_input(f'{{"frame": 7, "kind": "{kind}", "value": {value}}}', score)

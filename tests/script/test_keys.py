"""Keys in every spelling, and in scripts."""

import pytest
from script_samples import stem

from amos_tools.keys import MODES, parse_key, scale_of, transposed
from amos_tools.script import compile_script
from amos_tools.script.format import format_script

SPELLINGS = [
    ("D minor", "D minor"),
    ("Dm", "D minor"),
    ("Dmin", "D minor"),
    ("D", "D major"),
    ("DM", "D major"),
    ("Bbmaj", "Bb major"),
    ("Bb", "Bb major"),
    ("C# aeolian", "C# minor"),
    ("F ionian", "F major"),
    ("E phrygian", "E phrygian"),
    ("8A", "A minor"),
    ("8B", "C major"),
    ("12a", "C# minor"),
    ("1B", "B major"),
]


@pytest.mark.parametrize(("text", "kept"), SPELLINGS)
def test_a_key_has_one_form(text: str, kept: str) -> None:
    assert parse_key(text) == kept == parse_key(kept)
    assert scale_of(kept) is not None


@pytest.mark.parametrize("text", ["", "H", "d minor", "D  minor", "0A", "13B", "8C", "8 A", "D super", "Dbb", "A\n"])
def test_what_is_no_key(text: str) -> None:
    assert parse_key(text) is None


def test_camelot_codes_go_round_in_fifths_and_a_number_has_one_scale() -> None:
    wheel = [[scale_of(parse_key(f"{number}{letter}") or "") for number in range(1, 13)] for letter in "AB"]
    assert wheel[0] == wheel[1] == [(11 + 7 * step) % 12 for step in range(12)]


def test_a_mode_has_the_notes_of_its_major_scale() -> None:
    white = {"C major", "D dorian", "E phrygian", "F lydian", "G mixolydian", "A minor", "B locrian"}
    assert {key.split()[1] for key in white} == set(MODES)
    assert {scale_of(key) for key in white} == {0}


def test_a_transposed_key_is_spelt_as_the_one_that_was_wanted() -> None:
    assert transposed("C dorian", 1, "C# dorian") == "C# dorian"
    assert transposed("C dorian", 1, "B major") == "Db dorian"


@pytest.mark.parametrize(("written", "shown"), [("8a", "8A"), ("Dm", "Dm"), ("D dorian", "D dorian"), ("F#", "F#")])
def test_a_script_says_it_either_way(written: str, shown: str) -> None:
    source = f"clock 44100 tempo 84 key {written}\npool p = stems where role pads\nsection a 4 bars\n play pads from p"
    assert f"key {shown}\n" in format_script(source)
    assert compile_script(source, [stem("pads", 1)]).key == parse_key(written)


def test_modes_may_name_sections() -> None:
    source = "clock 44100 tempo 84\npool lydian = stems where role pads\nsection dorian 4 bars\n play pads from lydian"
    assert compile_script(source, [stem("pads", 1)]).sections == ("dorian",)

"""Phrases and chord changes: what fits them, where loops join them, and what `check` says."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from script_samples import make_vm, stem

from amos.score.draw import numbered_seed
from amos.score.score import decode_score
from amos.sound.events import Section, Start
from amos_tools.chords import joins_at, parse_changes
from amos_tools.script import ScriptError, compile_script
from amos_tools.script.explain import Play, explain_at
from amos_tools.script.format import format_script
from amos_tools.script.preview import stem_frames
from amos_tools.simulate import SimStem
from amos_tools.stems import StemFacts

BEAT = 31500


def loop(number: int, changes: str | None, bars: int = 4, **more: Any) -> StemFacts:
    more.setdefault("key", "A minor")
    return stem("pads", number, bars=bars, tags=(("Changes", changes),) if changes else (), **more)


VAULT = [
    loop(0, "Am F C G"),
    loop(1, "F C G Am7"),
    loop(2, "C Em F G"),
    loop(3, None),
    loop(4, None, key=None),
    loop(5, "Bm | G | D | A", key="B minor"),
]
SCRIPT = """\
clock 44100 tempo 84 key A minor
phrase 4 bars changes "Am F C G"
pool all = stems where role pads and key fits and changes fits
section drift 8..16 bars
  play pads from all fade 1 bar
"""


def titles(source: str, vault: list[StemFacts] | None = None) -> set[str]:
    return {one.title for one in compile_script(source, vault or VAULT).stems}


def errors(source: str) -> list[str]:
    with pytest.raises(ScriptError) as refused:
        compile_script(source, VAULT)
    return [one.message for one in refused.value.problems]


@pytest.mark.parametrize(
    ("ours", "beats", "phrase", "phrase_beats", "semitones", "at"),
    [
        ("Am F C G", 16, "Am F C G", 16, 0, 0),
        ("F C G Am", 16, "Am F C G", 16, 0, 4),
        ("Am7 | Fmaj7 | C/E | G7", 16, "Am F C G", 16, 0, 0),
        ("Am F C G", 16, "Am F C G Am F C G", 32, 0, 0),
        ("Am F C G Am F C G", 32, "C G Am F", 16, 0, 8),
        ("Bm G D A", 16, "Am F C G", 16, -2, 0),
        ("Asus4 F C G", 16, "Am F C G", 16, 0, 0),
        ("Am", 4, "Am", 16, 0, 0),
        ("Am F C G", 16, "Am F C G", 32, 0, None),
        ("Am F", 8, "Am F C G", 16, 0, None),
        ("A F C G", 16, "Am F C G", 16, 0, None),
        ("Am F C", 12, "Am F C G", 16, 0, None),
        ("Am | F | C G | G", 16, "Am F C G", 16, 0, None),
        ("Am F C G", 0, "Am F C G", 16, 0, None),
    ],
)
def test_where_progressions_agree(
    ours: str, beats: int, phrase: str, phrase_beats: int, semitones: int, at: int | None
) -> None:
    assert joins_at(parse_changes(ours), beats, parse_changes(phrase), phrase_beats, semitones, 4) == at


@pytest.mark.parametrize("text", ["", "|", "H", "Am | | F", "Amx", "a", "Am F " * 40])
def test_what_is_no_chord_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_changes(text)


def test_a_pool_takes_what_agrees_and_what_has_no_chords() -> None:
    assert titles(SCRIPT) == {"pads 0", "pads 1", "pads 4", "pads 5"}


def test_the_chord_that_sounds_is_the_phrase_s_own() -> None:
    """Loops begin with the phrase, turned so that their chords are those of the phrase, with a fade and without."""
    for fade in (" fade 1 bar", ""):
        compiled = compile_script(SCRIPT.replace(" fade 1 bar", fade), VAULT[:3])
        assert decode_score(compiled.score).version == 2
        phrase = parse_changes("Am F C G")
        entered = 0
        turned = 0
        for event in make_vm(compiled, 5).advance(2000 * BEAT):
            if isinstance(event, Section):
                entered = event.frame
            elif isinstance(event, Start):
                facts = compiled.stems[event.stem]
                ours = parse_changes(facts.tags[0][1])
                assert (event.frame - entered) % (16 * BEAT) == 0
                assert event.offset + event.frames <= facts.frames or event.loop == facts.frames
                turned += event.offset > 0
                for beat in range(16):
                    place = (event.offset // BEAT + beat) % 16
                    assert ours.at(Fraction(place, 16)).agrees(phrase.at(Fraction(beat, 16)), 0)
        assert turned > 20


def test_a_loop_that_does_not_meet_itself_joins_where_its_first_chord_is() -> None:
    ringing = [
        stem("pads", at, key="A minor", tags=(("changes", text),)) for at, text in enumerate(("Am F C G", "C G Am F"))
    ]
    ringing = [replace(one, frames=one.frames + 40_000) for one in ringing]
    compiled = compile_script(SCRIPT.replace(" fade 1 bar", ""), ringing)
    found = [event for event in make_vm(compiled, 2).advance(400 * BEAT) if isinstance(event, Start)]
    score = decode_score(compiled.score)
    assert score.shifts is not None and all(event.loop == 0 for event in found)
    for event in found:
        first = event.frame // BEAT - event.offset // BEAT
        assert first % 16 == (8 if compiled.stems[event.stem].tags[0][1].startswith("C") else 0)


def test_a_section_states_its_own() -> None:
    own = SCRIPT + '  next up\nsection up 8 bars phrase 4 bars changes "C Em F G"\n  play pads from all\n  next drift\n'
    score = decode_score(compile_script(own, VAULT).score)
    assert len(score.pools) == 2 and titles(own) == {f"pads {at}" for at in (0, 1, 2, 4, 5)}
    assert score.sections[0].step_bars == 4
    plain = own.replace('phrase 4 bars changes "Am F C G"\n', "").replace(
        "drift 8..16 bars", "drift 9..15 bars phrase 5 bars"
    )
    assert errors(plain) == ["there are no changes that pool `all` could fit"]
    drift = plain.replace("play pads from all fade 1 bar", "play pads from free fade 1 bar")
    drift = drift.replace("section drift", "pool free = stems where role pads\nsection drift")
    assert decode_score(compile_script(drift, VAULT).score).sections[0].step_bars == 5


def test_what_nowhere_agrees_is_named() -> None:
    told = compile_script(SCRIPT.replace(" and changes fits", ""), VAULT).warnings
    assert [one.message for one in told] == ["“pads 2” (C Em F G) nowhere agrees with `Am F C G`"]
    assert told[0].hint == "`changes fits` in a pool keeps to what agrees"


def test_what_cannot_be_meant_is_said() -> None:
    assert errors(SCRIPT.replace("Am F C G", "Am F X G")) == ["expected a chord such as Am, F#m7 or Bb/D, found X"]
    assert errors(SCRIPT.replace('phrase 4 bars changes "Am F C G"\n', "")) == [
        "there are no changes that pool `all` could fit"
    ]
    assert errors(SCRIPT.replace("8..16 bars", "6 bars phrase 4 bars"))[0] == (
        "a section of 6 bars never ends with a phrase of 4"
    )
    with pytest.raises(ScriptError) as refused:
        compile_script(SCRIPT.replace("Am F C G", "Dm Db"), VAULT[:4])
    assert refused.value.message == "pool `all` is empty" and "0 of them agree with Dm Db" in (refused.value.hint or "")
    assert (
        errors(SCRIPT.replace("phrase 4 bars", "phrase 0 bars"))[0]
        == "a phrase's length is a whole number from 1 to 4096"
    )


def test_a_script_without_phrases_is_as_it_was() -> None:
    plain = SCRIPT.replace('phrase 4 bars changes "Am F C G"\n', "").replace(" and changes fits", "")
    with_tags = compile_script(plain, VAULT).score
    assert with_tags == compile_script(plain, [replace(one, tags=()) for one in VAULT]).score
    assert decode_score(with_tags).shifts is None


def test_explain_tells_the_changes_and_format_keeps_them() -> None:
    compiled = compile_script(SCRIPT, VAULT[:3])
    stems = [
        SimStem(frames, 32767, one.role, one.title, one.artist)
        for frames, one in zip(stem_frames(compiled), compiled.stems, strict=True)
    ]
    assert "  changes     " in explain_at(Play(compiled, stems, numbered_seed(3)), 100 * 44100)
    assert format_script(SCRIPT.replace("phrase 4 bars", "phrase   4 bar")) == format_script(SCRIPT)

"""Sections with a tempo and a key of their own, as written: rows of stems, pools, lengths, and what `check` says."""

from dataclasses import replace

import pytest
from script_samples import make_vm, stem

from amos.score.checks import steps
from amos.score.draw import numbered_seed
from amos.score.score import Score, decode_score
from amos.sound.events import Section, Start, Stop
from amos_tools.pack.conform import Target
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.script.cli import check_facts, summary
from amos_tools.script.explain import Play, explain_at
from amos_tools.script.format import format_script
from amos_tools.script.own_clocks import row_titles
from amos_tools.script.preview import stem_frames
from amos_tools.simulate import SimStem

BEAT = 31500  # 84 bpm at 44,100 Hz
FAST_BEAT = 29400  # 90 bpm
PADS = [stem("pads", number, title=f"Haze {number}") for number in range(3)]
KIT = [stem("beats", number, key=None, title=f"Kit {number}") for number in range(2)]
SEA = [replace(stem("fx", 1, key=None, tempo_mbpm=None, title="Sea"), beats=None)]
VAULT = [*PADS, *KIT, *SEA]
HEAD = """\
clock 44100 tempo 84 key D minor
mix voices 16
pool warm = stems where role pads and key fits and tempo fits
pool kit = stems where role beats and tempo fits
pool sea = stems where role fx
"""
LAYERS = "  play pads from warm fade 1 bar\n  play beats from kit\n  play fx from sea\n"


def script(*own: str, tail: str = "") -> str:
    """A section for each of these, one after the other."""
    names = [f"s{number}" for number in range(len(own))]
    sections = [
        f"section {name} 8 bars {said}\n{LAYERS}  next {names[(number + 1) % len(names)]}\n"
        for number, (name, said) in enumerate(zip(names, own, strict=True))
    ]
    return HEAD + "".join(sections) + tail


def compiled(*own: str, tail: str = "") -> Compiled:
    return compile_script(script(*own, tail=tail), VAULT)


def score_of(found: Compiled) -> Score:
    return decode_score(found.score)


def test_a_section_that_says_what_the_script_says_changes_nothing() -> None:
    assert compiled("", "tempo 84 key D minor").score == compiled("", "").score


def test_a_stem_stands_in_the_table_once_for_each_tempo_and_key_in_which_it_is_heard() -> None:
    found = compiled("", "key E minor", "tempo 90", "tempo 90 key E minor", "key E dorian")
    assert [title for title in row_titles(found) if "Haze 0" in title] == [
        "Haze 0 (84 bpm, D minor)",
        "Haze 0 (84 bpm, E minor)",
        "Haze 0 (90 bpm, D minor)",
        "Haze 0 (90 bpm, E minor)",
        "Haze 0 (84 bpm, E dorian)",
    ]
    # What has no key is the same in all of them, and what has no tempo either, once.
    unpitched = [title for title in row_titles(found) if title[0] in "KS"]
    assert sorted(unpitched) == ["Kit 0 (84 bpm)", "Kit 0 (90 bpm)", "Kit 1 (84 bpm)", "Kit 1 (90 bpm)", "Sea"]
    score = score_of(found)
    variants = list(score.variants or ())
    firsts = [found.stems[first].stem_id for first in variants]
    assert firsts == [one.stem_id for one in found.stems] and len(set(variants)) == len(VAULT)
    assert [section.tempo_mbpm for section in score.sections] == [None, None, 90_000, 90_000, None]


def test_a_row_is_brought_to_the_tempo_and_key_of_the_section_that_plays_it() -> None:
    found = compiled("", "tempo 90 key E minor")
    score = score_of(found)
    for section, target in zip(score.sections, (Target(84_000, "D minor"), Target(90_000, "E minor")), strict=True):
        pads = score.pools[section.layers[0].pool].stems
        assert {found.targets[row] for row in pads} == {target} and len(pads) == 3
    assert score.pools[score.sections[1].layers[0].pool].same_as == score.sections[0].layers[0].pool


def test_what_a_key_does_not_change_plays_on_from_section_to_section() -> None:
    score = score_of(compiled("", "key E minor"))
    first, second = score.sections
    assert first.layers[0].pool != second.layers[0].pool
    assert [layer.pool for layer in first.layers[1:]] == [layer.pool for layer in second.layers[1:]]


def test_a_loop_lasts_as_many_beats_as_it_does_at_the_section_s_tempo() -> None:
    vault = [*PADS, stem("beats", 9, key=None, tempo_mbpm=168_000, bars=8, title="Rush")]
    text = script("", "tempo 160").replace(" and tempo fits", "").replace("  play fx from sea\n", "")
    found = compile_script(text.replace("pool sea = stems where role fx\n", ""), vault)
    score = score_of(found)
    assert score.beats is not None
    beats = [score.beats[row] for row, one in enumerate(found.stems) if one.title == "Rush"]
    assert beats == [16, 32]


def test_lengths_in_a_section_are_of_its_beats_and_a_fade_is_of_the_section_it_leads_into() -> None:
    tail = "transition any -> any fade 2 bars\ntransition s1 -> any fade 1 s\n"
    score = score_of(compiled("", "tempo 90", tail=tail))
    assert [section.layers[0].fade_frames for section in score.sections] == [4 * BEAT, 4 * FAST_BEAT]
    fades = {step[:2]: step[2].fade_out_frames for step in steps(score)}
    assert fades == {(0, 1): 8 * FAST_BEAT, (1, 0): 44_100}
    unsaid = {step[:2]: step[2].fade_out_frames for step in steps(score_of(compiled("", "tempo 90")))}
    assert unsaid == {(0, 1): 4 * FAST_BEAT, (1, 0): 4 * BEAT}


def test_the_fade_over_a_bridge_is_of_the_bridge() -> None:
    score = score_of(compiled("", "tempo 90", "", tail="transition s0 -> s1 fade 1 bar via s2\n"))
    fades = {step[:2]: step[2].fade_out_frames for step in steps(score)}
    assert (fades[0, 2], fades[2, 1]) == (4 * BEAT, 4 * FAST_BEAT)


def test_it_plays_on_the_grid_of_each_section() -> None:
    found = compiled("", "tempo 90 key E minor")
    events = make_vm(found, 5).advance(64 * 4 * BEAT)
    entries = [(event.frame, event.section) for event in events if isinstance(event, Section)]
    assert entries[:3] == [(0, 0), (32 * BEAT, 1), (32 * (BEAT + FAST_BEAT), 0)]
    for event in events:
        if isinstance(event, Start):
            begin, section = max(entry for entry in entries if entry[0] <= event.frame)
            assert (event.frame - begin) % (FAST_BEAT if section else BEAT) == 0 or found.stems[event.stem] == SEA[0]
    assert any(isinstance(event, Stop) and event.frame == 32 * BEAT for event in events)


def test_a_pool_that_only_such_sections_play_has_what_fits_them() -> None:
    vault = [*VAULT, stem("melody", 1, key="F# minor", tempo_mbpm=103_000)]
    lead = "pool lead = stems where role melody and key fits and tempo fits\n"
    text = script("", "tempo 100 key A major") + lead
    own = text.index("section s1")
    found = compile_script(text[:own] + text[own:].replace(LAYERS, "  play melody from lead\n"), vault)
    rows = zip(found.stems, found.targets, strict=True)
    assert [one.role for one, target in rows if target.tempo_mbpm == 100_000] == ["melody"]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("tempo 10", "a tempo is from 20 to 400"),
        ("tempo 90 tempo 91", "`tempo` stands twice"),
        ("key A minor key B minor", "`key` stands twice"),
        ("key H minor", "`H` does not fit here"),
        ("key G# minor", "pool `warm` is empty"),
        ("tempo 120", "pool `warm` is empty"),
    ],
)
def test_what_cannot_be_is_refused_by_name(own: str, said: str) -> None:
    with pytest.raises(ScriptError) as refused:
        compiled("", own)
    assert said in "\n".join(problem.message for problem in refused.value.problems)


def test_a_fade_that_outlasts_a_faster_section_is_refused() -> None:
    with pytest.raises(ScriptError, match="outlasts section `s1`"):
        compiled("", "tempo 90", tail="transition any -> any fade 22 s\n")


def test_more_tempi_than_a_player_has_room_for_are_refused() -> None:
    transitions = "".join(f"transition s{number} -> any fade 1 bar\n" for number in range(8))
    with pytest.raises(ScriptError, match="the script has 72 transitions; a player holds 64"):
        compiled("", *(f"tempo {85 + number}" for number in range(7)), tail=transitions)


def test_more_rows_than_a_pack_holds_are_refused() -> None:
    vault = [stem("pads", number) for number in range(260)]
    text = HEAD.partition("pool kit")[0] + "".join(
        f"section s{number} 8 bars tempo {84 + number}\n  play pads from warm\n  next s{(number + 1) % 4}\n"
        for number in range(4)
    )
    with pytest.raises(ScriptError, match="the script plays 1040 stems; a pack holds 1024"):
        compile_script(text, vault)


def test_explain_check_and_format_know_them() -> None:
    found = compiled("", "tempo 90 key E minor")
    stems = [SimStem(length, 32767, one.role, one.title, one.artist)
             for length, one in zip(stem_frames(found), found.stems, strict=True)]  # fmt: skip
    story = explain_at(Play(found, stems, numbered_seed(3)), 33 * BEAT)
    assert "  variant     90 bpm, E minor" in story and "  variant     90 bpm\n" in story
    assert "6 stems in 11 variants" in summary(found)
    facts = check_facts(found)
    assert (facts["stems"], facts["variants"]) == (6, 11)
    assert "\nsection s1 8 bars key 9A tempo 90.5\n" in format_script(script("", "key  9a tempo 90.50"))

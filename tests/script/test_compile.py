"""What compiles, and what the score then says."""

import pytest
from script_samples import BEAT_FRAMES, EXAMPLE, HEAD, VAULT, stem

from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.sound.events import Section, Start
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.stems import ROLES

BAR = 4 * BEAT_FRAMES


def vm_of(compiled: Compiled, seed: int = 0) -> Vm:
    frames = [stem.frames * compiled.rate_hz // stem.rate_hz for stem in compiled.stems]
    return Vm(decode_score(compiled.score), frames, [16384] * len(frames), seed.to_bytes(32, "little"))


def test_the_example() -> None:
    compiled = compile_script(EXAMPLE, VAULT)
    assert (compiled.name, compiled.rate_hz, compiled.voices) == ("harbour cafe", 48000, 8)
    assert (compiled.target_mlufs, compiled.peak_mdb, compiled.voices_worst) == (-23_000, -3_000, 8)
    assert {stem.role for stem in compiled.stems} == {"pads", "bass", "beats", "fx"} and len(compiled.stems) == 13
    said = [warning.message for warning in compiled.warnings]
    assert {message.split(",")[1] for message in said if "pool" in message} == {" too few for the rules of `avoid`"}
    assert {message.split(",")[0] for message in said if "pool" not in message} == {
        "by chance at every 8 bars",
        "by chance at every bar",
    }
    score = decode_score(compiled.score)
    drift, bloom, rest = score.sections
    assert (drift.bars_min, drift.bars_max, rest.bars_min, rest.bars_max) == (16, 32, 4, 8)
    assert (drift.layers[0].count_min, drift.layers[0].count_max, drift.layers[0].gain_q15) == (1, 2, 23198)
    assert drift.layers[1].grid_beats == 32 and drift.layers[0].grid_beats == 4
    assert bloom.layers[1].fade_frames == 2 * 4 * 48000 * 60 // 84
    assert [item.section for item in drift.nexts] == [0, 1, 2] and drift.nexts[1].when is not None


def test_the_example_plays_on_for_hours() -> None:
    vm = vm_of(compile_script(EXAMPLE, VAULT))
    events = vm.advance(48000 * 3600 * 4)
    sounding_until = 0
    for event in events:
        if isinstance(event, Start):
            assert event.frame <= sounding_until + 1, "no gap in the music, but for a frame of rounding"
            sounding_until = max(sounding_until, event.frame + event.frames)
    assert {event.section for event in events if isinstance(event, Section)} == {0, 2}, "calm: it never blooms"


def test_only_stems_with_opt_in_are_reached() -> None:
    vault = [stem("pads", 1), stem("pads", 2, opt_in=False), stem("bass", 3)]
    source = "clock 44100 tempo 84\npool p = stems where role pads\nsection a 4 bars\n play pads from p"
    assert [found.title for found in compile_script(source, vault).stems] == ["pads 1"]


@pytest.mark.parametrize(
    ("key", "fits"),
    [
        ("D minor", True),
        ("F major", True),
        (None, True),
        ("D major", True),
        ("B major", False),
        ("A minor", False),
        ("E# major", True),
        ("G dorian", True),
        ("A locrian", False),
    ],
)
def test_key_fits_the_same_relative_near_or_unpitched(key: str | None, fits: bool) -> None:
    source = "clock 44100 tempo 84 key D minor\npool p = stems where key fits\nsection a 4 bars\n play pads from p"
    stems = compile_script(source, [stem("pads", 1, key=key), stem("pads", 2, key=None)]).stems
    assert (len(stems) == 2) is fits


@pytest.mark.parametrize(
    ("tempo_mbpm", "fits"),
    [(84_000, True), (84_421, True), (76_000, True), (93_000, True), (72_000, False), (97_000, False), (168_000, True),
     (42_211, True), (None, True), (126_000, False)],
)  # fmt: skip
def test_tempo_fits_equal_half_and_double_within_the_stretch(tempo_mbpm: int | None, fits: bool) -> None:
    source = "clock 44100 tempo 84\npool p = stems where tempo fits\nsection a 4 bars\n play pads from p"
    vault = [stem("pads", 1, tempo_mbpm=tempo_mbpm), stem("pads", 2, tempo_mbpm=None)]
    assert (len(compile_script(source, vault).stems) == 2) is fits


def test_a_pool_of_several_roles_serves_each_layer_its_own() -> None:
    source = (
        'clock 44100 tempo 84\npool all = stems where artist "Ilse Maren"\n'
        "section a 4 bars\n play pads from all\n play fx from all"
    )
    compiled = compile_script(source, VAULT)
    score = decode_score(compiled.score)
    for layer in score.sections[0].layers:
        assert {compiled.stems[index].role for index in score.pools[layer.pool].stems} == {ROLES[layer.role]}


def test_the_most_specific_transition_wins() -> None:
    source = HEAD + (
        "transition any -> any fade 1 bars\ntransition any -> b fade 2 bars\n"
        "transition a -> any fade 3 bars\ntransition a -> b fade 4 bars\n"
        "section a 4 bars\n play pads from warm\n next b\nsection b 4 bars\n play pads from warm\n next a\n"
    )
    score = decode_score(compile_script(source, VAULT).score)
    fades = {(before, after): score.transition(before, after).fade_out_frames for before in (0, 1) for after in (0, 1)}
    assert fades == {(0, 1): 4 * BAR, (0, 0): 3 * BAR, (1, 1): 2 * BAR, (1, 0): BAR}


def test_entries_and_grids() -> None:
    source = HEAD + (
        "section a 8 bars\n play pads from warm\n play pads from warm every 2 bars enter bar 3\n"
        " play pads from warm enter beat 2\n play pads from warm every 6 beats\n"
    )
    layers = decode_score(compile_script(source, VAULT).score).sections[0].layers
    assert [(layer.grid_beats, layer.enter_beats) for layer in layers] == [(4, 0), (8, 8), (1, 1), (6, 0)]


def test_a_voice_budget_counts_two_sections_while_one_fades() -> None:
    parts = [
        "section a 4 bars\n play pads from warm count 2 fade 1 beats\n next b",
        "section b 4 bars\n play pads from warm count 3\n next a",
    ]
    source = HEAD + "mix voices {}\n" + "\n".join(parts)
    assert compile_script(source.format(7), VAULT).voices_worst == 7
    with pytest.raises(ScriptError, match="while `. ?` fades out, the mix has 6".replace(" ?", "")):
        compile_script(source.format(6), VAULT)


def test_warnings_do_not_stop_a_script() -> None:
    source = HEAD + (
        "section a 4..8 bars\n play pads from warm count 4 enter bar 6\n"
        "section b 4 bars\n play pads from warm\n next a\n"
    )
    messages = [warning.message for warning in compile_script(source, VAULT).warnings]
    assert len(messages) == 5
    assert any(message.startswith("it enters 5 bars into a phrase of 16 bars") for message in messages)
    assert "all of them play at once" in messages[0] or "all of them play at once" in messages[1]
    assert any("ends before this entry" in message for message in messages)
    assert any("section `a` has no `next`" in message for message in messages)
    assert any("section `b` is never reached" in message for message in messages)


@pytest.mark.parametrize(
    ("nexts", "line", "warned"),
    [
        ("b", "transition a -> b via c", False),
        ("b 2, c", "transition a -> b via c", True),
        ("b", 'transition a -> b via c\nrender "ad" length 60 s hit 30 s c', True),
        ("c", "", True),
    ],
)
def test_a_section_that_only_bridges_needs_no_next(nexts: str, line: str, warned: bool) -> None:
    play = "16 bars\n play pads from warm\n"
    source = f"{HEAD}section a {play} next {nexts}\nsection b {play} next a\nsection c {play}{line}\n"
    compiled = compile_script(source, VAULT)
    assert any("section `c` has no `next`" in told.message for told in compiled.warnings) == warned
    if not warned:
        entered = [event.section for event in vm_of(compiled).advance(64 * BAR) if isinstance(event, Section)]
        assert entered == [0, 2, 1, 0]


def test_an_artist_rule_is_not_too_much_for_a_pool_that_is_all_by_one() -> None:
    source = HEAD + "avoid stem 1 plays, artist 2 plays\nsection a 4 bars\n  play pads from warm\n"
    assert compile_script(source, VAULT).warnings == ()
    vault = [*VAULT, stem("pads", 9, artist="Noor Adeyemi")]
    [warning] = compile_script(source, vault).warnings
    assert warning.notes == ("`artist 2 plays` needs 3, there are 2 artists",)


def test_words_of_the_language_may_follow_numbers_closely_and_comments_end_lines() -> None:
    source = (
        "\ufeffclock 44100 tempo 84 key F# minor # the key of the sea\r\n\r\n# only a comment\r\n"
        "pool p = stems where role pads\r\nsection a 4bars\r\n\tplay pads from p gain-3dB fade 300ms\r\n"
    )
    layer = decode_score(compile_script(source, VAULT).score).sections[0].layers[0]
    assert (layer.gain_q15, layer.fade_frames) == (23198, 13230)


def test_the_order_of_stems_in_the_vault_does_not_matter() -> None:
    source = EXAMPLE
    assert compile_script(source, VAULT) == compile_script(source, list(reversed(VAULT)))


def test_a_layer_more_changes_no_draw_of_the_others() -> None:
    source = (
        HEAD + "pool low = stems where role bass\nsection a 8 bars\n{}play pads from warm every 2 bars chance calm\n"
    )
    pads = []
    for extra in ("", "play bass from low chance calm\n"):
        compiled = compile_script(source.format(extra), VAULT)
        pads.append(
            [
                (event.frame, compiled.stems[event.stem].title)
                for event in vm_of(compiled).advance(500 * BAR)
                if isinstance(event, Start) and compiled.stems[event.stem].role == "pads"
            ]
        )
    assert len(pads[0]) > 40 and pads[0] == pads[1]

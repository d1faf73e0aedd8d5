"""`pan`, `width` and `lowpass` as written: numbers of the score, what holds the level, what they cost, what is told."""

import math

import pytest
from script_samples import VAULT, make_vm

from amos.score.draw import numbered_seed
from amos.score.score import Score, decode_score
from amos.sound.events import Start
from amos_tools.boards import load_board
from amos_tools.pack.forecast import sides_power
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.script.cli import check_facts, summary
from amos_tools.script.explain import Play, explain_at
from amos_tools.script.format import format_script
from amos_tools.script.preview import stem_frames
from amos_tools.script.shape_work import shape_fault, work_percent
from amos_tools.script.shapes import shape_text
from amos_tools.simulate import SimStem
from amos_tools.simulate.marks import Marks
from amos_tools.simulate.passage import Passage
from amos_tools.simulate.passage_svg import passage_svg

HEAD = "clock 44100 tempo 84\npool low = stems where role bass\npool air = stems where role pads\nmix voices 12\n"
PLAIN = "  play bass from low gain -6 dB\n"


def compiled(line: str, more: str = "") -> Compiled:
    return compile_script(f"{HEAD}section a 16 bars\n  play pads from air {line}\n{more}", VAULT)


def score_of(line: str, more: str = "") -> Score:
    return decode_score(compiled(line, more).score)


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("pan left 100 %", [32768, 32768, 32768, 0, 0]),
        ("pan right 50%", [32768, 32768, round(32768 * math.tan(math.pi / 8)), 32768, 0]),
        ("width 0 %", [32768, 0, 32768, 32768, 0]),
        ("width 60 %", [32768, 19661, 32768, 32768, 0]),
        ("width 200 %", [16384, 32768, 32768, 32768, 0]),
        ("lowpass 10000 Hz", [32768, 32768, 32768, 32768, 9592]),
        ("width 50 % lowpass 40 Hz pan left 100 %", [32768, 16384, 32768, 0, 32582]),
    ],
)
def test_words_are_the_shape_of_a_layer(line: str, shape: list[int]) -> None:
    score = score_of(line)
    assert (score.version, list(score.sections[0].layers[0].shape or ())) == (3, shape)
    start = next(event for event in make_vm(compiled(line), 3).advance(1) if isinstance(event, Start))
    assert start.shape == score.sections[0].layers[0].shape


@pytest.mark.parametrize(
    "line",
    [
        "",
        "pan left 0 %",
        "width 100 %",
        "pan right 0 % width 100 %",
        "width 100.001 %",
        "width 99.999 % pan left 0.0005 %",
    ],
)
def test_what_changes_nothing_is_no_shape(line: str) -> None:
    score = score_of(line)
    assert score.version == 2 and score.sections[0].layers[0].shape is None


@pytest.mark.parametrize(("line", "louder_db"), [("pan left 100 %", 3.01), ("width 200 %", 6.02), ("lowpass 90 Hz", 0)])
def test_the_gain_makes_up_for_what_a_pan_or_width_takes(line: str, louder_db: float) -> None:
    plain, shaped = score_of("", PLAIN).sections[0].layers, score_of(line, PLAIN).sections[0].layers
    assert plain[0].gain_q15 == shaped[0].gain_q15 == 32768  # the loudest
    found_db = 20 * math.log10(plain[1].gain_q15 / shaped[1].gain_q15)
    assert found_db == pytest.approx(louder_db, abs=0.01)
    # Of a stem that is alike on both sides, the power is what it was.
    power_db = 10 * math.log10(sides_power(shaped[0].shape or ()))
    assert power_db + found_db == pytest.approx(0, abs=0.01)


def test_a_layer_in_another_shape_does_not_play_on() -> None:
    def plays_on(line: str) -> bool:
        text = f"{HEAD}section a 4 bars\n  play pads from air\n  next b\nsection b 4 bars\n"
        first, second = decode_score(compile_script(f"{text}  play pads from air {line}\n", VAULT).score).sections
        return second.layers[0].plays_as(first.layers[0])

    assert plays_on("") and not plays_on("lowpass 500 Hz")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pan left 101 %", "a pan in % is from 0 to 100"),
        ("width 201 %", "a width in % is from 0 to 200"),
        ("lowpass 39 Hz", "a low-pass in Hz is from 40 to 10000"),
        ("lowpass 10001 Hz", "a low-pass in Hz is from 40 to 10000"),
        ("pan left 1 % pan left 1 %", "`pan` stands twice in this line"),
    ],
)
def test_what_cannot_be_is_refused_by_name(line: str, said: str) -> None:
    with pytest.raises(ScriptError) as refused:
        compiled(line)
    assert said in str(refused.value)


def test_the_words_may_still_be_names() -> None:
    text = "slider width 0..1 start 0.5\npool left = stems where role pads\npool Hz = stems where role bass\n"
    lines = "  play pads from left chance width width 50 % pan left 20 %\n  play bass from Hz gain -6 dB * width\n"
    assert compile_script(f"clock 44100 tempo 84\n{text}section pan 4 bars\n{lines}  next pan 1\n", VAULT)


def test_canonical_form() -> None:
    line = "  play pads from air pan left 30% width 060% lowpass 800.0Hz\n"
    assert format_script(f"section a 4 bars\n{line}") == (
        "section a 4 bars\n  play pads from air pan left 30 % width 60 % lowpass 800 Hz\n"
    )


@pytest.mark.parametrize("rate_hz", [22_050, 48_000])
def test_what_is_told_is_what_was_written(rate_hz: int) -> None:
    options = {
        "lowpass": ("40", "90", "90.5", "121", "440", "1234", "10000"),
        "pan left": ("0.5", "5", "12.25", "30.5", "33", "100"),
        "width": ("0", "0.5", "33", "66.7", "101", "133", "199.5", "200"),
    }
    head = HEAD.replace("44100", str(rate_hz))
    for word, numbers in options.items():
        for number in numbers:
            line = f"{word} {number} {'Hz' if word == 'lowpass' else '%'}"
            score = decode_score(compile_script(f"{head}section a 16 bars\n  play pads from air {line}\n", VAULT).score)
            assert shape_text(score.sections[0].layers[0].shape or (), rate_hz) == line


def test_it_is_told_and_drawn() -> None:
    found = compiled("pan right 30 % width 150 % lowpass 800 Hz")
    score, frames = decode_score(found.score), stem_frames(found)
    stems = [
        SimStem(length, 32767, stem.role, stem.title, stem.artist)
        for length, stem in zip(frames, found.stems, strict=True)
    ]
    said = "pan right 30 %, width 150 %, lowpass 800 Hz"
    assert shape_text(score.sections[0].layers[0].shape or (), 44_100) == said
    assert f"\n  shape       {said}\n" in explain_at(Play(found, stems, numbered_seed(3)), 44_100)
    passage = Passage(0, 126_000)
    for event in make_vm(found, 3).advance(126_000):
        passage.event(event)
    passage.finish()
    assert f" · {said}</title>" in passage_svg(score, stems, passage, None, Marks((), (), ()), "", None)


def test_check_says_which_boards_afford_it() -> None:
    cheap, dear = (compiled(f"count 2 fade 1 bar lowpass 400 Hz{more}") for more in ("", " pan left 20 %"))
    assert "the time of 5.7: esp32-s3 affords it (6), pico-2-w affords it (6)\n" in summary(cheap)
    assert "the time of 6.6: esp32-s3 cannot (6), pico-2-w cannot (6)\n" in summary(dear)
    assert set(check_facts(dear)["boards_afford_it"].values()) == {False}
    assert "afford" not in summary(compiled("")) and set(check_facts(compiled(""))["boards_afford_it"].values()) == {
        True
    }


def test_shapes_cost_a_board_time_and_what_it_cannot_afford_is_refused_by_name() -> None:
    pico, pi = load_board("pico-2-w"), load_board("pi-zero-2w")
    assert work_percent(score_of("count 4 fade 1 bar")) == 0
    # Eight voices at most, for the section follows itself; each with both.
    dear = score_of("count 2 fade 1 bar lowpass 400 Hz pan left 20 %")
    assert work_percent(dear) == 4 * 164
    dear.voices, dear.rate_hz = 6, 22_050
    fault = shape_fault(dear, [pico, pi])
    assert fault is not None and "expected voices worth at most 6 on pico-2-w, found 6.6" in fault
    assert shape_fault(dear, [pi]) is None
    dear.voices = 7  # which the board refuses as it is
    assert shape_fault(dear, [pico]) is None

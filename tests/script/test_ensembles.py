"""Layers that wait for others, and roles that exclude one another, in scripts."""

import pytest
from script_samples import VAULT, make_vm

from amos.score.draw import numbered_seed
from amos.score.expression import NOT, ROLE_VALUES_FROM, SLIDER
from amos.score.score import decode_score
from amos.sound.events import Start
from amos_tools.script import ScriptError, compile_script
from amos_tools.script.explain import Play, explain_at
from amos_tools.script.format import format_script
from amos_tools.script.preview import stem_frames
from amos_tools.simulate import SimStem
from amos_tools.stems import ROLES

SCRIPT = """\
clock 44100 tempo 84
mix voices 12
slider calm 0..1 start 0.5
exclusive melody, harmony
pool all = stems where not role fx
section drift 16 bars exclusive pads, bass
  play beats from all every 4 bars chance 0.5
  play tops from all when beats sounds and calm < 0.6
  play melody from all chance 0.4 fade 1 bar
  play harmony from all chance 0.4 when not tops sounds fade 1 bar
  play pads from all chance 0.5 fade 2 bars
  play bass from all chance 0.5
"""


def problems(source: str) -> list[tuple[str, int, int, str | None]]:
    with pytest.raises(ScriptError) as refused:
        compile_script(source, VAULT)
    return [(one.message, one.span.line, one.span.column, one.hint) for one in refused.value.problems]


def warnings(source: str) -> list[tuple[str, int, int]]:
    return [(one.message, one.span.line, one.span.column) for one in compile_script(source, VAULT).warnings]


def bits(*roles: str) -> int:
    return sum(1 << ROLES.index(role) for role in roles)


def test_vocals_are_a_role_of_version_3() -> None:
    head = "clock 44100 tempo 84\npool all = stems where role vocals or role pads\nsection a 8 bars\n"
    for lines, version in (
        ("  play vocals from all\n", 3),
        ("  play pads from all when not vocals sounds\n", 3),
        ("  play pads from all when not fx sounds\n", 2),
        ("  play pads from all\nexclusive fx, vocals\n", 3),
    ):
        score = decode_score(compile_script(head + lines, VAULT).score)
        assert score.version == version, lines
    layers = decode_score(compile_script(f"{head}  play pads from all\n  play vocals from all\n", VAULT).score).sections
    assert [layer.role for layer in layers[0].layers] == [3, 7]


def test_what_the_score_says() -> None:
    score = decode_score(compile_script(SCRIPT, VAULT).score)
    assert score.version == 2 and score.exclusive == [bits("melody", "harmony")]
    (section,) = score.sections
    assert section.exclusive == [bits("pads", "bass")]
    whens = [list(layer.when or ()) for layer in section.layers]
    assert whens[1][:2] == [SLIDER, ROLE_VALUES_FROM + ROLES.index("beats")] and whens[0] == whens[2] == []
    assert whens[3] == [SLIDER, ROLE_VALUES_FROM + ROLES.index("tops"), NOT]


def test_a_script_without_them_is_as_it_was() -> None:
    plain = SCRIPT.replace("exclusive melody, harmony\n", "").replace(" exclusive pads, bass", "")
    plain = plain.replace(" when beats sounds and calm < 0.6", "").replace(" when not tops sounds", "")
    score = decode_score(compile_script(plain, VAULT).score)
    assert score.exclusive is None and score.sections[0].exclusive is None
    assert all(layer.when is None for layer in score.sections[0].layers)


def test_roles_that_exclude_one_another_share_voices() -> None:
    assert compile_script(SCRIPT, VAULT).voices_worst == 1 + 1 + 2 + 2
    assert compile_script(SCRIPT.replace("bars exclusive pads, bass", "bars"), VAULT).voices_worst == 1 + 1 + 2 + 2 + 1


def test_it_plays_so() -> None:
    compiled = compile_script(SCRIPT, VAULT)
    spans: list[tuple[str, int, int]] = []
    for event in make_vm(compiled, 4).advance(3600 * 44100):
        if isinstance(event, Start):
            spans.append((compiled.stems[event.stem].role, event.frame, event.frame + event.frames))
    for one, other in (("melody", "harmony"), ("pads", "bass")):
        ours = [span for span in spans if span[0] == one]
        theirs = [span for span in spans if span[0] == other]
        assert len(ours) > 10 and len(theirs) > 10
        assert not [1 for _, begin, end in ours for _, from_, until in theirs if begin < until and from_ < end]
    drums = [span for span in spans if span[0] == "beats"]
    tops = [span for span in spans if span[0] == "tops"]
    assert tops and all(any(begin <= top < end for _, begin, end in drums) for _, top, _ in tops)


def test_what_cannot_be_meant_is_said() -> None:
    assert problems(SCRIPT.replace("exclusive melody, harmony", "exclusive melody, melody"))[0] == (
        "`melody` stands twice in this line", 4, 19, None
    )  # fmt: skip
    message, line, column, hint = problems(SCRIPT.replace("exclusive melody, harmony", "exclusive melody, drums"))[0]
    assert (message, line, column) == ("`drums` is not a role", 4, 19) and "did you mean `beats`?" in (hint or "")
    assert problems(SCRIPT.replace("beats sounds", "beets sounds"))[0][0] == "`beets` is not a role"
    assert problems(SCRIPT.replace("chance 0.5\n", "chance beats sounds\n", 1))[0] == (
        "what sounds is asked for where a layer begins",
        7,
        43,
        "expected `when … sounds` in a play line",
    )
    assert problems(SCRIPT.replace("exclusive melody, harmony", "exclusive melody"))[0][:2] == (
        "the line ends too early", 4
    )  # fmt: skip


def test_what_never_comes_true_is_warned_of() -> None:
    plain = len(warnings(SCRIPT))
    told = warnings(SCRIPT.replace("exclusive melody, harmony", "exclusive melody, fx"))
    assert ("the script plays no fx", 4, 19) in told
    told = warnings(SCRIPT.replace("bars exclusive pads, bass", "bars exclusive pads, fx"))
    assert ("section `drift` plays no fx", 6, 39) in told
    told = warnings(SCRIPT.replace("beats sounds", "fx sounds"))
    assert ("section `drift` plays no fx", 8, 27) in told and len(told) == plain + 1
    told = warnings(SCRIPT.replace("beats sounds", "bass sounds"))
    assert ("`play bass` stands below: what begins there is heard of one point later", 8, 27) in told


def test_explain_tells_what_is_kept_back_and_format_keeps_it() -> None:
    compiled = compile_script(SCRIPT, VAULT)
    stems = [
        SimStem(frames, 32767, one.role, one.title, one.artist)
        for frames, one in zip(stem_frames(compiled), compiled.stems, strict=True)
    ]
    play = Play(compiled, stems, numbered_seed(4))
    told = "\n".join(explain_at(play, second * 44100) for second in range(10, 500, 35))
    assert "kept back: tops from all in section drift (visit" in told and "why         no beats sounds" in told
    assert "may still be heard, and they exclude one another" in told and "why         tops sounds" in told
    spaced = SCRIPT.replace("exclusive melody, harmony", "exclusive   melody ,harmony").replace("when  not", "when not")
    assert format_script(spaced) == format_script(SCRIPT) and "bars exclusive pads, bass\n" in format_script(spaced)

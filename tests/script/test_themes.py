"""Themes in scripts: what they compile to, what `check` says of them, and what `explain` tells."""

import pytest
from script_samples import make_vm, stem

from amos.score.draw import numbered_seed
from amos.score.score import decode_score
from amos.sound.events import Start
from amos_tools.script import ScriptError, compile_script
from amos_tools.script.explain import Play, explain_at
from amos_tools.script.format import format_script
from amos_tools.script.preview import stem_frames
from amos_tools.simulate import SimStem

VAULT = [stem("pads", at, tags=(("theme", tag),)) for at, tag in enumerate(("dusk", "Dusk, dawn", "dawn", "no"))]
VAULT += [stem("bass", at, tags=(("theme", tag),)) for at, tag in enumerate(("dusk", "dawn"))]
VAULT += [stem("tops", 1), stem("tops", 2)]
SCRIPT = """\
clock 44100 tempo 84
pool all = stems where role pads or role bass or role tops
section drift 8 bars themes "dusk", "Dawn"
  play pads from all themed fade 1 bar
  play bass from all themed
  play tops from all chance 0.5
"""


def errors(source: str) -> list[tuple[str, int, int, str | None]]:
    with pytest.raises(ScriptError) as refused:
        compile_script(source, VAULT)
    return [(one.message, one.span.line, one.span.column, one.hint) for one in refused.value.problems]


def test_themes_are_stems_by_their_tags() -> None:
    compiled = compile_script(SCRIPT, VAULT)
    score = decode_score(compiled.score)
    assert compiled.themes == ("dusk", "dawn") and score.version == 2 and score.sections[0].themes == [0, 1]
    titles = [{compiled.stems[index].title for index in theme.stems} for theme in score.themes or ()]
    assert titles == [{"pads 0", "pads 1", "bass 0"}, {"pads 1", "pads 2", "bass 1"}]
    assert [layer.themed for layer in score.sections[0].layers] == [True, True, None]


def test_themes_of_a_column_are_all_that_stand_in_it() -> None:
    listed = compile_script(SCRIPT.replace('"dusk", "Dawn"', '"dawn", "dusk"'), VAULT)
    assert compile_script(SCRIPT.replace('"dusk", "Dawn"', 'from "Theme"'), VAULT).score == listed.score


def test_a_script_without_themes_is_as_it_was() -> None:
    plain = SCRIPT.replace(' themes "dusk", "Dawn"', "").replace(" themed", "")
    score = decode_score(compile_script(plain, VAULT).score)
    assert score.themes is None and score.sections[0].themes is None and score.sections[0].layers[0].themed is None


def test_one_theme_sounds_at_a_time() -> None:
    compiled = compile_script(SCRIPT, VAULT)
    by_visit: dict[int, list[set[str]]] = {}
    for event in make_vm(compiled, 7).advance(1000 * 4 * 31500):
        found = compiled.stems[event.stem] if isinstance(event, Start) else None
        if isinstance(event, Start) and found and found.role in ("pads", "bass") and event.frames > 8 * 31500:
            by_visit.setdefault(event.frame // (8 * 4 * 31500), []).append(set(found.tags[0][1].lower().split(", ")))
    common = [set.intersection(*tags) for tags in by_visit.values()]
    assert all(common) and {frozenset(tags) for tags in common} >= {frozenset({"dusk"}), frozenset({"dawn"})}


def test_what_cannot_be_meant_is_said() -> None:
    listed = '"dusk", "Dawn"'
    assert errors(SCRIPT.replace(listed, '"dsk"')) == [
        ("no stem with opt-in is tagged “dsk”", 3, 29, "did you mean `dusk`?")
    ]
    assert errors(SCRIPT.replace(listed, 'from "thema"')) == [
        ("no stem with opt-in has a column “thema” that says anything", 3, 34, "did you mean `theme`?")
    ]
    assert errors(SCRIPT.replace(listed, '"dusk", "Dusk"'))[0][0] == "theme “Dusk” stands twice in this line"
    assert errors(SCRIPT.replace(f" themes {listed}", ""))[0] == (
        "section `drift` has no themes", 4, 22, 'expected `section drift … bars themes "…"`'
    )  # fmt: skip
    assert errors(SCRIPT.replace(" themed", "")) == [
        ("no layer of the section keeps to its theme", 3, 22, "expected `themed` in a play line")
    ]
    assert errors(SCRIPT.replace(f"themes {listed}", f"themes {listed} themes {listed}"))[0][0] == (
        "`themes` stands twice in this line"
    )
    far = 'section far 8 bars themes "dusk"\n  play tops from all themed\n  next far\n'
    only_tops = SCRIPT[: SCRIPT.index("section")].replace("role pads or role bass or ", "") + far
    assert errors(only_tops)[0][0] == "theme “dusk” has none of the stems that the script plays"


def test_a_theme_with_too_few_stems_is_named() -> None:
    source = SCRIPT.replace("pads from all themed", "pads from all count 3 themed").replace("chance 0.5", "themed")
    told = [one.message for one in compile_script(f"mix voices 32\n{source}", VAULT).warnings]
    assert "theme “dusk” has 2 pads in pool `all`, and 3 play at once" in told
    assert "theme “dawn” has no tops in pool `all`, so the whole pool plays instead" in told


def test_the_voices_of_two_themes_are_counted() -> None:
    (found,) = errors(f"mix voices 6\n{SCRIPT}")
    assert found[0] == "section `drift` may need 7 voices while another theme fades out, the mix has 6"


def test_explain_names_the_theme_and_format_keeps_it() -> None:
    compiled = compile_script(SCRIPT, VAULT)
    stems = [
        SimStem(frames, 32767, one.role, one.title, one.artist)
        for frames, one in zip(stem_frames(compiled), compiled.stems, strict=True)
    ]
    told = explain_at(Play(compiled, stems, numbered_seed(3)), 100 * 44100)
    assert told.count("  theme       dusk") + told.count("  theme       dawn") == 2
    spaced = SCRIPT.replace('themes "dusk", "Dawn"', 'themes   "dusk"  ,"Dawn"').replace("themed fade", "themed   fade")
    assert format_script(spaced) == format_script(SCRIPT) and 'bars themes "dusk", "Dawn"' in format_script(spaced)

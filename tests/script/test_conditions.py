"""Which stems a pool takes: one row for each way to say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script_samples import stem

from amos_tools.script import ScriptError, compile_script
from amos_tools.script.format import format_script
from amos_tools.script.parse import LINE_CHARACTERS_MAX

HEAD = "clock 44100 tempo 84 key D minor\n"
TAIL = "\nsection a 4 bars\n play pads from p\n"
VAULT = [
    stem("pads", 1, tags=(("mood", "Dusk, warm"), ("vocal", "no"))),
    stem("pads", 2, tags=(("mood", "dusk"), ("vocal", "yes"))),
    stem("pads", 3, tags=(("mood", "dawn; cold"), ("season", "-"))),
    stem("pads", 4, key="B major", tags=(("vocal", "x"),)),
    stem("pads", 5, tempo_mbpm=100_000, artist="Noor Adeyemi"),
    stem("bass", 6, tags=(("mood", "dusk"),)),
]
FITTING = {1, 2, 3, 5}
SLOW = {1, 2, 3, 4}


def source(words: str) -> str:
    return f"{HEAD}pool p = stems where {words}{TAIL}"


def taken(words: str) -> set[int]:
    """The numbers of the pads that are taken."""
    return {int(found.title.split()[1]) for found in compile_script(source(words), VAULT).stems}


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ('tag "dusk"', {1, 2}),
        ('tag "DUSK" and not tag "vocal"', {1}),
        ('tag "vocal"', {2, 4}),
        ('tag "mood"', {1, 2, 3}),
        ('not tag "mood"', {4, 5}),
        ('tag "warm" or tag "cold"', {1, 3}),
        ('title "pads 3"', {3}),
        ('not title "pads 3" and tag "mood"', {1, 2}),
        ('tag "cold" or tag "dusk" and tag "vocal"', {2, 3}),
        ('(tag "cold" or tag "dusk") and tag "vocal"', {2}),
        ('not (tag "cold" or tag "dusk")', {4, 5}),
        ('not not tag "cold"', {3}),
        ('artist "Noor Adeyemi" or tag "cold"', {3, 5}),
        ("key fits", FITTING),
        ("not key fits", {4}),
        ("tempo fits and not key fits", {4}),
        ('tempo fits or artist "Noor Adeyemi"', {1, 2, 3, 4, 5}),
        ("role pads or role bass", {1, 2, 3, 4, 5}),
    ],
)
def test_a_pool_takes(words: str, numbers: set[int]) -> None:
    assert taken(words) == numbers


@pytest.mark.parametrize(
    ("relax", "words", "kept", "others"),
    [
        ("key", "key fits and tempo fits", {1, 2, 3}, {4}),
        ("tempo", "key fits and tempo fits", {1, 2, 3}, {5}),
        ("key", 'key fits or tag "vocal"', {1, 2, 3, 4, 5}, set()),
        ("key", 'key fits and not tag "vocal"', {1, 3, 5}, set()),
        ("key", "tempo fits and not key fits", {4}, set()),
    ],
)
def test_relaxing_admits_what_fails_only_that(relax: str, words: str, kept: set[int], others: set[int]) -> None:
    assert taken(words) == kept
    compiled = compile_script(source(words) + f"avoid stem 1 plays\nrelax {relax}\n", VAULT)
    assert {int(found.title.split()[1]) for found in compiled.stems} == kept | others


@pytest.mark.parametrize(
    ("words", "note"),
    [
        ('role pads and tag "dusk" and not tag "mood"', "2 of them are tagged “dusk”, 0 of them are not tagged “mood”"),
        (
            'tag "cold" and (tag "vocal" or not key fits)',
            "1 of them are tagged “cold”, 0 of them are tagged “vocal” or do not fit D minor",
        ),
        (
            'not (tag "mood" or tag "vocal" and tempo fits) and tempo fits',
            "1 of them are not tagged “mood” and (are not tagged “vocal” or do not fit 84 bpm), 0 of them fit 84 bpm",
        ),
    ],
)
def test_an_empty_pool_tells_the_way_to_nothing(words: str, note: str) -> None:
    with pytest.raises(ScriptError) as caught:
        compile_script(source(words), VAULT)
    (problem,) = caught.value.problems
    assert problem.message == "pool `p` is empty" and problem.notes[0].endswith(note)


@pytest.mark.parametrize(
    ("words", "message", "suggestion"),
    [
        ('title "bass six"', "no stem with opt-in is titled “bass six”", "bass 6"),
        ('tag "dusk" or artist "Noor Adeyem"', "no stem with opt-in is by “Noor Adeyem”", "Noor Adeyemi"),
        ('tag "dusk" or role pad', "`pad` is not a role", "pads"),
        ('tag "dusk" mood', "`mood` does not fit here", None),
        ("tag dusk", "`dusk` does not fit here", None),
        ("(role pads", "the line ends too early", None),
        ("not", "the line ends too early", None),
    ],
)
def test_what_is_wrong_is_said(words: str, message: str, suggestion: str | None) -> None:
    with pytest.raises(ScriptError) as caught:
        compile_script(source(words), VAULT)
    assert caught.value.message == message and caught.value.suggestion == suggestion


def test_a_tag_that_no_stem_has_is_warned_of() -> None:
    compiled = compile_script(source('role pads and not tag "vocals"'), VAULT)
    (warning,) = compiled.warnings
    assert warning.message == "no stem with opt-in is tagged “vocals”" and warning.suggestion == "vocal"
    assert len(compiled.stems) == 5


def test_the_canonical_form_keeps_the_meaning() -> None:
    words = '( tag "dusk"or  title "pads 3" )and not(role bass)'
    tidy = format_script(source(words))
    assert 'pool p = stems where (tag "dusk" or title "pads 3") and not (role bass)\n' in tidy
    assert compile_script(tidy, VAULT).stems == compile_script(source(words), VAULT).stems


LEAVES = ('tag "dusk"', 'tag "vocal"', 'title "pads 3"', "key fits", "tempo fits", 'artist "Noor Adeyemi"')
MEANING = ({1, 2}, {2, 4}, {3}, FITTING, SLOW, {5})
Said = tuple[str, set[int]]


def joined(parts: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    two = st.tuples(parts, parts)
    return (
        two.map(lambda pair: (f"({pair[0][0]}) and ({pair[1][0]})", pair[0][1] & pair[1][1]))
        | two.map(lambda pair: (f"({pair[0][0]} or {pair[1][0]})", pair[0][1] | pair[1][1]))
        | parts.map(lambda part: (f"not ({part[0]})", {1, 2, 3, 4, 5} - part[1]))
    )


@given(st.recursive(st.sampled_from(list(zip(LEAVES, MEANING, strict=True))), joined, max_leaves=8))
def test_conditions_mean_sets(said: Said) -> None:
    words, numbers = said
    if len(source(words).splitlines()[1]) > LINE_CHARACTERS_MAX:
        return
    if numbers:
        assert taken(words) == numbers
    else:
        with pytest.raises(ScriptError):
            taken(words)


def test_the_deepest_line_is_read() -> None:
    room = LINE_CHARACTERS_MAX - len("pool p = stems where  role pads")
    assert taken("not not " * (room // 8) + "role pads") == {1, 2, 3, 4, 5}
    assert taken("(" * (room // 2) + "role pads" + ")" * (room // 2)) == {1, 2, 3, 4, 5}

"""REFERENCE.md is true: its examples compile, and its grammar has every word of the language."""

import re
from importlib import resources

import pytest
from script_samples import VAULT, stem

from amos_tools.script import compile_script
from amos_tools.script.format import format_script
from amos_tools.script.words import PUNCTUATION, STATEMENTS, TERMINALS

TEXT = resources.files("amos_tools.script").joinpath("REFERENCE.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```aimi\n(.*?)```", TEXT, re.DOTALL)
GRAMMAR = re.findall(r"```ebnf\n(.*?)```", TEXT, re.DOTALL)[0]
LINES_MAX = 300
REPERTOIRE = [
    *VAULT,
    stem("melody", 50, artist="Noor Adeyemi"),
    stem("pads", 51, artist="Tomas Reyes"),
    stem("pads", 52, tags=(("mood", "Dusk, warm"), ("vocal", "no"))),
    stem("bass", 54, tags=(("mood", "dusk"),)),
    stem("bass", 55, tags=(("mood", "dawn"),)),
    stem("pads", 56, tags=(("mood", "dawn"),)),
    stem("pads", 57, tags=(("changes", "Gm C F Dm7"),)),
    stem("bass", 58, tags=(("changes", "Dm Gm C F"),)),
    stem("pads", 53, tags=(("mood", "dusk"), ("vocal", "yes"))),
]


def whole(block: str) -> str:
    """`block` with what it leaves out taken from the first one, which is a whole script."""
    if block == BLOCKS[0]:
        return block
    declared = {
        tuple(line.split()[:2]) for line in block.splitlines() if line.startswith(("pool", "slider", "section"))
    }
    once = {line.split()[0] for line in block.splitlines()} & {"experience", "clock", "mix"}
    kept: list[str] = []
    skipping = False
    for line in BLOCKS[0].splitlines():
        words = line.split()
        if words and not line.startswith(" "):
            skipping = words[0] in once or tuple(words[:2]) in declared
        if not skipping:
            kept.append(line)
    return "\n".join([*kept, "", block])


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split()[0])
def test_an_example_compiles_and_is_in_canonical_form(block: str) -> None:
    compiled = compile_script(whole(block), REPERTOIRE, name="REFERENCE.md")
    assert compiled.sections
    spaced = "\n".join(line for line in format_script(whole(block)).splitlines() if line)
    for line in block.splitlines():
        assert line in spaced


def test_every_statement_has_an_example() -> None:
    begun = {line.split()[0] for block in BLOCKS for line in block.splitlines() if line.strip()}
    assert begun == set(STATEMENTS)


def test_the_grammar_has_every_word() -> None:
    quoted = set(re.findall(r'"([^"]+)"', GRAMMAR))
    words = {spelling for spellings in TERMINALS.values() for spelling in spellings[:1]}
    assert words <= quoted, words - quoted
    assert set(PUNCTUATION.values()) <= quoted
    defined = set(re.findall(r"(?:^|; +)([a-z]+) +=", GRAMMAR, re.MULTILINE))
    used = set(re.findall(r"[a-z]+", re.sub(r'"[^"]*"|\(\*.*?\*\)', " ", GRAMMAR))) - {
        "text",
        "name",
        "number",
        "note",
        "camelot",
        "time",
        "comment",
        "newline",
    }
    assert used == defined


def test_it_is_one_page() -> None:
    assert len(TEXT.splitlines()) <= LINES_MAX

"""The demo's script and the reference use the whole language; the script plays all of the starter vault, and is never
silent."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

from lark import Lark, Token, Tree
from script_samples import BEAT_FRAMES, starter_stems

from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.sound.events import Section, Start
from amos_tools.keys import MODE_NAMES
from amos_tools.script import compile_script
from amos_tools.script.words import terminal_rules

FILES = resources.files("amos_tools.script")
SOURCE = FILES.joinpath("examples/starter.aimi").read_bytes()
EXAMPLES = re.findall(r"```aimi\n(.*?)```", FILES.joinpath("REFERENCE.md").read_text(encoding="utf-8"), re.DOTALL)
HOURS = 8
NOT_MUSIC = {"Ship's Bell"}

EITHER: tuple[set[tuple[str, str]], ...] = (
    {("note", kind) for kind in ("SHORT_KEY", "CAMELOT", *map(str.upper, MODE_NAMES))},
    {("seed", "DEVICE"), ("seed", "NUMBER")},
    {("amount", "H"), ("amount", "MIN"), ("amount", "S")},
    {("swap", "BEAT"), ("swap", "BAR"), ("swap", "END")},
    {("block_it", "STEM"), ("block_it", "ARTIST")},
    {("blocked", "STEM"), ("blocked", "ARTIST")},
    {("duration", "H"), ("duration", "MIN")},
    {("themes", "THEMES"), ("themes_from", "THEMES"), ("themes_from", "FROM"), ("themes_from", "STRING")},
    {("positive", "PLUS"), ("negate", "MINUS")},
    {("positive", "NUMBER"), ("level", "NUMBER")},
    {("positive", "DB"), ("level", "DB")},
    {("factor", "LPAR"), ("loud", "LPAR")},
    {("factor", "RPAR"), ("loud", "RPAR")},
)
"""Choices of which a script has room for one, or few; one is enough."""


@cache
def bare_parser() -> Lark:
    """The grammar with a node for every rule and a token for every word."""
    grammar = re.sub(r"^\?", "", FILES.joinpath("grammar.lark").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return Lark(f"{grammar}\n{terminal_rules()}", parser="lalr", lexer="contextual", keep_all_tokens=True)


def constructs() -> set[tuple[str, str]]:
    """Every word, sign or kind of value with the rule it stands in."""
    found = set()
    for rule in bare_parser().rules:
        name = rule.alias or rule.options.template_source or rule.origin.name
        name = re.sub(r"^__|_(star|plus)_\d+$", "", name)
        found |= {(name, symbol.name) for symbol in rule.expansion if symbol.is_term}
    return found


def used(source: bytes) -> Iterator[tuple[str, str]]:
    """The constructs of a script."""
    for line in source.decode().splitlines():
        if line.partition("#")[0].strip():
            for node in bare_parser().parse(line).iter_subtrees():
                assert isinstance(node, Tree)
                yield from ((node.data, child.type) for child in node.children if isinstance(child, Token))


def test_it_and_the_reference_use_the_whole_language() -> None:
    found = set(used(SOURCE)).union(*(used(block.encode()) for block in EXAMPLES))
    assert found <= constructs()
    missing = constructs() - found
    for choice in EITHER:
        assert choice <= constructs()
        assert choice & found, choice
        missing -= choice
    assert missing == set()


def test_the_starter_script_plays_the_whole_starter_vault() -> None:
    compiled = compile_script(SOURCE, starter_stems(), name="starter.aimi")
    (told,) = compiled.warnings
    assert "pico-2-w leaves 24 KiB" in told.message, "it has all words of the language, and their code"
    assert compiled.voices == compiled.voices_worst == 12 and compiled.rate_hz == 44100
    assert len(compiled.stems) == sum(stem.opt_in and "Horn" not in stem.title for stem in starter_stems())
    frames = [found.frames for found in compiled.stems]
    vm = Vm(decode_score(compiled.score), frames, [32767] * len(frames), bytes(32))
    end = HOURS * 3600 * compiled.rate_hz
    strokes = {number: 0 for number, stem in enumerate(compiled.stems) if stem.role == "tops" and stem.beats is None}
    assert len(strokes) == 3
    off_beat = 0
    played = {number: 0 for number, stem in enumerate(compiled.stems) if stem.title not in NOT_MUSIC}
    for stroke in strokes:
        del played[stroke]
    visits = dict.fromkeys(range(len(compiled.sections)), 0)
    sounding_until = 0
    for event in vm.advance(end):
        if isinstance(event, Start):
            assert event.frame <= sounding_until
            sounding_until = max(sounding_until, event.frame + event.frames)
            if event.stem in strokes:
                strokes[event.stem] += 1
                off_beat += bool(event.frame % BEAT_FRAMES)
                continue
            assert event.frame % BEAT_FRAMES == 0
            played[event.stem] += event.frames
        elif isinstance(event, Section):
            visits[event.section] += 1
    assert min(played.values()) > end // 100, "every stem is heard"
    assert min(visits.values()) > 20, "every section is visited"
    repeats, doubles = vm.relaxed()
    assert (repeats, doubles) == (0, 0)
    assert min(strokes.values()) > 100 * HOURS and off_beat > 0.7 * sum(strokes.values())

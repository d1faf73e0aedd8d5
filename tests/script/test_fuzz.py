"""Whatever a script contains, the compiler answers with a score or a located error, and soon.

A seeded sample by default; `make fuzz` makes it a long run, of a tenth of its cases (AMOS_FUZZ_CASES): compiling takes
longer than decoding.
"""

import os
import random
import re
import time
from collections.abc import Callable
from importlib import resources

from script_samples import EXAMPLE, MOVING, VAULT, starter_stems, stem

from amos.score.score import decode_score
from amos_tools.script import ScriptError, compile_script
from amos_tools.script.format import format_script
from amos_tools.script.words import RESERVED

CASES = int(os.environ.get("AMOS_FUZZ_CASES", "2400")) // 10
SECONDS_MAX = 2
"""Of processor time: other work on the machine must not fail a case."""
_FILES = resources.files("amos_tools.script")
_REFERENCE = re.findall(r"```aimi\n(.*?)```", _FILES.joinpath("REFERENCE.md").read_text(encoding="utf-8"), re.DOTALL)
SOURCES = [
    EXAMPLE,
    MOVING,
    EXAMPLE + "".join(block for block in _REFERENCE if block.startswith(("daypart", "announce", "on ", "render"))),
    _FILES.joinpath("examples/starter.aimi").read_text(encoding="utf-8"),
]
REPERTOIRE = [*VAULT, stem("melody", 50, artist="Noor Adeyemi"), *starter_stems()]
_PIECES = [
    *sorted(RESERVED),
    "..",
    "->",
    "(",
    ")",
    "-",
    "*",
    '"',
    "\n",
    "#",
    "0",
    "1e9",
    "9" * 30,
    "é",
    "\x00",
    "F#",
    "07:00",
    "99:99",
    "holiday",
    "reboot",
]


def mutated(source: str, chance: random.Random) -> str | bytes:
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(source) + 1)
        end = min(len(source), start + chance.randint(0, 12))
        middle = chance.choice(
            [
                "",
                chance.choice(_PIECES),
                f" {chance.choice(_PIECES)} ",
                str(chance.randrange(100)),
                source[start:end] * 2,
                chr(chance.randrange(0x3000)),
            ]
        )
        source = source[:start] + middle + source[end:]
    if chance.random() < 0.1:
        data = bytearray(source.encode())
        data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data)
    return source


def check(source: str | bytes) -> bool:
    """Whether it compiled."""
    began = time.process_time()
    try:
        compiled = compile_script(source, REPERTOIRE)
    except ScriptError as error:
        rendered = error.render()
        assert "error: " in rendered and error.line >= 1 and error.column >= 1
        assert len(error.problems) <= 20
        return False
    finally:
        assert time.process_time() - began < SECONDS_MAX
    decode_score(compiled.score)
    return True


def check_format(source: str | bytes) -> None:
    """The canonical form of what parses is stable, and means the same."""
    began = time.process_time()
    try:
        text = format_script(source)
    except ScriptError:
        return
    finally:
        assert time.process_time() - began < SECONDS_MAX
    assert format_script(text) == text
    try:
        score = compile_script(source, REPERTOIRE).score
    except ScriptError:
        return
    assert compile_script(text, REPERTOIRE).score == score


Note = Callable[[str, object], None]


def note(record_property: Note, name: str, cases: int, compiled: int) -> None:
    """For the summary of `make fuzz`, in the form of tests/fuzz."""
    refused = cases - compiled
    record_property("fuzz", (f"{name:<17} {cases:7} cases: taken {compiled}, located error {refused}", cases))


def test_mutated_examples(record_property: Note) -> None:
    chance = random.Random(20)
    compiled = 0
    for number in range(CASES):
        source = mutated(chance.choice(SOURCES), chance)
        compiled += check(source)
        if number % 4 == 0:
            check_format(source)
    assert 0 < compiled < CASES / 2
    note(record_property, "scripts", CASES, compiled)


def test_random_bytes(record_property: Note) -> None:
    chance = random.Random(21)
    assert not any(check(chance.randbytes(chance.randrange(300))) for _ in range(CASES // 5))
    note(record_property, "scripts, random", CASES // 5, 0)


def test_hostile_shapes() -> None:
    head = "clock 44100 tempo 84\npool p = stems where role pads\nsection a 4 bars\n play pads from p "
    assert not check(head + "chance " + "(" * 900)
    assert not check(head + "chance " + "-" * 900 + "1")
    assert not check(head + "chance " + "not " * 200 + "1")
    assert not check(head + "chance " + "1+" * 400 + "1")
    assert not check(head + "gain -" + "9" * 900 + " dB")
    assert not check(head + "gain -0." + "0" * 900 + "1 dB" + "x")
    assert not check("play pads from p\n" * 15000)
    assert not check(head + "\n play pads from p" * 5000)
    assert not check("\n" * 262000)
    assert not check("\n".join(f"section s{number} 4 bars" for number in range(9000)))
    assert not check(head + "\nslider q 0..1 start 0" + "\ndaypart 01:00..02:00 set q 1 set q 0" * 4000)
    assert not check(head + "".join(f'\nannounce "{number}" duck' for number in range(4000)))
    assert not check(head + "".join(f'\nrender "{number}" length 9 s hit 1 s a' for number in range(4000)))
    assert not check(head + "\n".join(["", *[f"transition any -> s{number}" for number in range(4000)]]))
    check_format(head + "chance " + "(" * 200 + "1" + ")" * 200)

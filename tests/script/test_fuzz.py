"""Whatever a script contains, the compiler answers with a score or a located error, and soon."""

import random
import time

from script_samples import EXAMPLE, VAULT, supported_part

from amos.player.score import decode_score
from amos_tools.script import ScriptError, compile_script
from amos_tools.script.words import RESERVED

CASES = 300
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
    began = time.perf_counter()
    try:
        compiled = compile_script(source, VAULT)
    except ScriptError as error:
        rendered = error.render()
        assert "error: " in rendered and error.line >= 1 and error.column >= 1
        assert len(error.problems) <= 20
        return False
    finally:
        assert time.perf_counter() - began < 2
    decode_score(compiled.score)
    return True


def test_mutated_examples() -> None:
    chance = random.Random(20)
    sources = [EXAMPLE, supported_part(EXAMPLE)]
    compiled = sum(check(mutated(chance.choice(sources), chance)) for _ in range(CASES))
    assert 0 < compiled < CASES / 2


def test_random_bytes() -> None:
    chance = random.Random(21)
    assert not any(check(chance.randbytes(chance.randrange(300))) for _ in range(60))


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

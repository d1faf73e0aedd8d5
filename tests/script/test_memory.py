"""The price of a score: what `check` says of a board's memory is what the 32-bit player takes, and a little more."""

import os
import subprocess
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from script_samples import EXAMPLE, MOVING, VAULT, starter_stems, stem

from amos_tools.script import Compiled, compile_script
from amos_tools.script.memory import BOARDS
from amos_tools.script.preview import stem_frames

STARTER = resources.files("amos_tools.script").joinpath("examples/starter.aimi").read_text(encoding="utf-8")
PROGRAM = """
import gc, sys
from array import array
from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.heap import forget
with open(sys.argv[1], "rb") as file:
    data = file.read()
frames = array("I", [int(word) for word in sys.argv[2].split(",")])
gains = array("H", [32767] * len(frames))
gc.collect()
before = gc.mem_alloc()
vm = Vm(decode_score(data), frames, gains, bytes(32))
forget("amos.score.checks", "amos.score.version_2", "amos.score.version_3", "amos.score.version_4")
shape = [layer.shape for section in vm.score.sections for layer in section.layers if layer.shape]
if shape:
    from amos.edges.stem_memory import MemoryStem
    from amos.sound import shape_viper
    from amos.sound.shape import ShapedSource
    shaped = [ShapedSource(MemoryStem(b"", 2), shape[0], shape_viper) for voice in range(vm.score.voices)]
for minute in range(20):
    for second in range(0, 60, 2):
        vm.advance((minute * 60 + second) * 44100)
gc.collect()
print(gc.mem_alloc() - before)
"""


def starter() -> Compiled:
    return compile_script(STARTER, starter_stems())


THEMED = [stem(role, at, bars=4, tags=(("theme", f"t{at % 3}"),)) for role in ("pads", "bass") for at in range(12)]
THEMES = """clock 44100 tempo 84
pool all = stems where role pads or role bass
exclusive pads, melody
section drift 8 bars themes from "theme"
  play pads from all themed fade 1 bar
  play bass from all themed when pads sounds
"""


def struck() -> Compiled:
    """The example with patterns on top."""
    lines = '  play tops from hats euclid 5/16 swing 60 %\n  play tops from hats pattern "x..x" chance intensity\n'
    text = EXAMPLE.replace("section drift", "pool hats = stems where role tops\n\nsection drift")
    text = text.replace("voices 8", "voices 12")
    return compile_script(text.replace("  next drift 2, bloom", f"{lines}  next drift 2, bloom"), VAULT)


def picked_up() -> Compiled:
    """The example with a stem that begins before its downbeat."""
    vault = [replace(one, tags=(("pickup", "1 beat"),)) if one.title == "pads 1" else one for one in VAULT]
    return compile_script(EXAMPLE.replace("voices 8", "voices 12"), vault)


DAY = f"""{EXAMPLE}
daypart "evening" 17:00..20:00 section bloom volume -3 dB
volume 07:00 -18 dB, 10:00 -6 dB, 18:00 -2 dB, 23:30 -12 dB
"""
CURVES = f"""{EXAMPLE}
curve intensity {", ".join(f"{hour:02}:30 0.{hour % 10}" for hour in range(24))}
curve intensity sat, sun 09:00 0.1, 18:00 0.7
"""


def turned() -> Compiled:
    """The example with a section of another tempo and key."""
    return compile_script(EXAMPLE.replace("section bloom 16 bars", "section bloom 16 bars tempo 90 key E minor"), VAULT)


@pytest.mark.parametrize(
    "compiled",
    [
        compile_script(EXAMPLE, VAULT),
        starter(),
        compile_script(THEMES, THEMED),
        struck(),
        compile_script(MOVING, VAULT),
        picked_up(),
        compile_script(DAY, VAULT),
        compile_script(CURVES, VAULT),
        turned(),
        compile_script(EXAMPLE.replace("gain -3 dB", "gain -3 dB lowpass 400 Hz pan left 30 %"), VAULT),
    ],
    ids=["example", "starter", "ensemble", "struck", "moving", "pickups", "day", "curves", "tempi", "shaped"],
)
def test_the_estimate_covers_what_is_taken(compiled: Compiled, micropython_armhf: list[str], tmp_path: Path) -> None:
    (tmp_path / "score").write_bytes(compiled.score)
    (tmp_path / "program.py").write_text(PROGRAM)
    frames = ",".join(str(length) for length in stem_frames(compiled))
    environment = {**os.environ, "MICROPYPATH": str(Path(__file__).parents[2] / "firmware")}
    command = [*micropython_armhf, str(tmp_path / "program.py"), str(tmp_path / "score"), frames]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    taken = int(done.stdout)
    assert taken <= compiled.heap_bytes <= 1.5 * taken
    if (
        "dance" not in compiled.sections
    ):  # the starter has all words of the language, which is more than that board leaves
        assert compiled.heap_bytes <= BOARDS["pico-2-w"]


def test_a_large_score_is_told_off_a_small_board() -> None:
    sections = "".join(f"section s{n} 4 bars\n play pads from p\n next s{(n + 1) % 60}\n" for n in range(60))
    compiled = compile_script(f"clock 44100 tempo 84\npool p = stems where role pads\n{sections}", VAULT)
    assert any("pico-2-w leaves 24 KiB" in warning.message for warning in compiled.warnings)

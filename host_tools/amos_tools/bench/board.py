"""What MicroPython does on this machine with the renderer: time of the whole player against the bare viper loops,
instructions for each voice and sample and the heap it needs on 32-bit ARM.
"""

import json
import os
import struct
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import amos
import amos_tools
from amos_tools import toolchain
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.scene import BARS, RATE_HZ, make_scene
from amos_tools.boards import SMALLEST_BOARD, heap_option, load_board
from amos_tools.firmware_build import ARMHF, BuildError, build_firmware, has_compiler

VOICES = 8
BLOCK_FRAMES = 1024
"""What I2S on boards wants (daemon/DESIGN.md section 3)."""
STEMS = 12
BAR_S = 0.75
REPEATS = 3
TIMEOUT_S = 300
HERE = Path(__file__).parent
_TOOLS = str(Path(amos_tools.__file__).parents[1])
_PATH = os.pathsep.join([str(Path(amos.__file__ or "").parents[1]), _TOOLS])


def figures(scale: float) -> list[Figure]:
    """All that can be measured here; what cannot says why."""
    return [
        *measured("render", "MicroPython", lambda: [_time_ratio("native", "MicroPython", scale)]),
        *measured("render", "armhf", lambda: [_time_ratio("armhf", "armhf", scale)]),
        *measured("render", "armhf viper, instructions", lambda: _instructions(scale)),
        *measured("render", "armhf, smallest heap", lambda: _heap(scale)),
    ]


def _time_ratio(arch: str, label: str, scale: float) -> Figure:
    """Player and loops in turn; under emulation too, where time follows the instructions."""
    name = f"{label}, {VOICES} voices: player / bare viper loops"
    bound = ("at most", 1.25)
    argv = toolchain.micropython(arch)
    if argv is None:
        return Figure("render", name, None, "x", bound, toolchain.explain("micropython" if arch == "native" else arch))
    note_progress(name)
    blocks = max(4, round((60 if arch == "native" else 12) * RATE_HZ / BLOCK_FRAMES * scale))
    interpreter = [*argv, *heap_option(SMALLEST_BOARD, struct.calcsize("P") if arch == "native" else 4)]
    whole_us: list[int] = []
    bare_us: list[int] = []
    hash_us: list[int] = []
    collect_us: list[int] = []
    voice_frames = 0
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        player = _player_words(Path(folder), blocks)
        for _ in range(REPEATS):
            whole = run_board(interpreter, player)
            voice_frames = whole["voice_frames"]
            # The same number of voice-frames, in blocks of VOICES.
            same = str(max(1, round(voice_frames / VOICES / BLOCK_FRAMES)))
            bare = run_board(interpreter, ["board_bare.py", "stereo", str(VOICES), str(BLOCK_FRAMES), same])
            whole_us.append(whole["took_us"])
            collect_us.append(whole["collect_us"])
            bare_us.append(bare["took_us"])
            hash_us.append(
                run_board(interpreter, ["board_bare.py", "hash", "0", str(BLOCK_FRAMES), str(blocks)])["took_us"]
            )
    mean = voice_frames / (blocks * BLOCK_FRAMES)
    # A processor may be done before its clock has moved.
    whole_least, bare_least = max(1, min(whole_us)), max(1, min(bare_us))
    realtime = blocks * BLOCK_FRAMES / RATE_HZ / (whole_least / 1e6)
    note = (
        f"{mean:.1f} voices; of it SHA-256 of the PCM {min(hash_us) / bare_least:.2f}, collecting garbage "
        f"{min(collect_us) / bare_least:.2f}; the player is at {realtime:,.0f} times real time"
    )
    return Figure("render", name, whole_least / bare_least, "x", bound, note)


def _instructions(scale: float) -> list[Figure]:
    """Counted by qemu, one line of its log for each instruction in the memory that viper compiles into."""
    wanted = (("steady", "stereo", None), ("with ramps", "ramp", ("at most", 64.0)))
    argv = toolchain.micropython("armhf")
    found = []
    for label, kind, bound in wanted:
        name = f"armhf viper, instructions a voice-sample, {label}"
        if argv is None or not counts_here(argv):
            why = toolchain.explain("armhf") if argv is None else "counted under qemu-arm, and this machine needs none"
            found.append(Figure("render", name, None, "", bound, why))
            continue
        note_progress(name)
        blocks = max(1, round(4 * scale))
        frames = 256
        with_voices = count_compiled(argv, ["board_bare.py", kind, str(VOICES), str(frames), str(blocks)])
        without = count_compiled(argv, ["board_bare.py", "none", "0", str(frames), str(blocks)])
        value = (with_voices - without) / (blocks * frames * VOICES * 2)
        rest = without / (blocks * frames * 2)
        note = f"sum, limiter and output: {rest:.0f} more a sample of the output"
        found.append(Figure("render", name, value, "", bound, note))
    return found


def counts_here(argv: Sequence[str]) -> bool:
    """Whether this MicroPython runs in the emulator that logs its instructions."""
    return "qemu-arm" in Path(argv[0]).name


def count_all(argv: Sequence[str], words: Sequence[str]) -> int:
    """Instructions of all that a run of MicroPython does, from its start on."""
    log = ["-d", "exec,nochain", "-D", "/proc/self/fd/2"]
    return _lines([argv[0], *_one_instruction_at_a_time(argv[0]), *log, *argv[1:], *words])


def count_compiled(argv: Sequence[str], words: Sequence[str]) -> int:
    """Instructions in the viper loops: a run with all blocks less one with none, which compiles them too."""
    pieces = ",".join(f"{first:#x}..{last:#x}" for first, last in run_board(argv, words)["code"])
    log = ["-d", "exec,nochain", "-dfilter", pieces, "-D", "/proc/self/fd/2"]
    qemu = [argv[0], *_one_instruction_at_a_time(argv[0]), *log, *argv[1:], str(HERE / words[0]), *words[1:-1]]
    return _lines([*qemu, words[-1]]) - _lines([*qemu, "0"])


def _lines(command: Sequence[str]) -> int:
    """Lines of the log that a command writes to its standard error."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=board_environment(), bufsize=0
    ) as process:
        log = process.stderr
        assert log is not None
        return sum(block.count(b"\n") for block in iter(lambda: log.read(1 << 20), b""))


def _one_instruction_at_a_time(qemu: str) -> list[str]:
    """The option's name changed with qemu 8.1."""
    text = subprocess.run([qemu, "--help"], capture_output=True, text=True, check=False).stdout
    return ["-one-insn-per-tb"] if "-one-insn-per-tb" in text else ["-singlestep"]


def _heap(scale: float) -> list[Figure]:
    """The smallest heap in which the renderer plays the smallest board's profile, on the 32-bit build."""
    facts = load_board(SMALLEST_BOARD)
    rate_hz, voices, block_frames = facts["audio.rate_hz"], facts["audio.voices"], facts["audio.block_frames"]
    name = f"armhf, {SMALLEST_BOARD}, {voices} voices: smallest heap in which the renderer plays"
    bound = ("at most", 192.0)
    argv = toolchain.micropython("armhf")
    if argv is None:
        return [Figure("render", name, None, "KB", bound, toolchain.explain("armhf"))]
    note_progress(name)
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        try:
            firmware = build_firmware(Path(folder) / "firmware", ARMHF)
        except BuildError as error:
            return [Figure("render", name, None, "KB", bound, str(error), broken=has_compiler())]
        blocks = max(4, round(20 * rate_hz / block_frames * scale))
        words = _player_words(Path(folder), blocks, voices // 2, rate_hz, block_frames)
        free = run_board([*argv, "-X", "heapsize=4m"], words, firmware)
        least = smallest_heap_kb(
            16, 1024, lambda heap_kb: _plays([*argv, "-X", f"heapsize={heap_kb}k"], words, firmware)
        )
    own = (free["heap_after"] - free["heap_before"]) / 1024
    code = free["heap_before"] / 1024
    note = f"compiled; of it code and score {code:.0f} KB, the renderer's own objects and buffers {own:.0f} KB"
    return [Figure("render", name, least, "KB", bound, note)]


def smallest_heap_kb(low: int, high: int, plays: Callable[[int], bool], step: int = 4) -> int:
    """The smallest heap that `plays`, to within `step`, taking it that `low` does not and `high` does."""
    while high - low > step:
        middle = (low + high) // 2
        if plays(middle):
            high = middle
        else:
            low = middle
    return high


def _player_words(
    folder: Path, blocks: int, slots: int = VOICES, rate_hz: int = RATE_HZ, block_frames: int = BLOCK_FRAMES
) -> list[str]:
    scene = make_scene(slots, STEMS, BAR_S, rate_hz)
    score = folder / "score"
    score.write_bytes(scene.score_bytes)
    stem_frames = round(BARS * BAR_S * rate_hz)
    return ["board_player.py", str(score), str(STEMS), str(stem_frames), str(block_frames), str(blocks)]


def run_board(argv: Sequence[str], words: Sequence[str], firmware: Path | None = None) -> dict[str, Any]:
    """Run a script of this folder with an interpreter, over the firmware's source or a compiled one; what it printed as
    JSON. Raises RuntimeError."""
    command = [*argv, str(HERE / words[0]), *words[1:]]
    environment = board_environment(firmware)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"{words[0]}: expected figures, found {(done.stderr or done.stdout).strip()[-300:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _plays(argv: Sequence[str], words: Sequence[str], firmware: Path | None) -> bool:
    try:
        run_board(argv, words, firmware)
    except RuntimeError:
        return False
    return True


def board_environment(firmware: Path | None = None) -> dict[str, str]:
    """Where MicroPython finds firmware and bench."""
    path = _PATH if firmware is None else os.pathsep.join([str(firmware), _TOOLS])
    return os.environ | {"MICROPYPATH": path}

"""What share of a board's processor its fullest music takes, in instructions of the emulated 32-bit ARM build.

Counted are the loops: voices, QOA, sum with limiter and output, and the hash. Bytecode between them, storage, and what
a real core waits for its memory come on top. What shapes take is counted too, but is no part of all of these: a build
for a board refuses music in which they take more than it has (`script/shape_work.py`).
"""

from amos_tools import toolchain
from amos_tools.bench.board import count_all, count_compiled, counts_here
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.boards import Board

CORE_HZ = 150_000_000
"""RP2350, one core, an instruction a cycle."""
_HASH = "import hashlib,sys;h=hashlib.sha256();b=bytes({size})\nfor _ in range({blocks}):h.update(b)"


def figures(board: Board, scale: float) -> list[Figure]:
    """One share for each part and one for all."""
    title = f"{board.name}, share of a core of {CORE_HZ // 1_000_000} MHz"
    argv = toolchain.micropython("armhf")
    if argv is None or not counts_here(argv):
        why = toolchain.explain("armhf") if argv is None else "counted under qemu-arm, and this machine needs none"
        return [Figure("device", title, None, "%", None, why)]
    note_progress(title)
    voices, frames, rate_hz = board["audio.voices"], board["audio.block_frames"], board["audio.rate_hz"]
    blocks = max(1, round(4 * scale))

    def counted(kind: str, lines: int) -> float:
        return count_compiled(argv, ["board_bare.py", kind, str(lines), str(frames), str(blocks)]) / blocks

    rest = counted("none", 0)
    hashed = [["-c", _HASH.format(size=4 * frames, blocks=number)] for number in (1, 1 + blocks)]
    parts = {
        f"QOA of {voices} stereo voices": counted("qoa", voices),
        "mixing them, all in ramps": counted("ramp", voices) - rest,
        "sum, limiter, output": rest,
        "SHA-256 of the PCM": (count_all(argv, hashed[1]) - count_all(argv, hashed[0])) / blocks,
    }
    shapes = {
        f"low-passes of {voices} stereo voices": counted("low_pass", voices),
        f"pans or widths of {voices} stereo voices": counted("sides", voices),
    }
    found = [
        Figure("device", f"{title}: {name}", 100 * _share(count, frames, rate_hz), "%", None, f"{count:,.0f} a block")
        for name, count in (shapes | parts).items()
    ]
    note = f"{rate_hz} Hz, blocks of {frames}; bytecode, storage and waits for memory come on top"
    total = 100 * _share(sum(parts.values()), frames, rate_hz)
    return [*found, Figure("device", f"{title}: all of these", total, "%", ("at most", 100.0), note)]


def _share(instructions: float, frames: int, rate_hz: int) -> float:
    return instructions * rate_hz / frames / CORE_HZ

"""Section `render`: the player on NumPy and on MicroPython, and a day without audio."""

from amos_tools import toolchain
from amos_tools.bench import board, simulation, supercollider
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.host_mix import bare_s, player_s, read_bytes_per_s
from amos_tools.bench.scene import RATE_HZ, Scene, make_scene

VOICES = 16
SLOTS = 15
STEMS = 24
BAR_S = 2.0
BLOCKS_FRAMES = (4096, 32768)
"""What the player renders at a time by default, and what it may where it renders ahead."""
BAR_S_MIN = 0.75
"""At a tempo of 320."""
MUSIC_S = 300
REPEATS = 3
_FRAME_BYTES = 4


def measure(scale: float) -> list[Figure]:
    """All figures of the section."""
    scene = make_scene(SLOTS, STEMS, max(BAR_S_MIN, BAR_S * min(1, scale)))
    return [
        *measured("render", "NumPy", lambda: _host(scene, scale)),
        *board.figures(scale),
        *measured("render", "simulation", lambda: simulation.figures(scale)),
    ]


def _host(scene: Scene, scale: float) -> list[Figure]:
    frames = round(MUSIC_S * RATE_HZ * scale) // BLOCKS_FRAMES[-1] * BLOCKS_FRAMES[-1] or BLOCKS_FRAMES[-1]
    seconds = frames / RATE_HZ
    player: dict[int, float] = {}
    bare: dict[int, float] = {}
    voices = 0.0
    foreign: float | None = None
    note_progress("NumPy and scsynth")
    for _ in range(REPEATS):
        for block in BLOCKS_FRAMES:
            took, voices = player_s(scene, frames, block)
            player[block] = min(took, player.get(block, took))
            took = bare_s(scene, VOICES, frames, block)
            bare[block] = min(took, bare.get(block, took))
        theirs = supercollider.seconds(scene, frames)
        if theirs is not None:
            foreign = theirs if foreign is None else min(theirs, foreign)
    bound = read_bytes_per_s(scene) / (VOICES * _FRAME_BYTES * RATE_HZ)
    found = []
    for block in BLOCKS_FRAMES:
        speed = seconds / player[block]
        name = f"NumPy, {VOICES} voices, blocks of {block}"
        found += [
            Figure("render", f"{name}: player", speed, "x real time", None, f"{voices:.1f} voices on the mean"),
            Figure("render", f"{name}: bare NumPy loop / player", player[block] / bare[block], "x"),
            Figure("render", f"{name}: share of the memory-read bound", 100 * speed / bound, "%"),
            _against_scsynth(name, player[block], foreign, seconds),
        ]
    return [
        *found,
        Figure("render", "memory-read bound of that mix", bound, "x real time", None, "one core reading the stems"),
    ]


def _against_scsynth(name: str, ours_s: float, theirs_s: float | None, seconds: float) -> Figure:
    name += ": player / scsynth"
    wanted = ("at least", 5.0)
    if theirs_s is None:
        return Figure("render", name, None, "x", wanted, toolchain.explain("scsynth"))
    note = f"scsynth is at {seconds / theirs_s:,.0f} times real time with the same placements"
    return Figure("render", name, theirs_s / ours_s, "x", wanted, note)

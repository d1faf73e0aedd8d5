"""Speed of a simulated day, and memory of three."""

import resource
import time

from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.scene import make_scene
from amos_tools.simulate import watch
from amos_tools.simulate.day import Day
from amos_tools.simulate.run import frames_in
from amos_tools.simulate.tally import Tally

SEED = bytes(32)
COUNT, STEMS, BAR_S = 8, 24, 2.0


def figures(scale: float) -> list[Figure]:
    """A day of eight slots with tally and picture, as `amos script simulate` plays it; then three days more."""
    note_progress("simulation")
    scene = make_scene(COUNT, STEMS, BAR_S, 22_050)
    hours = 24 * scale

    def run(length: float) -> float:
        day = Day(scene.score, len(scene.stems), frames_in(length, scene.score.rate_hz))
        started = time.perf_counter()
        watch(scene.score, scene.stems, SEED, length, [Tally(scene.score, scene.stems), day])
        return time.perf_counter() - started

    took = min(run(hours) for _ in range(2))
    before = _peak_kb()
    run(3 * hours)
    grown = _peak_kb() - before
    return [
        Figure(
            "render", "simulation", hours * 3600 / took, "x real time", ("at least", 20_000), f"{hours:g} h, 8 slots"
        ),
        Figure("render", "simulation, memory grown over 3 days", grown, "KB", ("at most", 1024), f"{3 * hours:g} h"),
    ]


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

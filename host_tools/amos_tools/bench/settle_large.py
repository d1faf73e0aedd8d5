"""Section `settle-large`: memory of settling and of full verification, by segments of the log.

About a quarter of an hour of one core for a million segments, and some 5 GB of disk meanwhile.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from amos_tools.bench.figure import Figure, note_progress

SIZES = (10_240, 102_400, 1_024_000)
FLAT = 1.5
"""How much more may be in use with a hundred times as many: caches that the smallest log does not fill."""


def measure(scale: float) -> list[Figure]:
    """Of each size, and what the largest takes beside the smallest."""
    sizes = [max(256, round(size * scale)) for size in SIZES]
    took = [_measured(size) for size in sizes]
    found = []
    for what in ("settle", "verify"):
        for size, of_size in zip(sizes, took, strict=True):
            cpu_s, taken_bytes = of_size[what]["cpu_s"], of_size[what]["bytes"]
            note = f"{cpu_s:.0f} s of CPU, {cpu_s / size * 1e6:.0f} us a segment of few rows"
            found.append(
                Figure("settle-large", f"{what}, {size:,} segments, memory", taken_bytes / 1e6, "MB", None, note)
            )
        growth = took[-1][what]["bytes"] / took[0][what]["bytes"]
        name = f"{what}, memory, {sizes[-1]:,} segments / {sizes[0]:,}"
        found.append(Figure("settle-large", name, growth, "x", ("at most", FLAT)))
    return found


def _measured(segments: int) -> dict[str, dict[str, float]]:
    """What each work takes, as `settle_memory` prints it."""
    note_progress(f"a log of {segments:,} segments, settled and verified")
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as name:
        folder = Path(name) / "ledger"
        _run("make", str(segments), str(folder))
        return {what: _run(what, str(folder)) for what in ("settle", "verify")}


def _run(*words: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "amos_tools.bench.settle_memory", *words], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    found: dict[str, float] = json.loads(done.stdout)
    return found

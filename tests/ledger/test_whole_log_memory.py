"""Whole-log work takes memory that does not grow with the log: peaks of processes of their own, on a log and three
times it. What is allowed is 1 KB a segment, which has 1.5 KB: caches that were not full with the small log."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "helpers" / "fleet_log.py"
SEGMENTS = 2048
KIB_A_SEGMENT = 1


def run(*words: object) -> int:
    """Peak of resident memory, in KiB."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True, timeout=300, check=True
    )
    return int(done.stdout.splitlines()[-1])


@pytest.mark.long
def test_memory_is_flat(tmp_path: Path) -> None:
    peaks: dict[str, list[int]] = {}
    for count in (SEGMENTS, 3 * SEGMENTS):
        run("make", count, tmp_path / str(count))

        for what in ("settle", "scrub", "rebuild", "verify"):
            peaks.setdefault(what, []).append(run(what, tmp_path / str(count)))
    grown = {what: large - small for what, (small, large) in peaks.items()}
    assert max(grown.values()) < 2 * SEGMENTS * KIB_A_SEGMENT, (grown, peaks)

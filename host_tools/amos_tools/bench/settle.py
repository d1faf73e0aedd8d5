"""Section `settle`: what dividing a period and rolling up its play cost."""

import json
import subprocess
import sys

from amos_tools.bench import settle_rollup
from amos_tools.bench.figure import Figure, measured, note_progress

SIZES = ((10_000, 1_000), (100_000, 10_000), (1_000_000, 100_000))
"""Stems, and payees among whom each is split."""

CLOSE_S_MAX, CLOSE_BYTES_MAX = 10.0, 10**9
STATEMENT_KB_MAX = 64.0
LINEAR = 2.0
"""How much more a stem may cost among a hundred times as many: sorting, and memory that no cache holds."""


def measure(scale: float) -> list[Figure]:
    """All figures of the section."""
    found = measured("settle", "close", lambda: _close(scale))
    found += measured("settle", "readings", lambda: _readings(scale))
    return found + measured("settle", "roll-up", lambda: settle_rollup.figures(scale))


def _close(scale: float) -> list[Figure]:
    """Of each size; the targets are those of the largest."""
    sizes = [(max(100, round(stems * scale)), max(10, round(payees * scale))) for stems, payees in SIZES]
    took = [_divided(stems, payees) for stems, payees in sizes]
    found = []
    for (stems, payees), (cpu_s, taken_bytes) in zip(sizes, took, strict=True):
        largest = (stems, payees) == sizes[-1]
        name = f"close of {stems:,} stems, {payees:,} payees, 3 splits each"
        time_bound = ("at most", CLOSE_S_MAX) if largest else None
        memory_bound = ("at most", CLOSE_BYTES_MAX / 1e6) if largest else None
        note = f"{cpu_s / stems * 1e6:.1f} us a stem: apportionment, tie-breaking, every line"
        found.append(Figure("settle", f"{name}, CPU", cpu_s, "s", time_bound, note))
        found.append(Figure("settle", f"{name}, memory", taken_bytes / 1e6, "MB", memory_bound, "of all the program"))
    (least, _payees), (most, _others) = sizes[0], sizes[-1]
    growth = (took[-1][0] / most) / (took[0][0] / least)
    name = f"close, CPU per stem, {most:,} stems / {least:,}"
    return [*found, Figure("settle", name, growth, "x", ("at most", LINEAR))]


def _readings(scale: float) -> list[Figure]:
    """The whole of a close but for the log: rows, trees, lines, and the core of each statement with its hash."""
    sizes = [(max(200, round(stems * scale)), max(10, round(payees * scale))) for stems, payees in SIZES]
    took = [_run("settle_readings", stems, payees, "readings") for stems, payees in sizes]
    found = []
    for (stems, payees), part in zip(sizes, took, strict=True):
        largest = (stems, payees) == sizes[-1]
        name = f"closing of {stems:,} stems from their cells, {payees:,} payees"
        cpu_s = part["readings_s"] + part["cores_s"]
        parts = f"readings {part['readings_s']:.2f} s, shares and cores {part['cores_s']:.2f} s"
        note = f"{parts}; {cpu_s / stems * 1e6:.0f} us a stem"
        bounds = (("at most", CLOSE_S_MAX), ("at most", CLOSE_BYTES_MAX / 1e6)) if largest else (None, None)
        found.append(Figure("settle", f"{name}, CPU", cpu_s, "s", bounds[0], note))
        found.append(Figure("settle", f"{name}, memory", part["bytes"] / 1e6, "MB", bounds[1], "of all the program"))
    stems, payees = sizes[-1]
    name, each_ms = f"statement's file of {payees:,}, CPU", took[-1]["statement_s"] * 1e3
    found.append(Figure("settle", name, each_ms, "ms", None, f"{each_ms * payees / 1e3:.0f} s for all, not written"))
    size, most = f"statement of 100 lines, {stems:,} stems", ("at most", STATEMENT_KB_MAX)
    for whose, name, note in (
        ("that the payee leads", "statement_bytes", "their rows stand side by side"),
        ("that others lead", "scattered_bytes", "each row has its own way to the root"),
    ):
        found.append(Figure("settle", f"{size} {whose}", took[-1][name] / 1024, "KB", most, note))
    return found


def _divided(stems: int, payees: int) -> tuple[float, int]:
    """(CPU seconds, bytes at most) of a process of its own."""
    found = _run("settle_close", stems, payees, "a close")
    return found["cpu_s"], int(found["bytes"])


def _run(program: str, stems: int, payees: int, what: str) -> dict[str, float]:
    """What the program prints of itself."""
    note_progress(f"{what} of {stems:,} stems")
    words = [sys.executable, "-m", f"amos_tools.bench.{program}", str(stems), str(payees)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    found: dict[str, float] = json.loads(done.stdout)
    return found

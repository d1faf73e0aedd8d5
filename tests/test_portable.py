"""The portable tests on MicroPython: every file on the oldest version that the firmware runs on, as this machine's
build and as the 32-bit ARM build. The sweep has the newest version too; a Cortex-M has tests/boards/test_cortex_m.py.

pytest runs the same files on CPython by itself. One interpreter per file, so that a failure names its file and no
file meets another's heap.
"""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from needed import missing

from amos_tools import toolchain
from amos_tools.boards import SMALLEST_BOARD, heap_option

TESTS = Path(__file__).parent
RUNNER = TESTS / "portable" / "run.py"
FILES = sorted(path.name for path in RUNNER.parent.glob("test_*.py"))
TIMEOUT_S = 1200
WIDE = ["-X", "heapsize=8m"]
IN_A_WIDE_HEAP = {"test_journal.py", "test_packs.py"} | {
    f"test_vm{what}.py" for what in ("", "_loops", "_patterns", "_pickups", "_rests", "_rules", "_tempi")
}
"""What stands on a medium, and the events of hours, are held in memory there; all other files run in a board's heap."""


def run_portable(interpreter: list[str], *arguments: str, runner: Path = RUNNER) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MICROPYPATH": str(TESTS.parent / "firmware")}
    command = [*interpreter, str(runner), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)


def micropython_of(version: tuple[int, int]) -> list[str]:
    command = toolchain.micropython_version(version) or missing(toolchain.explain("micropython"))
    return command + heap_option(SMALLEST_BOARD, struct.calcsize("P"))


# What the newest version of Debian's next release is changes, so the sweep has it, which nobody's change waits for.
OLDEST, NEWEST = min(toolchain.MICROPYTHON_RELEASES), max(toolchain.MICROPYTHON_RELEASES)
RUNTIMES = [
    pytest.param(OLDEST, id=f"micropython-{OLDEST[0]}.{OLDEST[1]}"),
    pytest.param(NEWEST, id=f"micropython-{NEWEST[0]}.{NEWEST[1]}", marks=pytest.mark.sweep),
    pytest.param("armhf", id=f"micropython-{OLDEST[0]}.{OLDEST[1]}-armhf", marks=pytest.mark.long),
]


@pytest.mark.parametrize("file_name", FILES)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_file_passes_on(runtime: tuple[int, int] | str, file_name: str, request: pytest.FixtureRequest) -> None:
    interpreter: list[str]
    interpreter = request.getfixturevalue("micropython_armhf") if runtime == "armhf" else micropython_of(runtime)
    if file_name in IN_A_WIDE_HEAP:
        interpreter = [*interpreter, *WIDE]
    done = run_portable(interpreter, file_name)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


SUITE = {
    "test_a.py": "def test_right():\n    assert True\n\n\ndef test_wrong():\n    assert 1 == 2\n",
    "test_b.py": "import no_such_module\n",
    "test_c.py": "def helper():\n    pass\n",
    "test_d.py": "def test_right():\n    assert True\n",
}


@pytest.fixture(params=["cpython", "micropython"])
def suite_of_one_failure_each(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[list[str], Path]:
    runner = tmp_path / "run.py"
    runner.write_text(RUNNER.read_text())
    for name, text in SUITE.items():
        (tmp_path / name).write_text(text)
    return [sys.executable] if request.param == "cpython" else request.getfixturevalue("micropython"), runner


def test_runner_counts_a_failed_assertion_a_broken_import_and_a_file_without_tests(
    suite_of_one_failure_each: tuple[list[str], Path],
) -> None:
    interpreter, runner = suite_of_one_failure_each
    done = run_portable(interpreter, runner=runner)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "2 passed, 3 failed"
    assert "FAILED test_a.py::test_wrong" in done.stdout


def test_runner_runs_only_the_files_named(suite_of_one_failure_each: tuple[list[str], Path]) -> None:
    interpreter, runner = suite_of_one_failure_each
    done = run_portable(interpreter, "test_d.py", runner=runner)
    assert done.returncode == 0
    assert done.stdout == "1 passed, 0 failed\n"

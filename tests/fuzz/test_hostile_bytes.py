"""Whatever bytes come from outside: refused by name or taken as they are, without a traceback, a hang or a leak.

A seeded sample by default; `make fuzz` runs a million cases (AMOS_FUZZ_CASES), and prints how many each target met.
"""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz_courier import COURIER_TARGETS
from fuzz_journal import JOURNAL_TARGETS
from fuzz_ledger import LEDGER_TARGETS
from fuzz_link import LINK_TARGETS
from fuzz_messages import MESSAGE_TARGETS, TAKEN
from fuzz_pack import PACK_TARGETS
from fuzz_run import Failure, cases_of, run_target, told

HERE = Path(__file__).parent
CASES = int(os.environ.get("AMOS_FUZZ_CASES", "6000"))
MICROPYTHON_CASES = max(300, CASES // 50)
"""An interpreter without a compiler of its own: a fiftieth of the cases, of the portable targets."""
SEED = 31
TARGETS = (*MESSAGE_TARGETS, *LINK_TARGETS, *JOURNAL_TARGETS, *PACK_TARGETS, *LEDGER_TARGETS, *COURIER_TARGETS)


Note = Callable[[str, object], None]


@pytest.mark.parametrize("make", TARGETS, ids=lambda make: make.NAME)
def test_hostile_bytes(make: type, record_property: Note) -> None:
    counts = run_target(make, SEED, cases_of(make, CASES))
    record_property("fuzz", (told(make, counts), sum(counts.values())))
    assert counts[TAKEN] and len(counts) > 1  # neither all refused, where nothing deep is met, nor all taken


def test_shares_are_of_a_thousand() -> None:
    assert sum(make.SHARE for make in TARGETS) == 1000


def test_hostile_bytes_on_micropython(micropython: list[str], record_property: Note) -> None:
    words = [*micropython, "-X", "heapsize=16m", str(HERE / "fuzz_run.py"), str(SEED), str(MICROPYTHON_CASES)]
    tests = HERE.parent
    path = ":".join(map(str, (tests.parent / "firmware", HERE, tests / "portable", tests / "helpers")))
    run = subprocess.run(words, env=os.environ | {"MICROPYPATH": path}, capture_output=True, text=True, timeout=1800)
    total = re.search(r"(\d+) cases, no violation\n$", run.stdout)
    assert run.returncode == 0 and total is not None, run.stdout + run.stderr
    record_property("fuzz", ("on MicroPython:\n" + run.stdout.rstrip(), int(total[1])))


class Loop:
    """A target with an endless loop."""

    NAME, SHARE, CASES = "loop", 1, 1

    def __init__(self, _chance: object):
        pass

    def case(self) -> str:
        while True:
            pass


class Leak:
    """A target that keeps what it meets."""

    NAME, SHARE, CASES = "leak", 1, 1000
    kept: "list[list[int]]" = []  # noqa: RUF012 (the leak)

    def __init__(self, _chance: object):
        pass

    def case(self) -> str:
        self.kept.append([len(self.kept)])
        return TAKEN


def test_the_harness_notices_a_loop_and_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz_run.CASE_S_MAX", 1)
    with pytest.raises(Failure, match="Loop: seed 1, round 0, case 0: Hang: a case took 1 s"):
        run_target(Loop, 1, 1)
    with pytest.raises(Failure, match="Leak: expected no growth"):
        run_target(Leak, 1, 5000)

"""Runs targets: counts what came of each case, and watches memory and time. As a program, on every runtime:

micropython fuzz_run.py SEED CASES     a share of CASES for each portable target

A target is made anew for every round of its `CASES`; `case()` returns what came of one ("taken", or the refusal's
name), and raises for what may not be. Round and seed make everything in it, so a failure names both.
"""

import gc
import sys

from fuzz_chance import Chance

WARM_ROUNDS = 2
GROWTH_MAX = 2000
"""Blocks (CPython) or tens of bytes (MicroPython) that a whole run may leave behind: caches, not cases."""
CASE_S_MAX = 10
"""Processor time of one case; a loop without end would take more."""

try:
    from sys import print_exception
except ImportError:  # CPython
    from traceback import print_exception


class Hang(BaseException):
    """A case took too long. Not an `Exception`: nobody may mistake it for a refusal."""


def _blocks() -> int:
    gc.collect()
    try:
        return sys.getallocatedblocks()
    except AttributeError:
        return gc.mem_alloc() // 10


def _alarm(seconds: int) -> None:
    """Raise `Hang` in this thread after so much processor time; 0 calls it off. MicroPython has no signals."""
    try:
        import signal
    except ImportError:
        return

    def hang(_number, _frame):
        raise Hang("a case took %d s of processor time" % CASE_S_MAX)

    signal.signal(signal.SIGPROF, hang)
    signal.setitimer(signal.ITIMER_PROF, seconds)


class Failure(AssertionError):
    """What a target raised that is no refusal; says how to meet it again."""


def run_round(make, seed: int, number: int, cases: int, counts: dict) -> None:
    """One life of a target, in which every case but the last `cases` of it is counted."""
    target = make(Chance(seed * 1000003 + number))
    done = 0
    try:
        while done < cases:
            _alarm(CASE_S_MAX)
            outcome = target.case()
            done += 1
            counts[outcome] = counts.get(outcome, 0) + 1
        _alarm(CASE_S_MAX)
        if hasattr(target, "finish"):
            target.finish()
    except (Exception, Hang) as error:
        print_exception(error)
        name, kind = make.__name__, type(error).__name__
        raise Failure("%s: seed %d, round %d, case %d: %s: %s" % (name, seed, number, done, kind, error))
    finally:
        _alarm(0)


def run_target(make, seed: int, cases: int) -> dict:
    """Outcome -> count over `cases` cases. Raises `Failure`, also for memory that grows."""
    counts: dict = {}
    number, left, settled = 0, cases, None
    while left:
        size = min(left, make.CASES)
        run_round(make, seed, number, size, counts)
        number, left = number + 1, left - size
        if number == WARM_ROUNDS:
            settled = _blocks()
    if settled is not None:
        grown = _blocks() - settled
        if grown > GROWTH_MAX:
            raise Failure("%s: expected no growth, found %d blocks over %d cases" % (make.__name__, grown, cases))
    return counts


def told(make, counts: dict) -> str:
    """One line for people."""
    total, taken = sum(counts.values()), counts.get("taken", 0)
    refusals = sorted([(-counts[name], name) for name in counts if name != "taken"])
    text = ", ".join(["%s %d" % (name, -count) for count, name in refusals[:6]])
    return "%-16s %8d cases: taken %d, %s" % (make.NAME, total, taken, text)


def run_all(targets, seed: int, cases: int) -> int:
    """Share `cases` among targets and run them, printing each; how many ran."""
    shares = sum([make.SHARE for make in targets])
    done = 0
    for make in targets:
        counts = run_target(make, seed, max(1, cases * make.SHARE // shares))
        print(told(make, counts))
        done += sum(counts.values())
    return done


if __name__ == "__main__":
    from fuzz_portable import PORTABLE_TARGETS

    print("%d cases, no violation" % run_all(PORTABLE_TARGETS, int(sys.argv[1]), int(sys.argv[2])))

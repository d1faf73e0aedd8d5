"""Runs targets: counts what came of each case, and watches memory and time. As a program, on every runtime:

micropython fuzz_run.py SEED CASES     a share of CASES for each portable target

A target is a class with a `NAME`, a `SHARE` of a thousand cases, and the `CASES` after which it is made anew, from a
`Chance`; `case()` returns what came of one ("taken", or a refusal's name) and raises for what may not be; `finish()`,
where there is one, looks at what a round left. Seed and round make everything in it, so a failure names both.
"""

import gc
import sys

from amos.compat import MICROPYTHON
from fuzz_chance import Chance

ROUNDS_MIN = 5
WARM_ROUNDS = 2
BLOCKS_GROWN_MAX = 2000
"""Blocks (CPython) or tens of bytes (MicroPython) that the rounds after the first two may leave behind: caches."""
PEAK_GROWN_KIB_MAX = 64 << 10
"""By how much the process's peak may rise in them (CPython): what one message may have inflated."""
CASES_MIN = 50
CASE_S_MAX = 10
"""Processor time of one case; a loop without end would take more."""

if MICROPYTHON:
    from sys import print_exception


class Hang(BaseException):
    """A case took too long. Not an `Exception`: nobody may mistake it for a refusal."""


def _blocks(make) -> int:
    """What is in memory, but for what the target remembers within its own bounds."""
    if hasattr(make, "forget"):
        make.forget()
    gc.collect()
    try:
        return sys.getallocatedblocks()
    except AttributeError:
        return gc.mem_alloc() // 10


def _peak_kib() -> int:
    """The most that this process ever held; MicroPython's heap has its limit from the command line."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


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
    """One life of a target; what came of each case is added to `counts`. Raises `Failure`."""
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
        if MICROPYTHON:  # pytest shows where it came from, a bare interpreter would not
            print_exception(error)
        name, kind = make.__name__, type(error).__name__
        raise Failure("%s: seed %d, round %d, case %d: %s: %s" % (name, seed, number, done, kind, error))
    finally:
        _alarm(0)


def run_target(make, seed: int, cases: int) -> dict:
    """Outcome -> count over `cases` cases, in `ROUNDS_MIN` rounds or more. Raises `Failure`, for growth too."""
    counts: dict = {}
    number, left, settled = 0, cases, None
    while left:
        size = min(left, make.CASES, -(-cases // ROUNDS_MIN))
        run_round(make, seed, number, size, counts)
        number, left = number + 1, left - size
        if number == WARM_ROUNDS:
            settled = _blocks(make), _peak_kib()
    if settled is not None:
        grown, risen = _blocks(make) - settled[0], _peak_kib() - settled[1]
        if grown > BLOCKS_GROWN_MAX or risen > PEAK_GROWN_KIB_MAX:
            told = (make.__name__, grown, risen, cases)
            raise Failure("%s: expected no growth, found %d blocks and %d KiB over %d cases" % told)
    return counts


def told(make, counts: dict) -> str:
    """One line for people."""
    total, taken = sum(counts.values()), counts.get("taken", 0)
    refusals = sorted([(-counts[name], name) for name in counts if name != "taken"])
    text = ", ".join(["%s %d" % (name, -count) for count, name in refusals[:6]])
    return "%-17s %7d cases: taken %d, %s" % (make.NAME, total, taken, text)


def cases_of(make, cases: int) -> int:
    """A target's share of all cases."""
    return max(CASES_MIN, cases * make.SHARE // 1000)


def main(seed: int, cases: int) -> None:
    """Every portable target, one line each."""
    from fuzz_journal import JOURNAL_TARGETS
    from fuzz_link import LINK_TARGETS
    from fuzz_messages import MESSAGE_TARGETS

    done = 0
    for make in MESSAGE_TARGETS + LINK_TARGETS + JOURNAL_TARGETS:
        counts = run_target(make, seed, cases_of(make, cases))
        print(told(make, counts))
        done += sum(counts.values())
    print("%d cases, no violation" % done)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""A period divided among payees, as a close does it. Run as a program, so that the memory is that of this work alone.

`python -m amos_tools.bench.settle_close STEMS PAYEES` prints a JSON object: CPU seconds, and bytes at most in use.
"""

import json
import random
import sys
import time
from pathlib import Path

import numpy as np

from amos.protocol.ledger_limits import PPM
from amos_ledger.settlement.apportion_numpy import Integers, apportion_shares, shares_of
from amos_ledger.settlement.apportionment import tie_key

PERIOD, POOL_MICRO = "2026-11", 10**15
SHARES = 3
TICKS_MAX = 10**12


def main(stem_count: int, payee_count: int) -> None:
    """Make such a period, divide it, and print what it took."""
    stems, payees, ppm, ticks = _period(stem_count, payee_count)
    ids = [random.Random(number).randbytes(32) for number in range(stem_count)]
    names = [f"payee-{number}" for number in range(payee_count)]
    began = time.process_time()
    shares = shares_of(stems, payees, ppm, payee_count)
    found = apportion_shares(
        POOL_MICRO,
        ticks,
        shares,
        lambda payee: tie_key(PERIOD, names[payee]),
        lambda payee, stem: tie_key(PERIOD, names[payee], ids[stem]),
    )
    took_s = time.process_time() - began
    assert int(found.payees.sum()) == int(found.shares.sum()) == POOL_MICRO
    print(json.dumps({"cpu_s": took_s, "bytes": bytes_at_most()}))


def _period(stem_count: int, payee_count: int) -> tuple[Integers, Integers, Integers, Integers]:
    """(stem, payee, ppm) of each share in no order, and the ticks of each stem. The payees of a stem are different."""
    chance = np.random.default_rng(1)
    apart = payee_count // SHARES
    first = chance.integers(0, payee_count, stem_count)
    others = [first + number * apart + chance.integers(0, apart, stem_count) for number in range(1, SHARES)]
    cuts = np.sort(chance.integers(1, PPM, (stem_count, SHARES - 1)), axis=1)
    ppm = np.diff(cuts, axis=1, prepend=0, append=PPM)
    order = chance.permutation(SHARES * stem_count)
    columns = np.repeat(np.arange(stem_count), SHARES), np.stack([first, *others], 1).ravel() % payee_count, ppm.ravel()
    stems, payees, of_stem = (column[order] for column in columns)
    return stems, payees, of_stem, chance.integers(1, TICKS_MAX, stem_count)


def bytes_at_most() -> int:
    """Of this program: what `resource` tells begins with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""A log of many segments, settled and verified. Run as a program, so that the memory is that of this work alone.

`python -m amos_tools.bench.settle_memory make SEGMENTS FOLDER`, then `... settle FOLDER` and `... verify FOLDER`. Each
prints a JSON object: CPU seconds, and bytes at most in use.
"""

import json
import sys
import time
from pathlib import Path

from amos_ledger import registry
from amos_ledger.folder import Folder
from amos_ledger.settle_period import settle_period
from amos_tools.bench.ledger_fleet import NOON, Fleet
from amos_tools.bench.settle_close import bytes_at_most
from amos_tools.verify.audit import Audit
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published
from amos_tools.verify.statement_file import read_statement_file

ROWS, BATCH, A_PLAYER = 8, 256, 128
"""Few rows, since memory is measured by segments, and so many of them take long enough as it is."""

TAKEN_S = NOON + 28 * 86_400
PERIOD, INCOME_MICRO = "2026-11", 1_000_000_000


def make(path: Path, segments: int) -> None:
    """A published ledger of so many segments, in whole batches."""
    fleet = Fleet(path, -(-segments // A_PLAYER), ROWS)
    for _ in range(-(-segments // BATCH)):
        fleet.ledger.take([player.message(segment) for player, segment in fleet.sealed(BATCH)], TAKEN_S)
    fleet.ledger.close()
    with fleet.folder.open_store() as store:
        registry.publish(fleet.folder, store)


def settle(folder: Folder) -> None:
    """Close the month, and write its statement."""
    settle_period(folder, PERIOD, INCOME_MICRO, "EUR")


def verify(folder: Folder) -> None:
    """Recompute the month, and verify its statement."""
    keys = Keys(folder.public_key, folder.trust.publisher_key, folder.trust.operator_key)
    statement = read_statement_file(folder.public / f"statements/{PERIOD}-EUR/ada.json.gz")
    Audit(Published(folder.path / folder.trust.audit), keys).check(statement)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[3]), int(sys.argv[2]))
    else:
        {"settle": settle, "verify": verify}[sys.argv[1]](Folder(Path(sys.argv[2])))
    print(json.dumps({"cpu_s": time.process_time(), "bytes": bytes_at_most()}))

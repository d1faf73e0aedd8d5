"""python fleet_log.py make N DIR, or WHAT DIR: a ledger of N segments, whole-log work on it, and the memory of that."""

import re
import sys
from pathlib import Path

from statement_bytes import statement_bytes

from amos_ledger import registry
from amos_ledger.folder import Folder
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_tools.bench.ledger_fleet import NOON, Fleet
from amos_tools.verify.audit import Audit
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published

ROWS, BATCH, A_PLAYER = 100, 256, 128
TAKEN_S = NOON + 28 * 86_400


def make(path: Path, segments: int) -> None:
    """A ledger in November 2026 of so many segments, a multiple of `BATCH`, published."""
    fleet = Fleet(path, segments // A_PLAYER, ROWS)
    for _ in range(segments // BATCH):
        replies = fleet.ledger.take([player.message(data) for player, data in fleet.sealed(BATCH)], TAKEN_S)
        assert {reply.answer.verdict for reply in replies} == {0}
    fleet.ledger.close()
    with fleet.folder.open_store() as store:
        registry.publish(fleet.folder, store)


def settle(folder: Folder) -> None:
    """Close the month."""
    settle_period(folder, "2026-11", 1_000_000_000, "EUR")


def check(folder: Folder) -> None:
    """Verify the statement of the one payee."""
    keys = Keys(folder.public_key, folder.trust.publisher_key, folder.trust.operator_key)
    audit = Audit(Published(folder.path / folder.trust.audit), keys)
    assert (
        audit.check(statement_bytes(folder.public / "statements/2026-11-EUR/ada.json.gz")).amount_micro == 1_000_000_000
    )


def rebuild(folder: Folder) -> None:
    """Make the database anew."""
    rebuild_folder(folder, 0)


def look(folder: Folder) -> None:
    """Scrub it."""
    assert scrub(folder) == []


def peak_kib() -> int:
    """Of this program alone; `getrusage` begins with that of the process that started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[3]), int(sys.argv[2]))
    else:
        {"settle": settle, "verify": check, "rebuild": rebuild, "scrub": look}[sys.argv[1]](Folder(Path(sys.argv[2])))
    print(peak_kib())

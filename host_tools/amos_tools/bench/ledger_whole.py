"""What work over a whole log costs: a new database from it, and its verification; and what two workers gain."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from amos_batches.cluster import Cluster
from amos_batches.runner import InProcess, Runner
from amos_ledger import registry
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.settle_period import settle_period
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.ledger_fleet import NOON, Fleet
from amos_tools.verify.audit import Audit
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published
from amos_tools.verify.statement_file import read_statement_file

SEGMENTS, ROWS, BATCH, A_PLAYER = 4096, 100, 256, 128
TAKEN_S = NOON + 28 * 86_400
WORKERS = 2

Work = Callable[[Runner], object]


def figures(scale: float) -> list[Figure]:
    """In one process by CPU time; with two workers by the clock on the wall, against one process just before."""
    count = max(1, round(SEGMENTS * scale / BATCH)) * BATCH
    note_progress(f"whole-log work on {count:,} segments")
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        fleet = _settled(Path(folder) / "ledger", count)
        works: dict[str, Work] = {
            "rebuild": lambda runner: rebuild_folder(fleet.folder, 0, runner=runner),
            "verify": lambda runner: _verify(fleet, runner),
        }
        found = []
        for name, work in works.items():
            began = time.process_time()
            work(InProcess())
            speed = count / (time.process_time() - began)
            found.append(Figure("ledger", f"{name}, {ROWS} rows, segments per CPU second", speed, "/s"))
        return found + _gains(works)


def _settled(path: Path, count: int) -> Fleet:
    fleet = Fleet(path, -(-count // A_PLAYER), ROWS)
    for _ in range(count // BATCH):
        fleet.ledger.take([player.message(segment) for player, segment in fleet.sealed(BATCH)], TAKEN_S)
    fleet.ledger.close()
    with fleet.folder.open_store() as store:
        registry.publish(fleet.folder, store)
    settle_period(fleet.folder, "2026-11", 1_000_000_000, "EUR")
    return fleet


def _verify(fleet: Fleet, runner: Runner) -> object:
    folder = fleet.folder
    keys = Keys(folder.public_key, folder.trust.publisher_key, folder.trust.operator_key)
    statement = folder.public / "statements" / "2026-11-EUR" / "ada.json.gz"
    return Audit(Published(folder.path / folder.trust.audit), keys, runner).check(read_statement_file(statement))


def _gains(works: dict[str, Work]) -> list[Figure]:
    names = {name: f"{name}, one process / {WORKERS} workers of a cluster, by the wall" for name in works}
    try:
        from distributed import LocalCluster
    except ImportError:
        note = "needs the extra `cluster`"
        return [Figure("ledger", name, None, "x", note=note) for name in names.values()]
    found = []
    local = LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None)
    with local, Cluster(local.scheduler_address) as cluster:
        for name, work in works.items():
            work(cluster)  # workers have imported what they need
            (alone_s, alone_cpu_s), (wall_s, cpu_s) = _seconds(work, InProcess()), _seconds(work, cluster)
            note = f"{alone_cpu_s / cpu_s:.1f} times less CPU here, where the scheduler ran too"
            found.append(Figure("ledger", names[name], alone_s / wall_s, "x", note=note))
    return found


def _seconds(work: Work, runner: Runner) -> tuple[float, float]:
    """By the clock on the wall, and of CPU in this process."""
    began, began_cpu = time.monotonic(), time.process_time()
    work(runner)
    return time.monotonic() - began, time.process_time() - began_cpu

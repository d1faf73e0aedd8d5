"""A cluster's verification is this process's, and a log that changes meanwhile is noticed."""

from pathlib import Path
from typing import Any

import pytest
from audited import audited
from dask_process import DaskProcesses, Losing
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos_batches.cluster import Cluster
from amos_batches.errors import ClusterLost
from amos_batches.runner import InProcess
from amos_cli.output import Exit
from amos_ledger.settle_period import settle_period
from amos_tools.cli import app
from amos_tools.verify import hashed, opened, tree
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.published import Published

NOVEMBER = ("2026-11", 1_000_000_000, "EUR")


def verified(world: Any, runner: Any) -> Any:
    return Audit(Published(audited(world.folder)), world.keys, runner).check(statement_bytes(world.statement("ann")))


def test_with_two_workers_with_one_and_with_none(november: Any, dates: Any, tmp_path: Path) -> None:
    for minute in range(600):
        november.append(b"amos-batch/1 %d\n" % (dates(2026, 11, 20) + 60 * minute))
    settle_period(november.folder, *NOVEMBER)
    alone = verified(november, InProcess())
    with DaskProcesses(tmp_path, 2) as dask, Cluster(dask.address, alone_s=1) as runner:
        assert verified(november, runner) == alone
        losing = Losing(runner, 2, dask.workers[0])
        assert verified(november, losing) == alone and losing.lost
        with pytest.raises(ClusterLost):
            verified(november, Losing(runner, 2, dask.workers[1]))


def test_by_command(november: Any, tmp_path: Path) -> None:
    settle_period(november.folder, *NOVEMBER)
    keys = november.keys
    given = [f"--{name}-key={getattr(keys, name).hex()}" for name in ("ledger", "publisher", "operator")]
    run = CliRunner().invoke
    with DaskProcesses(tmp_path, 1) as dask:
        said = run(app, ["verify", str(november.statement("ann")), *given, "--cluster", dask.address])
        assert said.exit_code == 0 and said.output.startswith("yes: ann earns ")
    refused = run(app, ["verify", str(november.statement("ann")), *given, "--cluster", "here"])
    assert (refused.exit_code, refused.stderr.split(":")[0]) == (Exit.USAGE, "ClusterAddressWrong")


def test_entries_that_change_between_the_readings_are_noticed(november: Any) -> None:
    settle_period(november.folder, *NOVEMBER)

    class Changing(InProcess):
        def pairs(self, work: Any, batches: Any) -> Any:
            if work is opened.open_entries:
                bundle = next((november.folder.path / "audit/tile/entries").rglob("000.p/*"))
                data = bundle.read_bytes()
                bundle.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
            return super().pairs(work, batches)

    with pytest.raises(Difference, match="expected those that were read before, found others"):
        verified(november, Changing())


def test_leaf_hashes_are_found_again_in_tiles_that_have_their_root(november: Any) -> None:
    november.append(*(b"amos-batch/1 %d\n" % (60 * minute) for minute in range(700)))
    settle_period(november.folder, *NOVEMBER)
    published = Published(audited(november.folder))
    with november.folder.open_store() as store:
        size = store.size()
        kept = hashed.Hashed(published, size)
        for batch in opened.batches(tree.read_entries(published, size), {}):
            kept.add(opened.survey(batch).hashes)
        assert size > 2 * tree.TILE_WIDTH
        for leaf in (0, 1, 255, 256, 511, 512, size - 1):
            assert kept.leaf(leaf) == store.log.read(0, leaf)
        for part in (1, 255, 256, 257, 512, size - 1, size):
            assert kept.root(part) == store.root(part)
    tile = november.folder.path / "audit/tile/0/001"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    kept = hashed.Hashed(published, size)
    with pytest.raises(Difference, match="hash of entry 256"):
        for batch in opened.batches(tree.read_entries(published, size), {}):
            kept.add(opened.survey(batch).hashes)

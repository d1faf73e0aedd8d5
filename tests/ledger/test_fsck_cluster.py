"""A cluster's fsck is this process's: the same findings, the same new database, whoever is lost meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dask_process import DaskProcesses, Losing
from every_kind import everything, played, with_every_kind
from typer.testing import CliRunner

from amos_batches import cluster
from amos_batches.cluster import Cluster
from amos_batches.errors import ClusterLost
from amos_cli.output import Exit
from amos_ledger import dates, entry_batches
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.scrub import scrub
from amos_tools.cli import app

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
"""A rebuild replaces SQLite's file."""


@pytest.fixture
def dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DaskProcesses]:
    """Two workers; batches so small that a short log has many."""
    for module in (entry_batches, dates):
        monkeypatch.setattr(module, "BATCH", 2)
    (tmp_path / "dask").mkdir()
    with DaskProcesses(tmp_path / "dask", 2) as processes:
        yield processes


def contents(folder: Any) -> dict[str, Any]:
    """Every row of the store and every other file."""
    files = [path for path in folder.path.rglob("*") if path.is_file() and path.name != "serve.lock"]
    found: dict[str, Any] = {str(path.relative_to(folder.path)): path.read_bytes() for path in sorted(files)}
    return found | {folder.store_path.name: everything(folder.store_path)}


def test_every_kind_of_entry(world: Any, dask: DaskProcesses) -> None:
    with_every_kind(world)
    world.ledger.close()
    before = everything(world.folder.store_path)
    rebuild_folder(world.folder, 0)
    alone = world.folder.store_path.read_bytes()
    with Cluster(dask.address) as runner:
        rebuilt = rebuild_folder(world.folder, 0, runner=runner)
        assert scrub(world.folder, runner) == []
    assert everything(world.folder.store_path) == before
    assert (rebuilt.left, rebuilt.mended, rebuilt.heads) == ((), (), 0)
    assert world.folder.store_path.read_bytes() == alone


def test_what_is_wrong_is_found_the_same(world: Any, dask: DaskProcesses) -> None:
    played(world, 20)
    world.ledger.close()
    with world.folder.open_store() as store, store.transaction():
        run = store.chain._database.run
        run("UPDATE head SET signature = zeroblob(64) WHERE size = (SELECT max(size) FROM head)")
        run("INSERT INTO receipted_later VALUES (3, 2)")
        run("UPDATE usage SET start_unix_ms = 1, end_unix_ms = 2 WHERE sequence = 3")
        run("UPDATE rollup SET frames = frames + 1")
    found = scrub(world.folder)
    assert {finding.where.split()[0] for finding in found} == {"table", "head", "receipt", "dates"}
    with Cluster(dask.address) as runner:
        assert scrub(world.folder, runner) == found


def test_a_worker_lost_half_way_changes_nothing(world: Any, dask: DaskProcesses) -> None:
    played(world, 60)
    world.ledger.close()
    before = everything(world.folder.store_path)
    with Cluster(dask.address) as runner:
        losing = Losing(runner, 15, dask.workers[0])
        rebuild_folder(world.folder, 0, runner=losing)
        assert losing.lost and everything(world.folder.store_path) == before
        assert scrub(world.folder, runner) == []


def test_without_workers_nothing_is_changed(world: Any, dask: DaskProcesses) -> None:
    played(world, 60)
    world.ledger.close()
    before = contents(world.folder)
    with Cluster(dask.address, alone_s=1) as runner, pytest.raises(ClusterLost):
        rebuild_folder(world.folder, 0, runner=Losing(runner, 15, *dask.workers))
    assert contents(world.folder) == before


def test_by_command(world: Any, dask: DaskProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    played(world)
    world.ledger.close()
    run = CliRunner().invoke
    said = run(app, ["ledger", "fsck", "--rebuild", "--cluster", dask.address, str(world.path)])
    assert said.output.startswith("rebuilt from 11 entries") and said.output.endswith("nothing wrong\n")
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    for address, name, code in (
        ("nowhere", "ClusterAddressWrong", Exit.USAGE),
        ("tcp://127.0.0.1:1", "ClusterUnreachable", Exit.UNREACHABLE),
    ):
        refused = run(app, ["ledger", "fsck", "--cluster", address, str(world.path)])
        assert (refused.exit_code, refused.stderr.split(":")[0]) == (code, name)

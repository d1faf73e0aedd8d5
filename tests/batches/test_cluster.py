"""A cluster does what this process does, loses workers without losing work, and says why it cannot go on."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dask_process import DaskProcesses, Losing, deadly, failing, slow_sum

from amos_batches import cluster
from amos_batches.cluster import IN_FLIGHT_MAX, Cluster, run_here
from amos_batches.errors import (
    ClusterAddressWrong,
    ClusterDiffers,
    ClusterExtraMissing,
    ClusterLost,
    ClusterUnreachable,
)
from amos_batches.runner import InProcess, open_runner

BATCHES = 100


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[DaskProcesses]:
    with DaskProcesses(tmp_path, 2) as processes:
        yield processes


def expected() -> list[tuple[range, int]]:
    return [(range(number), sum(range(number))) for number in range(BATCHES)]


def batches(taken: list[int]) -> Iterator[range]:
    for number in range(BATCHES):
        taken.append(number)
        yield range(number)


def test_results_come_in_order_and_batches_are_taken_when_there_is_room(dask: DaskProcesses) -> None:
    taken: list[int] = []
    with Cluster(dask.address) as runner:
        found = []
        for pair in runner.pairs(sum, batches(taken)):
            found.append(pair)
            assert len(taken) - len(found) < IN_FLIGHT_MAX
    assert found == expected() == list(InProcess().pairs(sum, batches([])))


def with_loss(dask: DaskProcesses, *lost: Any) -> list[tuple[range, int]]:
    """Results of a run in the middle of which these processes are killed."""
    with Cluster(dask.address, alone_s=2) as runner:
        losing = Losing(runner, BATCHES // 4, *lost)
        found = list(losing.pairs(slow_sum, batches([])))
        assert losing.lost
    return found


def test_a_worker_that_is_killed_half_way_costs_nothing(dask: DaskProcesses) -> None:
    assert with_loss(dask, dask.workers[0]) == expected()


def test_without_workers_it_says_so(dask: DaskProcesses) -> None:
    with pytest.raises(ClusterLost, match=r"127\.0\.0\.1:\d+: expected a worker, found none for 2 s"):
        with_loss(dask, *dask.workers)


def test_without_scheduler_it_says_so(dask: DaskProcesses) -> None:
    with pytest.raises(ClusterLost, match="the scheduler or its workers went away"):
        with_loss(dask, dask.scheduler)


def test_a_batch_that_ends_every_worker_is_given_up(dask: DaskProcesses) -> None:
    with Cluster(dask.address, alone_s=2) as runner, pytest.raises(ClusterLost):
        list(runner.pairs(deadly, [range(1)]))


def test_a_fault_in_the_work_is_the_callers(dask: DaskProcesses) -> None:
    with Cluster(dask.address) as runner, pytest.raises(ArithmeticError, match="no sum of"):
        list(runner.pairs(failing, [range(1)]))


def test_a_cluster_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "amos").mkdir()
    (tmp_path / "amos" / "__init__.py").write_text('__version__ = "0"')
    with DaskProcesses(tmp_path, 1, tmp_path) as other, pytest.raises(ClusterDiffers, match="and workers, found 0"):
        open_runner(other.address)


def test_a_worker_that_came_later_with_another_version_is_refused() -> None:
    with pytest.raises(ClusterDiffers, match="expected workers with amos 0, found "):
        run_here("0", b"")


@pytest.mark.parametrize(
    "address", ["", "somewhere", "127.0.0.1:8786", "tcp://", "tcp://a:b", "udp://a:1", "tcp://a:1/x"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ClusterAddressWrong, match="expected tcp://HOST:PORT"):
        open_runner(address)


def test_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    with pytest.raises(ClusterUnreachable, match=r"tcp://127\.0\.0\.1:1: expected a Dask scheduler"):
        open_runner("tcp://127.0.0.1:1")


def test_a_scheduler_without_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 4.0)
    with DaskProcesses(tmp_path, 0) as alone, pytest.raises(ClusterUnreachable, match="found one without"):
        open_runner(alone.address)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterExtraMissing, match=r"pip install 'amos\[cluster\]'"):
        open_runner("tcp://127.0.0.1:8786")


def test_without_an_address_it_is_this_process() -> None:
    with open_runner(None) as runner:
        assert isinstance(runner, InProcess)

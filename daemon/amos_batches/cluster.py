"""Batches on the workers of a Dask cluster (`distributed`).

Scheduler and workers are processes of an environment with the same amos: work travels by its name. A worker that is
lost costs the batches that it had, which the scheduler gives to another. Who can reach the scheduler can run code on
it, and a worker that lies is believed: the cluster is trusted as this machine is, and `tls://` is for other networks.
"""

import logging
import pickle
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from amos import __version__
from amos_batches.errors import (
    ClusterAddressWrong,
    ClusterDiffers,
    ClusterExtraMissing,
    ClusterLost,
    ClusterUnreachable,
)

Batch = TypeVar("Batch")
Found = TypeVar("Found")

IN_FLIGHT_MAX = 32
"""Batches sent and not yet taken back: enough for a dozen workers, and some 32 MB of a log of long segments."""

CONNECT_S = 10.0
ALONE_S = 20.0
"""So long there may be no worker: one that was ended by its supervisor is back by then."""

_LOOK_S = 0.5
_ADDRESS = re.compile(r"(tcp|tls)://[^/\s:]+:\d{1,5}|(tcp|tls)://\[[0-9a-fA-F:]+\]:\d{1,5}")


class Cluster:
    """The cluster whose scheduler has this address. Raises `BatchError`."""

    def __init__(self, address: str, alone_s: float = ALONE_S) -> None:
        if _ADDRESS.fullmatch(address) is None:
            raise ClusterAddressWrong(f"cluster: expected tcp://HOST:PORT or tls://HOST:PORT, found {address[:80]!r}")
        self._address, self._alone_s = address, alone_s
        self._client = _connected(address)

    def close(self) -> None:
        """Let go of the scheduler; what it still works on for us, it drops."""
        self._client.close(timeout=2)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pairs(self, work: Callable[[Batch], Found], batches: Iterable[Batch]) -> Iterator[tuple[Batch, Found]]:
        """As `Runner.pairs`."""
        waiting: deque[tuple[Batch, Any]] = deque()
        rest = iter(batches)
        more = True
        while more or waiting:
            while more and len(waiting) < IN_FLIGHT_MAX:
                try:
                    batch = next(rest)
                except StopIteration:
                    more = False
                    break
                waiting.append((batch, self._submit(work, batch)))
            if waiting:
                batch, future = waiting.popleft()
                yield batch, self._result(future)

    def _submit(self, work: Callable[[Batch], Found], batch: Batch) -> Any:
        try:
            return self._client.submit(run_here, __version__, pickle.dumps((work, batch)), pure=False)
        except Exception as error:
            raise self._lost(error) from None

    def _result(self, future: Any) -> Any:
        """Wait for it as long as there is somebody to work on it."""
        from distributed import KilledWorker

        alone_since_s = None
        while True:
            try:
                return pickle.loads(future.result(timeout=_LOOK_S))
            except TimeoutError:
                now_s = time.monotonic()
                alone_since_s = (alone_since_s or now_s) if not self._workers() else None
            except (CancelledError, KilledWorker, OSError) as error:
                raise self._lost(error) from None
            if alone_since_s is not None and now_s - alone_since_s >= self._alone_s:
                raise ClusterLost(f"{self._address}: expected a worker, found none for {self._alone_s:g} s")

    def _workers(self) -> int:
        """How many the scheduler has."""
        try:
            return len(self._client.nthreads())
        except Exception as error:
            raise self._lost(error) from None

    def _lost(self, error: Exception) -> ClusterLost:
        return ClusterLost(f"{self._address}: the scheduler or its workers went away: {_line(error)}")


def run_here(version: str, task: bytes) -> bytes:
    """What a worker runs: work and batch pickled, as is the result, so that whoever passes them on need not look inside
    and another version does not try."""
    if version != __version__:
        raise ClusterDiffers(f"cluster: expected workers with amos {version}, found {__version__}")
    work, batch = pickle.loads(task)
    return pickle.dumps(work(batch))


def version_here() -> str:
    """What whoever runs this has."""
    return __version__


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ClusterExtraMissing("distributed is not installed: pip install 'amos[cluster]'") from None
    for name in ("distributed", "asyncio"):  # what ends the work, a refusal tells in one line
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        raise ClusterUnreachable(f"{address}: expected a Dask scheduler, found {_line(error)}") from None
    try:
        _check(client, address)
    except BaseException:
        client.close(timeout=2)
        raise
    return client


def _check(client: Any, address: str) -> None:
    """A worker is there, and everybody has this amos."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        raise ClusterUnreachable(f"{address}: expected a scheduler with a worker, found one without") from None
    try:
        found = {client.run_on_scheduler(version_here), *client.run(version_here).values()}
    except Exception as error:
        raise ClusterDiffers(f"{address}: expected amos {__version__} on it, found {_line(error)}") from None
    if found != {__version__}:
        others = ", ".join(sorted(map(str, found - {__version__})))
        raise ClusterDiffers(f"{address}: expected amos {__version__} on scheduler and workers, found {others}")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

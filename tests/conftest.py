"""What tests share: tools that Python packages do not bring."""

import csv
import os
import struct
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from dealing import dealt
from go_log import GoLog
from hypothesis import HealthCheck, settings
from needed import IN_CI, missing

from amos_tools import toolchain
from amos_tools.boards import BOARD_WORD_BYTES, SMALLEST_BOARD, heap_option
from amos_tools.postgres_server import Server, running
from amos_tools.vault import Vault
from amos_tools.vault.batch import import_paths

# How long an example takes says more of the machine than of the code. In CI Hypothesis takes the same examples each
# time, so more of them find nothing; elsewhere they are others at each run.
settings.register_profile(
    "amos", deadline=None, max_examples=50, derandomize=IN_CI, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("amos")


MEMORY = "/dev/shm"
MEMORY_BYTES_MIN = 8 << 30


def keep_files_in_memory() -> None:
    """Where there is plenty of it: a slow disk, which every other test syncs too, would be what is waited for."""
    if "TMPDIR" not in os.environ and os.path.isdir(MEMORY):
        found = os.statvfs(MEMORY)
        runs_programs = not found.f_flag & os.ST_NOEXEC
        if runs_programs and os.access(MEMORY, os.W_OK) and found.f_bavail * found.f_frsize >= MEMORY_BYTES_MIN:
            tempfile.tempdir = os.environ["TMPDIR"] = MEMORY


keep_files_in_memory()


def keep_bytecode() -> None:
    """Hundreds of tests start a Python of their own, which else compiles all of amos again."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


keep_bytecode()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Two workers a core: more than half of a run is waiting, for brokers, for processes that start, for clocks."""
    told = "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ
    return None if told else 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(trylast=True)  # when those that are deselected are gone
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first, so that no worker begins one when the others are done."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = dealt(items, workers, lambda item: item.get_closest_marker("long") is not None, lambda item: item.path)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A parallel run tells its workers how wide the terminal is; what a test prints goes to none."""
    os.environ.pop("COLUMNS", None)


@pytest.fixture(scope="session")
def micropython() -> list[str]:
    """The start of a command line that runs MicroPython for this machine, in the heap of the smallest board."""
    command = toolchain.micropython("native") or missing(toolchain.explain("micropython"))
    return command + heap_option(SMALLEST_BOARD, struct.calcsize("P"))


@pytest.fixture(scope="session")
def micropython_armhf() -> list[str]:
    """The start of a command line that runs the 32-bit ARM build of MicroPython, emulated where need be, in the heap of
    the smallest board."""
    command = toolchain.micropython("armhf") or missing(toolchain.explain("armhf"))
    return command + heap_option(SMALLEST_BOARD, BOARD_WORD_BYTES)


@pytest.fixture(scope="session")
def alsa() -> str:
    """ALSA's library, as a name or a path to load."""
    return toolchain.alsa() or missing(toolchain.explain("alsa"))


@pytest.fixture(scope="session")
def strace() -> list[str]:
    """The start of a command line that runs strace."""
    return toolchain.strace() or missing(toolchain.explain("strace"))


@pytest.fixture(scope="session")
def mosquitto() -> list[str]:
    """The start of a command line that runs the mosquitto broker."""
    return toolchain.mosquitto() or missing(toolchain.explain("mosquitto"))


@pytest.fixture(scope="session")
def chromium() -> tuple[Path, Path, dict[str, str]]:
    """A browser, its WebDriver, and the environment variables with which they start."""
    return toolchain.chromium() or missing(toolchain.explain("chromium"))


@pytest.fixture(scope="session")
def go_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoLog]:
    """Another implementation that checks logs; what it needs is fetched when it is asked for the first time."""
    made = GoLog(tmp_path_factory.mktemp("go_log"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for the tests of this process; each takes databases of its own."""
    programs, variables = toolchain.postgres() or missing(toolchain.explain("postgres"))
    with running(programs, variables) as server:
        yield server


@pytest.fixture(scope="session")
def sonic_pi_samples() -> Path:
    """A folder of real recordings: FLAC files of Sonic Pi's samples."""
    root = toolchain.debian_data("sonic-pi-samples") or missing(toolchain.explain("sonic-pi-samples"))
    return root / "usr/share/sonic-pi/samples"


@pytest.fixture(scope="session")
def cafe_vault(sonic_pi_samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """The recordings that the example `cafe_hour` plays, imported with the facts of its sheet."""
    sheet = Path(str(resources.files("amos_tools.script").joinpath("examples/cafe_hour.csv")))
    with sheet.open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    with Vault.init(tmp_path_factory.mktemp("cafe") / "vault") as vault:
        report = import_paths(vault, [sonic_pi_samples / name for name in names], sheet)
        assert report.refused == () and len(report.imported) == len(names) >= 40
        yield vault

"""The portable tests on a Cortex-M, on the oldest and the newest MicroPython: a processor, a prompt and a file system
like a board's, the firmware in flash, and no more heap than the smallest board has.

The emulated machine is no board of ours: it has no I2S, USB or card.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cortex_m import PORTABLE, CortexM, build, write_payload

from amos_tools.boards import SMALLEST_BOARD, load_board
from amos_tools.toolchain import MICROPYTHON_RELEASES

pytestmark = pytest.mark.sweep

FILES = sorted(path.name for path in PORTABLE.glob("test_*.py"))
IN_A_WIDE_HEAP = {"test_journal.py", "test_packs.py", "test_vm.py", "test_vm_rules.py"}
"""As in tests/test_portable.py: they hold media and hours of events in memory."""

HEAP_BYTES = load_board(SMALLEST_BOARD)["memory.heap_bytes"]
WIDE_HEAP_BYTES = 3 << 20
TIMEOUT_S = 300


VERSIONS = [pytest.param(version, id=f"micropython-{version[0]}.{version[1]}") for version in MICROPYTHON_RELEASES]


@pytest.fixture(scope="module", params=VERSIONS)
def machines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Bytes of heap -> the firmware with such a heap."""
    folder = tmp_path_factory.mktemp("cortex-m")
    return {heap: build(request.param, folder, heap) for heap in (HEAP_BYTES, WIDE_HEAP_BYTES)}


@pytest.fixture(scope="session")
def payload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("payload") / "payload"
    write_payload(path)
    return path


@pytest.fixture
def machine(machines: dict[int, Path], payload: Path, file_name: str) -> Iterator[CortexM]:
    firmware = machines[WIDE_HEAP_BYTES if file_name in IN_A_WIDE_HEAP else HEAP_BYTES]
    running = CortexM(firmware, payload)
    yield running
    running.stop()


@pytest.mark.parametrize("file_name", FILES)
def test_file_passes_on_a_cortex_m(machine: CortexM, file_name: str) -> None:
    code = f"import sys\nsys.path.insert(0, '/tests/portable')\nimport run\nprint(run.main(['{file_name}']))\n"
    said = machine.run(code, TIMEOUT_S)
    assert said.endswith(" passed, 0 failed\n0\n"), said

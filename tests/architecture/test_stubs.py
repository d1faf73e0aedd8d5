"""What portable firmware imports is found in MicroPython's stubs, and not in whatever Python runs the type checker.

Debian's Python has some modules built in that another build keeps in files, where basedpyright finds them.
"""

import ast
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["basedpyright"]
STUBS = PROJECT / SETTINGS["stubPath"]
OURS = {"amos", "boot", "main"}
WITHOUT_STUB = {"sdcard", "usb"}  # libraries that a board gets from micropython-lib


def checked_files() -> list[Path]:
    """The files that basedpyright checks."""
    found = [path for part in SETTINGS["include"] for path in sorted([PROJECT / part, *(PROJECT / part).rglob("*.py")])]
    files = [path for path in found if path.is_file()]
    return [path for path in files if not any(fnmatch(str(path), "*" + part) for part in left_out())]


def left_out() -> list[str]:
    return ["/" + pattern.rpartition("/")[2] for pattern in SETTINGS["exclude"]]


def imported(path: Path) -> set[str]:
    """The top-level modules that the file imports, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def has_stub(module: str) -> bool:
    return any(
        (folder / f"{module}.pyi").is_file() or (folder / module).is_dir() for folder in (STUBS, STUBS / "stdlib")
    )


def test_every_module_that_the_firmware_imports_has_a_stub() -> None:
    if not STUBS.is_dir():
        pytest.skip("the stubs are installed by `make venv-test`")
    files = checked_files()
    assert len(files) > 50
    lacking = {
        (path.name, name) for path in files for name in imported(path) - OURS - WITHOUT_STUB if not has_stub(name)
    }
    assert not lacking

"""Environments of their own, with amos installed into them from a built wheel, as users have it."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


class Environment:
    """A virtual environment in `folder`, and a home and an empty folder to work in beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "environment"
        self.home, self.here = folder / "home", folder / "here"
        self.home.mkdir()
        self.here.mkdir()
        subprocess.run([sys._base_executable, "-m", "venv", self.folder], check=True)  # type: ignore[attr-defined]
        self._empty_bytes = size(self.folder)

    def install(self, *words: str) -> None:
        """pip install; what it complains of is in the test's output."""
        options = ["-qq", "--disable-pip-version-check", "--only-binary=:all:"]
        subprocess.run([self.folder / "bin" / "pip", "install", *options, *words], check=True, cwd=self.here)

    def added_bytes(self) -> int:
        """What the installs took on disk, beside pip's own."""
        return size(self.folder) - self._empty_bytes

    def amos(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """`amos` in the empty folder, as a user without anything else would call it."""
        return self.run(str(self.folder / "bin" / "amos"), *words)

    def run(self, *words: str, here: Path | None = None) -> "subprocess.CompletedProcess[str]":
        left_out = ("PYTHONPATH", "XDG_CACHE_HOME", "VIRTUAL_ENV")
        environment = {name: value for name, value in os.environ.items() if name not in left_out}
        environment["HOME"] = str(self.home)
        where = here or self.here
        return subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, timeout=1800)


def size(folder: Path) -> int:
    """What `du` tells: the blocks of every file."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", str(PROJECT)]
    subprocess.run(words, check=True)
    (wheel,) = folder.glob("amos-*.whl")
    return wheel


def lowest_versions(pyproject: str) -> list[str]:
    """pip constraints: every package that `pyproject` declares for use, at the lowest version it admits."""
    project = tomllib.loads(pyproject)["project"]
    extras = project.get("optional-dependencies", {})
    return sorted(set(_lowest([*project["dependencies"], *(line for lines in extras.values() for line in lines)])))


def _lowest(lines: Iterable[str]) -> list[str]:
    found = []
    for line in lines:
        requirement, _semicolon, marker = line.partition(";")
        match = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?>=([\w.]+)(?:,<[\w.]+)?", requirement.strip())
        if match:
            found.append(f"{match[1]}=={match[2]}" + (f"; {marker.strip()}" if marker else ""))
        elif not re.fullmatch(r"amos\[\w+(,\w+)*\]", requirement.strip()):
            raise ValueError(f"{line}: expected a lowest version, name>=version or name>=version,<version")
    return found

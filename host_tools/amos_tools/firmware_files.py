"""`python -m amos_tools.firmware_files` writes firmware/package.json: the one list of what a board gets.

`mip` installs from it, and firmware/manifest.py freezes from it.
"""

import json
from fnmatch import fnmatch
from pathlib import Path

from amos.device import FIRMWARE

FOLDER = Path(__file__).resolve().parents[2] / "firmware"
NOT_FOR_BOARDS = ("host.py", "*_host.py", "*_numpy.py", "make_*.py")
"""Files for CPython only, and generators of tables."""

LIBRARIES = ("sdcard", "usb-device-cdc")
"""Of micropython-lib."""


def board_files() -> list[str]:
    """Every file of the firmware that runs on a board, relative to `firmware/`, sorted."""
    portable = [path for path in FOLDER.glob("amos/**/*.py") if not any(fnmatch(path.name, p) for p in NOT_FOR_BOARDS)]
    return ["boot.py", "main.py", *sorted(path.relative_to(FOLDER).as_posix() for path in portable)]


def package_json() -> str:
    """The text of package.json; sources are relative to it."""
    lines = ",\n".join(f"    {json.dumps([name, name])}" for name in board_files())
    deps = json.dumps([[name, "latest"] for name in LIBRARIES])
    return f'{{\n  "version": {json.dumps(FIRMWARE)},\n  "deps": {deps},\n  "urls": [\n{lines}\n  ]\n}}\n'


if __name__ == "__main__":
    (FOLDER / "package.json").write_text(package_json())

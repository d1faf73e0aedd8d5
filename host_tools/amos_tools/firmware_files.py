"""The one list of what a board gets, firmware/package.json: `mip` installs from it, firmware/manifest.py freezes from
it, and `amos device provision` copies what it names.

In the project, `python -m amos_tools.firmware_files` writes it anew.
"""

import json

from amos.identity import FIRMWARE as VERSION
from amos_tools.firmware_reach import reachable
from amos_tools.package_data import FIRMWARE

LIST = FIRMWARE / "package.json"
STARTED_BY_NAME = ("boot.py", "main.py")
"""Where a board begins. MicroPython runs these from source only."""

LIBRARIES = ("sdcard", "usb-device-cdc")
"""Of micropython-lib."""


def board_files() -> list[str]:
    """Every file that a board gets, relative to `firmware/`: what it starts from, then the others, sorted."""
    return [name for name, _source in json.loads(LIST.read_text())["urls"]]


def package_json() -> str:
    """The text of package.json as it has to be; sources are relative to it."""
    names = [*STARTED_BY_NAME, *sorted(reachable(STARTED_BY_NAME) - set(STARTED_BY_NAME))]
    lines = ",\n".join(f"    {json.dumps([name, name])}" for name in names)
    deps = json.dumps([[name, "latest"] for name in LIBRARIES])
    return f'{{\n  "version": {json.dumps(VERSION)},\n  "deps": {deps},\n  "urls": [\n{lines}\n  ]\n}}\n'


if __name__ == "__main__":
    LIST.write_text(package_json())

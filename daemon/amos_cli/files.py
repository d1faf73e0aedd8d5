"""Files that a command makes: one owner for what may be written over, and how."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from amos.edges.durable_host import write_whole


class OutputRefused(Exception):
    """What stands under the name of an output may not be replaced, or cannot be written."""


def output_path(path: Path, force: bool = False, ours: Callable[[Path], bool] | None = None) -> Path:
    """The regular file to write for `path`, which may be a link to it. Raises `OutputRefused`.

    A file that exists is replaced with `force`, or when `ours` says that the same command made it. A device, a FIFO or
    a folder never is: nothing is renamed over one.
    """
    try:
        target = path.resolve()
        mode = target.stat().st_mode
    except FileNotFoundError:
        return target
    except (OSError, RuntimeError) as error:
        raise OutputRefused(f"{path}: expected a name to write to, found {error}") from None
    if not stat.S_ISREG(mode):
        raise OutputRefused(f"{path}: expected a file or a free name, found {_kind(mode)}")
    if force or (ours is not None and ours(target)):
        return target
    raise OutputRefused(f"{path}: expected a free name, found a file that this command did not make (--force)")


def write_output(path: Path, data: bytes, force: bool = False, ours: Callable[[Path], bool] | None = None) -> None:
    """Write `data` to `path`, whole and durably; into a device or a FIFO as it stands. Raises `OutputRefused`."""
    try:
        if path.is_fifo() or path.is_char_device():
            with path.open("wb") as file:
                file.write(data)
            return
        if path.is_file() and path.read_bytes() == data:
            return
        write_whole(os.fspath(output_path(path, force, ours)), data)
    except OSError as error:
        raise OutputRefused(f"{path}: expected room and permission to write, found {error.strerror or error}") from None


def begins_with(mark: bytes) -> Callable[[Path], bool]:
    """For `ours`: whether a file begins with these bytes."""

    def begins(path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark

    return begins


def _kind(mode: int) -> str:
    for is_kind, name in ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket")):
        if is_kind(mode):
            return name
    return "a device"

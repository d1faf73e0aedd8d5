"""A place in a folder of this machine: files are written beside, flushed and renamed."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from amos.edges.durable_host import replace_whole, sync_folder, write_whole
from amos_places.errors import NotThere, PlaceFailed, PlaceRefused
from amos_places.place import read_capped


class FolderPlace:
    """The folder `path`; made when something is written. Nobody else writes there at the same time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def below(self, name: str) -> "FolderPlace":
        return FolderPlace(self.path / name)

    def read(self, name: str, bytes_max: int) -> bytes:
        try:
            with open(self.path / name, "rb", buffering=0, opener=_at_once) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise PlaceRefused(f"{self.name}/{name}: expected a file, found something else")
                return read_capped(f"{self.name}/{name}", file.read(bytes_max + 1), bytes_max)
        except (FileNotFoundError, NotADirectoryError):
            raise NotThere(f"{self.name}: expected {name}, found none") from None
        except PlaceFailed:
            raise
        except OSError as error:
            raise PlaceFailed(f"{self.name}/{name}: {error.strerror or error}") from None

    def write(self, name: str, data: bytes) -> None:
        self._put(write_whole, name, data)

    def replace(self, name: str, data: bytes) -> None:
        """As `write`; yet after a power cut what stood there before may stand there still."""
        self._put(replace_whole, name, data)

    def _put(self, put: Callable[[Path, bytes], None], name: str, data: bytes) -> None:
        path = self.path / name
        try:
            put(path, data)
        except FileNotFoundError:
            _make_folder(path.parent)
            put(path, data)

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def names(self, folder: str) -> set[str]:
        found = set()
        for root, _folders, files in os.walk(self.path / folder):
            below = Path(root).relative_to(self.path)
            found |= {str(below / file) for file in files}
        return found

    def remove(self, folder: str) -> None:
        path = self.path / folder
        if path.is_dir():
            shutil.rmtree(path)


def _at_once(path: str, flags: int) -> int:
    """Opens also what nobody writes to: a FIFO in a mirror would wait for that."""
    return os.open(path, flags | os.O_NONBLOCK)


def _make_folder(path: Path) -> None:
    """The folder and those above it, whose names survive a power cut as the file's does."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path)

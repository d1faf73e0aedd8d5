"""The folder `amos` on a stick: read as a stranger's, written so that pulling the stick out leaves no half file.

Every name is opened relative to the folder and never through a link. A file is written whole under another name, made
durable and renamed. Names are lower-case letters, digits, `-`, `_` and `.`, at most 64, so that FAT keeps them apart;
on reading, upper case is taken too. Modification times mean nothing here: FAT rounds them to two seconds.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from amos_sync.errors import StickError, StickFull, StickRefused
from amos_sync.limits import STICK_NAMES_MAX

FOLDER_NAME = "amos"
MARK_NAME = "amos-stick.txt"
STAGED = ".new"
READ_BYTES = 1 << 16
NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,63}")


@contextmanager
def stick_errors(path: Path, doing: str) -> Iterator[None]:
    """What the system says of a stick, in words for who holds it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StickFull(f"{path}: the stick is full; delete something from it, or take a larger one") from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise StickError(f"{path}: the stick cannot be written; is its switch on read-only?") from error
        if error.errno in (errno.EIO, errno.ENODEV, errno.ENXIO):
            raise StickError(f"{path}: the stick was pulled out or is damaged ({error.strerror})") from error
        raise StickError(f"{path}: cannot be {doing}: {error.strerror or error}") from error


class StickFolder:
    """`amos` in the folder `root`, or a folder within it. A context; made when `create`, else it must be there."""

    def __init__(self, root: Path, create: bool, within: "int | None" = None) -> None:
        self.path = root / FOLDER_NAME if within is None else root
        self._descriptor = -1
        above = os.open(root, os.O_RDONLY | os.O_DIRECTORY) if within is None else within
        name = self.path.name
        try:
            with stick_errors(self.path, "opened"):
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(name, 0o700, dir_fd=above)
                self._descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        finally:
            if within is None:
                os.close(above)

    def __enter__(self) -> "StickFolder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)

    def inner(self, name: str, create: bool) -> "StickFolder":
        """A folder in this one."""
        return StickFolder(self.path / name, create, self._descriptor)

    def names(self) -> list[str]:
        """Names of what is there that could be ours; more than a stick can sensibly have are not looked at."""
        with stick_errors(self.path, "read"):
            found = []
            with os.scandir(self._descriptor) as entries:
                for entry in entries:
                    if NAME.fullmatch(entry.name.lower()):
                        found.append(entry.name)
                    if len(found) >= STICK_NAMES_MAX:
                        break
            return sorted(found)

    def has(self, name: str, size: int) -> bool:
        """Whether a file of that name and size is there."""
        with suppress(OSError):
            found = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
            return stat.S_ISREG(found.st_mode) and found.st_size == size
        return False

    @property
    def free_bytes(self) -> int:
        """Room on the stick."""
        with stick_errors(self.path, "read"):
            found = os.fstatvfs(self._descriptor)
            return found.f_bavail * found.f_frsize

    @contextmanager
    def reading(self, name: str, bytes_max: int) -> Iterator[BinaryIO]:
        """A regular file of at most so many bytes. Raises `StickRefused` for anything else of that name."""
        try:
            # Not blocking: a pipe would have the reader wait for ever.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise StickRefused(f"{name}: expected a file, found a link or something else") from None
            raise StickRefused(f"{name}: cannot be read: {error.strerror}") from None
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise StickRefused(f"{name}: expected a file, found something else")
        with os.fdopen(descriptor, "rb") as file:
            if found.st_size > bytes_max:
                raise StickRefused(f"{name}: expected at most {bytes_max} bytes, found {found.st_size}")
            yield file

    def write(self, name: str, fill: Callable[[BinaryIO], None]) -> None:
        """Have `fill` write the file, and put it there whole, in place of what stands under the name.

        When this returns it is on the stick, whatever happens next; else the name has what it had before. Raises
        `StickError`; what `fill` raises leaves no trace either.
        """
        staged = name[: 64 - len(STAGED)] + STAGED
        with stick_errors(self.path, "written"):
            with suppress(FileNotFoundError):
                os.unlink(staged, dir_fd=self._descriptor)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(staged, flags, 0o600, dir_fd=self._descriptor)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    fill(file)
                    file.flush()
                    os.fsync(descriptor)
                os.replace(staged, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
            except BaseException:
                with suppress(OSError):
                    os.unlink(staged, dir_fd=self._descriptor)
                raise
            self._sync()

    def remove(self, name: str) -> None:
        """Take a file away."""
        with stick_errors(self.path, "written"), suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that knows none for folders
                raise


def read_stick(name: str, file: BinaryIO) -> bytes:
    """The next piece of a file on a stick. Raises `StickRefused`, and no error of this machine's own disk."""
    try:
        return file.read(READ_BYTES)
    except OSError as error:
        raise StickRefused(f"{name}: cannot be read to its end: {error.strerror}") from None


def is_marked(root: Path) -> bool:
    """Whether somebody has said that this stick is to be used: a file `amos-stick.txt`, in whatever case."""
    with suppress(OSError), os.scandir(root) as entries:
        return any(entry.name.lower() == MARK_NAME for entry in entries)
    return False

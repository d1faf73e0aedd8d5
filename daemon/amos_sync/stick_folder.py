"""The folder `amos` on a stick: read as a stranger's, written so that pulling the stick out leaves no half file.

Every name is opened relative to the folder and never through a link. A file is written whole under another name, made
durable and renamed. Names are lower-case letters, digits, `-`, `_` and `.`, at most 64, so that FAT keeps them apart;
on reading, upper case is taken too. Modification times mean nothing here: FAT rounds them to two seconds.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from amos_sync.errors import StickAbsent, StickError, StickFull, StickRefused
from amos_sync.limits import STICK_ENTRIES_MAX, STICK_NAMES_MAX

FOLDER_NAME = "amos"
MARK_NAME = "amos-stick.txt"
STAGED = ".new"
READ_BYTES = 1 << 16
NAME_BYTES = 256
"""Of a long name in a folder of FAT: eight entries of 32 bytes."""
NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,63}")


_OF_ANOTHER_KIND = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP)


@contextmanager
def stick_errors(path: Path, doing: str) -> Iterator[None]:
    """What the system says of a stick, in words for who holds it. `doing`: opened, read or written."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StickFull(f"{path}: the stick is full; delete something from it, or take a larger one") from error
        if error.errno == errno.EROFS:
            raise StickError(
                f"{path}: the stick cannot be written; is its switch on read-only? If not, it is damaged: have a"
                " computer check it for errors, or take another one"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise StickError(
                f"{path}: cannot be {doing} by this user; mount the stick for this user, or be the one who mounted it"
            ) from error
        if error.errno in (errno.EIO, errno.ENODEV, errno.ENXIO):
            raise StickError(f"{path}: the stick was pulled out or is damaged ({error.strerror})") from error
        if error.errno in _OF_ANOTHER_KIND:
            expected = "a folder" if doing == "opened" else "a file or a free name"
            raise StickError(f"{path}: expected {expected}, found {_kind(path)}; rename or delete that") from error
        raise StickError(f"{path}: cannot be {doing}: {error.strerror or error}") from error


class StickFolder:
    """`amos` in the folder `root`, or a folder within it. A context; made when `create`, else it must be there: raises
    `StickAbsent` where it is not, `StickError` where it cannot be opened."""

    def __init__(self, root: Path, create: bool, within: "int | None" = None) -> None:
        self.path = root / FOLDER_NAME if within is None else root
        self._descriptor = -1
        with stick_errors(root, "opened"):
            above = os.open(root, os.O_RDONLY | os.O_DIRECTORY) if within is None else within
        name = self.path.name
        try:
            with stick_errors(self.path, "opened"):
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(name, 0o700, dir_fd=above)
                self._descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        except StickError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise StickAbsent(f"{self.path}: not there") from None
            raise
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

    def names(self, kind: re.Pattern[str] = NAME, names_max: int = STICK_NAMES_MAX) -> list[str]:
        """Names there of this kind; more than a stick can sensibly have are not looked at. Raises `StickError`."""
        with stick_errors(self.path, "read"):
            found = []
            with os.scandir(self._descriptor) as entries:
                for entry in islice(entries, STICK_ENTRIES_MAX):
                    if kind.fullmatch(entry.name.lower()):
                        found.append(entry.name)
                    if len(found) >= names_max:
                        break
            return sorted(found)

    def holds(self, name: str, size: int, sha256: bytes) -> bool:
        """Whether a file of that name has these bytes. All of them are read: a file system that was torn keeps the
        size of a file and loses what is in it. A file that cannot be read to its end has other bytes."""
        digest, found = hashlib.sha256(), 0
        with suppress(StickRefused), self.reading(name, size) as file:
            while data := read_stick(name, file):
                digest.update(data)
                found += len(data)
        return found == size and digest.digest() == sha256

    @property
    def free_bytes(self) -> int:
        """Room on the stick."""
        with stick_errors(self.path, "read"):
            found = os.fstatvfs(self._descriptor)
            return found.f_bavail * found.f_frsize

    def needed_bytes(self, sizes: Iterable[int]) -> int:
        """Room that files of these sizes take there: whole clusters, and their names."""
        with stick_errors(self.path, "read"):
            cluster = os.fstatvfs(self._descriptor).f_frsize
        return sum(-(-size // cluster) * cluster + NAME_BYTES for size in sizes)

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
        with stick_errors(self.path / staged, "written"), suppress(FileNotFoundError):
            os.unlink(staged, dir_fd=self._descriptor)
        with stick_errors(self.path / name, "written"):
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
        """Take a file away, if there is one. Raises `StickError`."""
        with stick_errors(self.path / name, "written"), suppress(FileNotFoundError, IsADirectoryError):
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


def megabytes(count: int) -> str:
    """So many bytes in words, rounded up."""
    return f"{-(-count // 1_000_000)} MB"


def _kind(path: Path) -> str:
    """What lies there, in words."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return "something else"
    kinds = ((stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a folder"), (stat.S_ISREG, "a file"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "something else")


def is_marked(root: Path) -> bool:
    """Whether somebody has said that this stick is to be used: a file `amos-stick.txt`, in whatever case."""
    with suppress(OSError), os.scandir(root) as entries:
        return any(entry.name.lower() == MARK_NAME for entry in entries)
    return False

"""The folder that keeps fetched tools between runs."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amos_tools.toolchain.errors import ToolMissing

PARTIAL = ".partial-"


def folder(name: str = "tools") -> Path:
    """A cache folder, made if need be: `$XDG_CACHE_HOME/amos/<name>`, `~/.cache/amos/<name>`, or a temporary one.

    Service users often have no home; theirs is a folder of their own below the system's temporary folder.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    wanted = (Path(base) if base and Path(base).is_absolute() else Path("~/.cache").expanduser()) / "amos" / name
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        if os.access(wanted, os.W_OK | os.X_OK):
            return wanted
    except (OSError, RuntimeError):
        pass
    return _private(Path(tempfile.gettempdir()) / f"amos-{name}-{os.getuid()}")


def _private(path: Path) -> Path:
    """`path`, checked to be ours alone: programs are started from it, and the folder above is everyone's."""
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise ToolMissing(f"{path} belongs to someone else; set XDG_CACHE_HOME to a folder of yours")
    return path


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Holds the cache for one process; another waits here until the first has fetched."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def staged(cache: Path, name: str) -> Iterator[Path]:
    """An empty folder to fill, which becomes `cache/name` only when the block ends without an exception.

    Call with the lock held. A crash leaves a partial folder that the next call removes, never a `name`.
    """
    for leftover in cache.glob(PARTIAL + "*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=cache))
    try:
        yield partial
        partial.chmod(0o755)
        partial.rename(cache / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)

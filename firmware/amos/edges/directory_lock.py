"""One player a directory: two would sign different play under the same numbers, and damage each other's journal."""

from amos.compat import MICROPYTHON

if not MICROPYTHON:
    from amos.edges.directory_lock_host import lock_folder, unlock
else:
    try:
        import ffi

        _c = ffi.open(None)
        _open = _c.func("i", "open", "si")
        _flock = _c.func("i", "flock", "ii")
        unlock = _c.func("i", "close", "i")

        def lock_folder(path: str) -> "int | None":
            """The unix port: the C library's own calls. They find no folder of a file system that MicroPython has
            mounted itself, nor does another process."""
            descriptor = _open(path, 0)
            if descriptor >= 0 and _flock(descriptor, 2 | 4):  # LOCK_EX | LOCK_NB
                unlock(descriptor)
                return None
            return descriptor

    except ImportError:

        def lock_folder(path: str) -> "int | None":
            """Boards run one program."""
            return 0

        def unlock(descriptor: int) -> None:
            return None


class DirectoryInUse(OSError):
    """Another player runs in the directory."""


class DirectoryLock:
    """Keeps a directory to this player until `release`. The system releases it however the process ends, so no file
    is left that somebody would have to remove. Raises `DirectoryInUse`, OSError."""

    def __init__(self, directory: str):
        self._descriptor = lock_folder(directory)
        if self._descriptor is None:
            raise DirectoryInUse("%s: expected no other player here, found one that runs; stop it first" % directory)

    def release(self) -> None:
        if self._descriptor is not None:
            unlock(self._descriptor)
            self._descriptor = None

    __del__ = release

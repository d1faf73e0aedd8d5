"""Files and folders that only their owner can use, on each runtime.

Contract: what is made or opened for writing here has mode 0600, a folder 0700, whatever the umask; a file system
without modes keeps its own. A symbolic link under the name is never followed: OSError, or it gives way to the new file.

create_private(path)             a file for writing that nobody else holds: what stood under the name is removed
open_private(path, mode, buffering=-1)
                                 "wb" and "ab" make it when absent, "r+b" does not; buffering 0 means none, which
                                 MicroPython never has
keep_private(file)               an open file is its owner's alone from here on, where the system lets us say so
make_private_folder(path)        OSError when it is there
"""

from amos.compat import MICROPYTHON

__all__ = ("create_private", "keep_private", "make_private_folder", "open_private")

if not MICROPYTHON:
    from amos.edges.private_host import create_private, keep_private, make_private_folder, open_private
else:
    try:
        from amos.edges.private_ffi import create_private, keep_private, make_private_folder, open_private
    except ImportError:
        import os

        make_private_folder = os.mkdir

        def create_private(path: str):
            """Boards have neither users nor links."""
            return open(path, "wb")

        def open_private(path: str, mode: str, buffering: int = -1):
            """As above."""
            return open(path, mode)

        def keep_private(file) -> None:
            """As above."""

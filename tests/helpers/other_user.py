"""What another user of this machine can read."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

NOBODY = 65534
READ_ALL = """
import os, sys
os.setgroups([])
os.setgid(%d)
os.setuid(%d)
for path in sys.argv[1:]:
    try:
        open(path, "rb").read(1)
        print(path)
    except PermissionError:
        pass
"""


def others_read(paths: Iterable[Path]) -> list[str]:
    """Those of the files that another user reads: asked of the system, where this user may become another."""
    if os.getuid() != 0:
        return [str(path) for path in paths if path.stat().st_mode & 0o077]
    words = [sys.executable, "-c", READ_ALL % (NOBODY, NOBODY), *map(str, paths)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60, cwd="/")
    return done.stdout.split()

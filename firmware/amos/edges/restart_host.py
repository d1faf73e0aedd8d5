"""A process that starts anew in its own place, with the words and the environment it was started with."""

import os
import sys


def start_anew() -> None:
    """Does not return. Raises OSError where the interpreter is gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, sys.orig_argv)

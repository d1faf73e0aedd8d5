"""Ctrl-C ends a command with one line and exit code 130, also while its parts are still being loaded.

Imports nothing but what Python has loaded by then: until this is at work, an interrupt shows a traceback.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130


@contextmanager
def saying_interrupted(program: str) -> Iterator[None]:
    """Around a whole command. A command that says itself what an interrupt leaves is not added to."""
    try:
        yield
    except KeyboardInterrupt:
        pass
    except SystemExit as end:
        if end.code != INTERRUPTED or not _came_unsaid(end):
            raise
    else:
        return
    print(f"{program}: interrupted", file=sys.stderr)
    sys.exit(INTERRUPTED)


def _came_unsaid(end: SystemExit) -> bool:
    """Whether Typer made this end of an interrupt, by `raise Exit(130) from interrupt`."""
    return isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt)

"""Addresses as pictures where a person looks at a terminal; programs that read a command get none."""

import os
import sys


def picture_lines(address: str) -> list[str]:
    """Lines of a QR code; none where standard output is no terminal that shows them, or the extra `web`, which draws
    it, is absent."""
    if not (sys.stdout.isatty() and _shows_blocks() and _has_colours()):
        return []
    try:
        from amos_web.qr import qr_lines
    except ImportError:
        return []
    return qr_lines(address)


def _shows_blocks() -> bool:
    try:
        "▀▄█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _has_colours() -> bool:
    """Without them a code is light on dark in many terminals, which some cameras do not read."""
    return os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")

"""Addresses as pictures where a person looks at a terminal; programs that read a command get none."""

import sys


def picture_lines(address: str) -> list[str]:
    """Lines of a QR code; none where standard output is no terminal, or the extra `web`, which draws it, is absent."""
    if not sys.stdout.isatty():
        return []
    try:
        from amos_web.qr import qr_lines
    except ImportError:
        return []
    return qr_lines(address)

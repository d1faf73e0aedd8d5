"""Text of somebody else in a table."""

from rich.markup import escape

from amos.protocol.printable_host import printable

TEXT_LETTERS_MAX = 1000
"""Longer than anything that a vault takes as a title or a name."""


def plain(text: object) -> str:
    """No markup, and nothing that a terminal would obey."""
    return escape(printable(text, letters_max=TEXT_LETTERS_MAX))

"""Texts that people write: a line that shows what it says, and files of UTF-8 with or without a byte order mark."""

from amos.protocol.printable_host import printable
from amos_cli.output import UsageError


class TextFault(ValueError):
    """Bytes that are no UTF-8 text; the message begins with line and column."""


def decode_text(data: bytes) -> str:
    """The text, without a byte order mark. Raises `TextFault`."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = place_of(error)
        found = error.object[error.start]
        raise TextFault(f"line {line}, column {column}: expected UTF-8 text, found byte 0x{found:02x}") from None


def place_of(error: UnicodeDecodeError) -> tuple[int, int]:
    """Line and column, from 1, of the byte that is no text."""
    before = error.object[: error.start]
    return before.count(b"\n") + 1, len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig", "replace")) + 1


def shown_line(name: str, text: str, bytes_max: int) -> str:
    """A text that is kept and shown to others: 1 to `bytes_max` bytes of UTF-8 that are not all blank, without letters
    that a terminal or a browser obeys, such as controls, line breaks, and those that turn the order of others. Raises
    `UsageError`, which calls it `name`."""
    size = len(text.encode(errors="replace"))
    if not text.strip() or size > bytes_max:
        raise UsageError(f"{name}: expected 1 to {bytes_max} bytes of text, found {size}")
    for at, letter in enumerate(text, 1):
        if not letter.isprintable():
            raise UsageError(
                f"{name}: expected printable text on one line, found U+{ord(letter):04X} as letter {at} of"
                f" {printable(text, 40)!r}"
            )
    return text

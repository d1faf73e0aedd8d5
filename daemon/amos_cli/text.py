"""Text files that people write: UTF-8 with or without a byte order mark, and the place of what is none."""


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

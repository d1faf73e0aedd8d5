"""Key files: 32 bytes, or the same as 64 hexadecimal digits on one line."""

from pathlib import Path

from amos.crypto.key_text import key_of_hex

KEY_BYTES = 32
_BOM = b"\xef\xbb\xbf"
_FILE_BYTES_MAX = len(_BOM) + 2 * KEY_BYTES + 2


class KeyFileError(Exception):
    """A key file that cannot be read or holds no key; the message never shows what it holds."""


def read_key(path: Path) -> bytes:
    """The 32-byte seed or public key in `path`. Raises `KeyFileError`."""
    try:
        if path.exists() and not path.is_file():
            raise KeyFileError(f"{path}: expected a file, found something else of that name")
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: expected a readable key file, found {error.strerror}") from None
    if len(data) == KEY_BYTES:
        return data
    key = key_of_hex(data.removeprefix(_BOM).decode("ascii", "replace").strip())
    if key is None:
        raise KeyFileError(f"{path}: expected {KEY_BYTES} bytes or {2 * KEY_BYTES} hex digits, found neither")
    return key

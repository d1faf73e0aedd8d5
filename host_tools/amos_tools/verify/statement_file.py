"""A statement's file: JSON, compressed by gzip (RFC 1952) or plain. Its first bytes say which, not its name."""

import zlib
from pathlib import Path

from amos_tools.verify.errors import Unreadable
from amos_tools.verify.light import STATEMENT_BYTES_MAX
from amos_tools.verify.published import read_file

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW_BITS = 31
"""By which zlib takes a gzip header and trailer, and nothing else."""
_SUFFIXES = (".json", ".json.gz")


def read_statement_file(path: Path) -> bytes:
    """The statement's JSON, at most `STATEMENT_BYTES_MAX` bytes of it. Raises `Unreadable`."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # nobody may ever write to a pipe in a folder
        raise Unreadable(f"{path}: expected a file, found something else")
    data = read_file(path, STATEMENT_BYTES_MAX)
    return _decompressed(path, data) if data.startswith(GZIP_MAGIC) else data


def statement_files(folder: Path, within: str = "", payee: str = "*") -> list[Path]:
    """The files in a folder, or in its folders that match `within`, that are named like statements; in their order."""
    names = [f"{within}/{payee}{suffix}" if within else f"{payee}{suffix}" for suffix in _SUFFIXES]
    return sorted(path for name in names for path in folder.glob(name))


def _decompressed(path: Path, data: bytes) -> bytes:
    inflater = zlib.decompressobj(_GZIP_WINDOW_BITS)
    try:
        plain = inflater.decompress(data, STATEMENT_BYTES_MAX + 1)
    except zlib.error as error:
        raise Unreadable(f"{path}: expected a whole gzip file, found: {error}") from None
    if len(plain) > STATEMENT_BYTES_MAX:
        raise Unreadable(f"{path}: expected at most {STATEMENT_BYTES_MAX} bytes when decompressed, found more")
    if not inflater.eof:
        raise Unreadable(f"{path}: expected a whole gzip file, found one that is cut off")
    if inflater.unused_data:
        raise Unreadable(f"{path}: expected the end of the file after its gzip member, found more")
    return plain

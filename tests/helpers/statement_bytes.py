"""What a statement's file says, in either of its forms."""

import gzip
from pathlib import Path


def statement_bytes(path: Path) -> bytes:
    """Its JSON."""
    data = path.read_bytes()
    return data if path.suffix == ".json" else gzip.decompress(data)

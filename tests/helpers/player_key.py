"""A key for players that make none themselves: their music is drawn from it, so it is the same in each run."""

import hashlib
from pathlib import Path


def give_key(folder: Path) -> None:
    """Put into a player's directory, where there is none yet, the key that belongs to the directory's name."""
    path = folder / "device.key"
    if not path.exists():
        path.write_bytes(hashlib.sha256(folder.name.encode()).digest())

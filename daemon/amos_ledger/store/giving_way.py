"""A SQLite file gives its name to a new one and has another. What a power cut leaves, in whatever order names persist:

  before the swap  the old database under its name, and perhaps under the other one too
  after it         the new database

SQLite finds a write-ahead log by the name of its database, and would play what the old one left beside it into the new
one. So the old one's goes first: into its main file where SQLite can read that, else aside; and each step is durable
before the next.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from amos.edges.durable_host import sync_folder

SIDE_FILES = ("-wal", "-shm")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else writes to the database meanwhile, and all of it is in its main file. What is no database, or is not
    there, nobody writes to. Raises `sqlite3.OperationalError` where somebody has it open."""
    connection = None
    try:
        if path.exists():
            connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        if connection is not None:
            connection.close()
        raise
    except sqlite3.DatabaseError:
        pass
    try:
        yield
    finally:
        if connection is not None:
            connection.close()


def give_way(path: Path, new: Path, kept: Path, at: Callable[[str], None] = lambda step: None) -> None:
    """Put `new`, which nobody has open, in the place of `path`, which is `held` and is `kept` under that name. `at` is
    told of each step. Raises `OSError`."""
    for suffix in SIDE_FILES:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + suffix))
    if path.exists():
        os.link(path, kept)
    sync_folder(path)
    at("kept")
    with new.open("rb") as file:
        os.fsync(file.fileno())
    at("ready")
    os.replace(new, path)
    sync_folder(path)
    at("swapped")

"""The content of a folder as a value: read, written, compared."""

import os
import shutil
from hashlib import sha256
from pathlib import Path

State = dict[str, bytes | None]
"""A folder: the content of each file in it by its path, None for a folder. SQLite's shared memory (`-shm`) is no part
of it: whoever opens a database that nobody has open begins that anew."""


def read_state(folder: Path) -> State:
    """What is in the folder."""
    state: State = {}
    for place, folders, files in os.walk(folder):
        inside = os.path.relpath(place, folder)
        state |= {os.path.normpath(f"{inside}/{name}"): None for name in folders}
        for name in files:
            if not name.endswith("-shm"):
                with open(f"{place}/{name}", "rb") as file:
                    state[os.path.normpath(f"{inside}/{name}")] = file.read()
    return state


def write_state(folder: Path, state: State) -> None:
    """Make the folder what the state says."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in sorted(state):
        data = state[name]
        if data is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(data)


def digest(state: State) -> bytes:
    """The same for the same state alone."""
    parts = [f"{name}\n{'' if data is None else sha256(data).hexdigest()}\n" for name, data in sorted(state.items())]
    return sha256("".join(parts).encode()).digest()

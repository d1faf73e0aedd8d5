"""`sessions.jsonl`: a line about each life of a player, for people and tools."""

import json

from amos.edges.private import open_private


def append_session(directory: str, facts: dict) -> "str | None":
    """Add a line, not synced: nothing depends on it. Returns a sentence when there is no room for it, else None."""
    path, line = directory + "/sessions.jsonl", json.dumps(facts) + "\n"
    try:
        with open_private(path, "ab") as file:
            file.write(("\n" + line if _is_cut(path) else line).encode())
    except OSError as error:
        return "sessions.jsonl: expected room for a line, found %s; nothing depends on it" % error
    return None


def _is_cut(path: str) -> bool:
    """Whether the last line there is not whole: the disk was full, or power was cut."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 1, 0))
        return size > 0 and file.read(1) != b"\n"

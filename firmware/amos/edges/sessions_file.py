"""`sessions.jsonl`: a line about each life of a player, for people and tools."""

import json

from amos.edges.private import open_private


def append_session(directory: str, facts: dict) -> "str | None":
    """Add a line, not synced: nothing depends on it. Returns a sentence when there is no room for it, else None."""
    try:
        with open_private(directory + "/sessions.jsonl", "ab") as file:
            file.write((json.dumps(facts) + "\n").encode())
    except OSError as error:
        return "sessions.jsonl: expected room for a line, found %s; nothing depends on it" % error
    return None

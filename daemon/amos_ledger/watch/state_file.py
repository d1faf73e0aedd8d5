"""What was told, on disk: whole after every crash, and one process at a time."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amos.edges.durable_host import write_whole
from amos.edges.private_host import open_private
from amos_ledger.errors import WatchStateUnusable
from amos_ledger.own_json import read_json
from amos_ledger.watch.alerts import Alert, Alerts

VERSION = 1


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else reads and writes the state meanwhile."""
    with open_private(path.with_name(path.name + ".lock"), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_state(path: Path) -> Alerts:
    """What stands there; nothing, where nothing does. Raises `WatchStateUnusable`."""
    try:
        data = read_json(path)
        if data["version"] != VERSION:
            raise ValueError
        return Alerts.of_facts(data["alerts"])
    except FileNotFoundError:
        return Alerts()
    except (ValueError, TypeError, KeyError, AttributeError):
        raise WatchStateUnusable(f"{path}: expected what `watch` has written; move it away to begin anew") from None


def snooze_alert(path: Path, key: str, until_unix_s: int) -> Alert | None:
    """Do not tell the one alert whose key begins so before that time; None where there is no such one. Raises
    `WatchStateUnusable`, `OSError`."""
    with locked(path):
        kept = read_state(path)
        found = kept.snooze(key, until_unix_s)
        if found is not None:
            write_state(path, kept)
    return found


def write_state(path: Path, alerts: Alerts) -> None:
    """When this returns, it survives a power cut. Raises `OSError`."""
    text = json.dumps({"version": VERSION, "alerts": alerts.facts()}, indent=1, ensure_ascii=False)
    write_whole(path, text.encode() + b"\n", 0o600)

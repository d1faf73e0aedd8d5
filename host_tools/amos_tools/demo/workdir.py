"""Where the demo keeps everything; a second run with the same folder continues from what is there."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amos_tools.demo.processes import DemoError
from amos_tools.toolchain import cache

PUBLISHER, OPERATOR = "publisher", "operator"
BYTES_A_SECOND = 44_100 * 2 * 2
"""Of the players' WAV files: int16, stereo."""


LOCK = "demo.lock"


@contextmanager
def workdir(asked_for: Path | None) -> Iterator["Workdir"]:
    """The folder that was asked for; else one in the user's cache, which holds the last demo's results until the next
    begins. Raises `DemoError` where another demo works in it, and OSError."""
    root = (asked_for or cache.folder("demo")).resolve()
    root.mkdir(parents=True, exist_ok=True)
    with (root / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another demo works in {root}: name another folder with --workdir") from None
        if asked_for is None:
            _empty(root)
        yield Workdir(root)


def _empty(root: Path) -> None:
    for path in root.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


@dataclass(frozen=True)
class Workdir:
    """The folders of one demo."""

    root: Path

    def make(self) -> None:
        """Make what is missing. Raises OSError."""
        for folder in (self.audio, self.logs, self.keys, self.statements, self.spool, self.root / "players"):
            folder.mkdir(parents=True, exist_ok=True)
        self.keys.chmod(0o700)

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def pack(self) -> Path:
        return self.root / "pack"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def statements(self) -> Path:
        return self.root / "statements"

    @property
    def audio(self) -> Path:
        return self.root / "audio"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    def key(self, name: str) -> Path:
        """Key file of the publisher or the operator."""
        return self.keys / f"{name}.key"

    def player(self, name: str) -> Path:
        return self.root / "players" / name

    def lives(self, name: str) -> list[dict[str, Any]]:
        """What each life of a player's process left in `sessions.jsonl`. Players of 0.1.0 called their id `device`."""
        path = self.player(name) / "sessions.jsonl"
        lives = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [{"device_id" if name == "device" else name: fact for name, fact in life.items()} for life in lives]

    def music_s(self, name: str) -> int:
        """How much of its music a player has written so far."""
        path = self.audio / f"{name}.wav"
        return path.stat().st_size // BYTES_A_SECOND if path.exists() else 0

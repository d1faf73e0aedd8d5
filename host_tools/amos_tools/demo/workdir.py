"""Where the demo keeps everything; a second run with the same folder continues from what is there."""

import json
from dataclasses import dataclass
from pathlib import Path

PUBLISHER, OPERATOR = "publisher", "operator"


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

    def lives(self, name: str) -> list[dict[str, int]]:
        """What each life of a player's process left in `sessions.jsonl`."""
        path = self.player(name) / "sessions.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

"""How a courier is to run, as its command line, file and checks agree on it."""

from dataclasses import dataclass
from pathlib import Path

from amos_mqtt.broker import Broker
from amos_sync.limits import SPOOL_BYTES_MAX


@dataclass(frozen=True)
class Settings:
    """How to run. `ledger_key` (32 bytes) has the courier check receipts too; the player decides in any case.

    `opt_outs` is a file with the publisher's list, for players to get beside the one that the broker retains.
    `packs` is the folder or URL of the pack that players should have; `publisher_key` has the courier check it too.
    `operator_key` has it check directives, and fetch packs from where they say; players decide in any case.
    `home_assistant` shows players there.
    """

    site: str
    addresses: tuple[str, ...]
    broker: Broker
    spool: Path
    ledger_key: bytes | None = None
    spool_bytes_max: int = SPOOL_BYTES_MAX
    opt_outs: Path | None = None
    packs: str | Path | None = None
    publisher_key: bytes | None = None
    operator_key: bytes | None = None
    home_assistant: bool = False

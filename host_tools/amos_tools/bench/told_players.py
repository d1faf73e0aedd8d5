"""Players for the bench of what they are told: real ones behind real sockets, but for music, in one process.

python -m amos_tools.bench.told_players FOLDER COUNT PUBLISHER_KEY OPERATOR_KEY

prints `NUMBER WHAT NANOSECONDS` when one has taken an opt-out list or a directive, by the machine's monotonic clock.
"""

import os
import sys
import time
from pathlib import Path

from amos import crypto
from amos.anchored_clock import AnchoredClock
from amos.config import Config
from amos.device import Device
from amos.directives import Directives
from amos.edges.clock import SystemClock
from amos.edges.sector_memory import MemorySectorDevice
from amos.edges.two_slot_file import TwoSlotFile
from amos.identity import Identity
from amos.journal.journal import Journal
from amos.ledger_keys import LedgerKeys
from amos.operator_keys import OperatorKeys
from amos.player_state import PlayerState
from amos.protocol.limits import OPT_OUTS_BYTES_MAX
from amos.rights.lease_clock import LeaseClock
from amos.rights.opt_out_list import OptOutList
from amos.rights.rights import Rights
from amos.tier_kept import TierKept
from amos_tools.bench.many_players import listening, serve_apart

OPT_OUTS, DIRECTIVE = "opt-outs", "directive"


def seed_of(number: int) -> bytes:
    """Of that player's key."""
    return number.to_bytes(32, "big")


class ToldPlayer(Device):
    """One that says when it has taken something."""

    def __init__(self, folder: Path, number: int, publisher: str, operator: str) -> None:
        self.number = number
        keys = {"publisher_key": publisher, "ledger_key": publisher, "operator_key": operator}
        config = Config(str(folder), keys | {"out": "null", "pace": "free", "tier": 255})
        clock = AnchoredClock(SystemClock(), os.urandom)
        journal = Journal(MemorySectorDevice(1 << 15), bytes(8))
        journal.begin_boot()
        identity = Identity(seed_of(number), config)

        def kept(name: str) -> TwoSlotFile:
            return TwoSlotFile(f"{folder}/{number}-{name}", OPT_OUTS_BYTES_MAX)

        opt_outs = OptOutList(kept("opt-outs"), config.publisher_key, crypto.verify)
        rights = Rights(opt_outs, LeaseClock(kept("time"), clock.now_ms(), None))
        ledger_keys, device_id = LedgerKeys(config.ledger_key), identity.device_id
        operator_keys = OperatorKeys(config.operator_key, ledger_keys)
        directives = Directives(operator_keys, device_id, crypto.verify, kept("directive"))
        state = PlayerState(bytes(32), TierKept(kept("tier"), 0))
        super().__init__(identity, state, rights, journal, clock, ledger_keys, directives=directives)

    def take_opt_outs(self, data: bytes) -> None:
        """As a device does."""
        super().take_opt_outs(data)
        _say(self.number, OPT_OUTS)

    def take_directive(self, data: bytes) -> None:
        """As a device does."""
        super().take_directive(data)
        _say(self.number, DIRECTIVE)


def _say(number: int, what: str) -> None:
    """In one piece, for threads share the output."""
    os.write(sys.stdout.fileno(), b"%d %s %d\n" % (number, what.encode(), time.monotonic_ns()))


def main(folder: Path, count: int, publisher: str, operator: str) -> None:
    """For ever."""
    players = [(listening(folder, number), ToldPlayer(folder, number, publisher, operator)) for number in range(count)]
    print("ready", flush=True)
    serve_apart(players)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])

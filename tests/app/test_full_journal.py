"""A journal that is full stops play; the ledger's receipt makes room, and play goes on by itself."""

from pathlib import Path

import pytest
from test_app import PUBLISHER, SEED, pack
from test_device import LEDGER, receipt_for

from amos import crypto
from amos.app import Player
from amos.config import Config
from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal
from amos.player_state import UNHEARD
from amos.protocol.link import OUTPUT_NONE, STATE_FULL, STATE_PLAYING, STATE_STOPPED
from amos.protocol.usage_reader import open_usage

__all__ = ("pack",)  # a fixture

RING_BYTES = 256 << 10
FILL = 7
"""Segments of 15 KiB, with which such a ring is nearly full."""


@pytest.mark.parametrize(
    ("lengths", "plays"),
    [([15 << 10] * FILL + [8 << 10], 1), ([15 << 10] * FILL, 2)],
    ids=["at the start", "amid play"],
)
def test_play_goes_on_by_itself_when_receipts_have_made_room(
    lengths: list[int], plays: int, pack: Path, tmp_path: Path
) -> None:
    (tmp_path / "device.key").write_bytes(SEED)
    store = FileSectorDevice(str(tmp_path / "journal.ring"), RING_BYTES)
    journal = Journal(store, bytes(8))
    for sequence, length in enumerate(lengths, 1):
        journal.seal(sequence, bytes(length), 1000)
    store.close()
    keys = {"publisher_key": crypto.public_key(PUBLISHER).hex(), "ledger_key": crypto.public_key(LEDGER).hex()}
    full: list[int] = []
    turns_full = 0
    said: list[str] = []

    def turn() -> None:
        nonlocal turns_full
        device = player.device
        status = device.status()
        if status.state == STATE_FULL:
            turns_full += 1
            assert "sync the player" in (status.text or "") and status.output == OUTPUT_NONE and status.frame == 0
            if turns_full == 3:
                full.append(status.next_sequence - 1)
                entry = bytes(device.journal.read(full[0], 0, 1 << 16))
                device.take_receipt(full[0], receipt_for(entry))
            elif turns_full > 50:
                player.stop()
        elif full:
            assert (status.state, status.text) == (STATE_PLAYING, UNHEARD)
            if status.frame > 30 * status.rate_hz:
                player.stop()

    given = keys | {"pack": str(pack), "out": "null", "pace": "free", "tier": 255}
    player = Player(Config(str(tmp_path), given), said.append, heartbeat=turn)
    player.run()
    assert full and player.device.player_state.state == STATE_STOPPED
    assert len([line for line in said if "playing:" in line]) == plays
    store = FileSectorDevice(str(tmp_path / "journal.ring"), RING_BYTES)
    journal = Journal(store, bytes(8))
    (after,) = [
        open_usage(journal.read(n, 0, 1 << 16), crypto.public_key(SEED), crypto.verify) for n in journal.segments
    ]
    assert after.sequence == full[0] + 1 and after.first_frame == 0 and after.lost_first is None
    store.close()

"""An I2S unit that fails while music plays: play and metering stop, and go on when it is back; nothing is counted in
between."""

from pathlib import Path
from typing import Any

import pytest
from board_output import Clock, Outputs, one_stem_pack, player_on

from amos import crypto
from amos.app import Player
from amos.edges.i2s_out import LATENCY_MS
from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal
from amos.protocol.link import OUTPUT_LOST, OUTPUT_OK, STATE_FAULT, STATE_PLAYING, Status
from amos.protocol.link_device import DeviceLink
from amos.protocol.usage_reader import open_usage
from amos_tools.boards import board_names, load_board

MICROPYTHON = [name for name in board_names() if load_board(name)["runtime"] == "micropython"]
LOST_MS, BACK_MS, END_MS = 3000, 33000, 36000


class Port:
    """Nobody at the link; looks at the status as time goes on, unplugs the output and plugs it in again."""

    def __init__(self, outputs: Outputs):
        self.outputs = outputs
        self.seen: list[tuple[int, Status]] = []
        self.player: Player | None = None

    def link_of(self, player: Any) -> DeviceLink:
        return DeviceLink(player, 256)

    def poll(self, device: object, timeout_ms: int) -> bool:
        clock, player = self.outputs.clock, self.player
        clock.sleep_ms(timeout_ms)
        assert player is not None
        self.seen.append((clock.now_ms(), player.device.status()))
        if LOST_MS <= clock.now_ms() < BACK_MS:
            if not self.outputs.gone:
                self.outputs.unplug("ETIMEDOUT")
        elif self.outputs.gone:
            self.outputs.plug()
        if clock.now_ms() >= END_MS:
            player.stop()
        return False


@pytest.mark.parametrize("name", MICROPYTHON)
def test_an_i2s_unit_that_fails_stops_play_and_metering_until_it_is_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate_hz = load_board(name)["audio.rate_hz"]
    outputs = Outputs(Clock(), monkeypatch)
    port = Port(outputs)
    port.player = player = player_on(name, tmp_path, one_stem_pack(tmp_path, rate_hz), port, outputs, monkeypatch)
    player.run()
    before = [status for at, status in port.seen if at < LOST_MS]
    lost = [status for at, status in port.seen if LOST_MS + 100 < at < BACK_MS]
    after = [status for at, status in port.seen if at > BACK_MS + 1100]
    assert {(status.state, status.output) for status in before + after} == {(STATE_PLAYING, OUTPUT_OK)}
    assert {(status.state, status.output) for status in lost} == {(STATE_FAULT, OUTPUT_LOST)}
    assert "ETIMEDOUT" in str(lost[0].text) and after[-1].text is None
    (stood,) = {status.frame for status in lost}
    assert before[-1].frame <= stood < after[0].frame < after[-1].frame

    first, second = outputs.made
    assert stood <= len(first.heard) // 4, "what is counted was heard"
    store = FileSectorDevice(str(tmp_path / "player" / "journal.ring"), load_board(name)["storage.journal_bytes"])
    journal, key = Journal(store, bytes(8)), player.device.identity.public_key
    usages = [open_usage(journal.read(n, 0, 1 << 16), key, crypto.verify) for n in sorted(journal.segments)]
    delivered = sum(usage.delivered_frames for usage in usages)
    assert delivered == stood + len(second.heard) // 4 and len(usages) > 1
    assert sum(sum(usage.frames) for usage in usages) <= delivered
    assert delivered <= (LOST_MS + END_MS - BACK_MS + LATENCY_MS) * rate_hz // 1000

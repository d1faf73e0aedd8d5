"""How soon an opt-out is heard on every board: from its acceptance on the link to the last audible frame, with the
whole player and a faked output. Time is the output's own; rendering takes none, so its buffer is as full as it gets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from board_output import FADE_MS, Clock, Outputs, one_stem_pack, player_on
from boards_pack import PUBLISHER

from amos import crypto
from amos.packs.folder import open_pack
from amos.protocol.link import OFFER_OPT_OUTS
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_offer import offer
from amos.protocol.link_courier_talk import Conversation
from amos.protocol.link_device import DeviceLink
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_tools.boards import board_names, load_board
from protocol_player import fed

LATENCY_MS_MAX = 100
PLAYED_MS = 4000


class Port:
    """A courier that brings `opt_outs` after four seconds; `accepted_frame`: frames heard when they were taken."""

    def __init__(self, outputs: Outputs, opt_outs: bytes):
        self.outputs, self.opt_outs = outputs, opt_outs
        self.accepted_frame: int | None = None

    def link_of(self, player: Any) -> DeviceLink:
        return DeviceLink(player, 256)

    def poll(self, device: Any, timeout_ms: int) -> bool:
        clock = self.outputs.clock
        clock.sleep_ms(timeout_ms)
        if clock.now_ms() < PLAYED_MS or self.accepted_frame is not None:
            return False
        link = CourierLink(1)
        talk = Conversation(offer(link, OFFER_OPT_OUTS, 0, self.opt_outs))
        while not talk.done:
            link.feed(fed(device, link.outgoing(0)), 0)
            talk.advance(0)
        assert talk.result is None
        self.accepted_frame = self.outputs.made[0].heard_frames()
        return True


def opt_out_of(pack: Path) -> bytes:
    key = crypto.public_key(PUBLISHER)
    opened = open_pack(str(pack), key, crypto.verify)
    listed = list_opt_outs(1, 1, [stem.stem_id for stem in opened.manifest.stems])
    opened.close()
    return sign_opt_outs(listed, crypto.key_id(key), lambda message: crypto.sign(PUBLISHER, message))


@pytest.mark.parametrize("name", board_names())
def test_an_accepted_opt_out_is_heard_within_100_ms_and_the_fade(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate_hz = load_board(name)["audio.rate_hz"]
    outputs = Outputs(Clock(), monkeypatch)
    pack = one_stem_pack(tmp_path, rate_hz)
    port = Port(outputs, opt_out_of(pack))
    player = player_on(name, tmp_path, pack, port, outputs, monkeypatch)
    player.run()
    (card,) = outputs.made
    assert port.accepted_frame is not None and player.device.player_state.underruns == card.ran_dry == 0
    heard = np.frombuffer(bytes(card.heard), "<i2").reshape(-1, 2)
    assert np.abs(heard[port.accepted_frame - rate_hz : port.accepted_frame]).max() > 1000
    last_frame = int(np.flatnonzero(heard.any(axis=1))[-1])
    took_ms = (last_frame - port.accepted_frame) * 1000 // rate_hz
    print(f"{name}: {took_ms} ms, {FADE_MS} ms of them the fade")
    assert took_ms <= LATENCY_MS_MAX + FADE_MS

"""A whole player on a faked output with a clock that a test moves: ALSA's card, or a board's I2S."""

import functools
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from boards_pack import PUBLISHER

sys.path.append(str(Path(__file__).parents[1] / "edges"))

from output_card import Card, StepClock
from player_key import give_key

from amos import app
from amos.app import Player
from amos.config import Config
from amos.crypto import public_key
from amos.edges import alsa_host, audio_out, clocked_sink, i2s_out
from amos.edges.alsa_library_host import RanDry
from amos.edges.worker import InlineWorker
from amos.session import session
from amos_tools.boards import load_board
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

FRAME_BYTES = 4
CARD_FIFO_MS = 10
"""What a sound card takes out of its buffer before it plays it."""

FADE_MS = 500
"""A beat of the script."""

SCRIPT = """
experience "one" seed device
clock {rate_hz} tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 4
pool all = stems where role pads
section loop 8 bars
  play pads from all fade 1 beat
"""


class Clock(StepClock):
    """The machine's clock as a player asks for it; it does not know the time of day."""

    def local(self, unix_s: int) -> tuple[str, int, int]:
        return "2027-01-15", 4, unix_s % 86400


class Ring(Card):
    """`machine.I2S` for writing, as ports/rp2/machine_i2s.c has it: `write` returns when the ring has taken all, and
    the DMA's buffers hold more."""

    def __init__(self, clock: StepClock, rate_hz: int, ring_bytes: int):
        super().__init__(clock, ring_bytes // FRAME_BYTES, rate_hz)
        self.fifo_frames = i2s_out.DMA_BYTES // FRAME_BYTES

    def write(self, data: Any) -> int:  # type: ignore[override]
        left = bytes(data)
        while left:
            left = left[FRAME_BYTES * super().write(left, len(left) // FRAME_BYTES) :]
            self.start_if_waiting()
            if left:
                self.clock.sleep_ms(1)
        return len(data)

    def deinit(self) -> None:
        try:
            self.heard_frames()
        except RanDry:
            self.ran_dry -= 1  # it ends so, and tells nobody
        self.close()


class Outputs:
    """ALSA and `machine` as cards on `clock`; `made` are those that were opened, `gone` why none can be."""

    def __init__(self, clock: StepClock, monkeypatch: pytest.MonkeyPatch):
        self.clock = clock
        self.made: list[Card] = []
        self.gone = ""
        i2s = functools.partial(self._ring)
        vars(i2s).update(TX=1, STEREO=1)
        monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(I2S=i2s, Pin=int))  # type: ignore[arg-type]
        monkeypatch.setattr(alsa_host, "load", lambda: None)
        monkeypatch.setattr(alsa_host, "is_known", lambda _library, _device: True)
        monkeypatch.setattr(alsa_host, "Pcm", self._card)
        for module in (alsa_host, clocked_sink, i2s_out):
            monkeypatch.setattr(module, "sleep_ms", clock.sleep_ms)
        monkeypatch.setattr(i2s_out, "SystemClock", lambda: clock)

    def _card(self, _library: object, _device: str, rate_hz: int, ahead_frames: int) -> Card:
        card = Card(self.clock, ahead_frames, rate_hz)
        card.fifo_frames = CARD_FIFO_MS * rate_hz // 1000
        return self._made(card)

    def _ring(self, _number: int, rate: int, ibuf: int, **_told: object) -> Card:
        return self._made(Ring(self.clock, rate, ibuf))

    def _made(self, card: Card) -> Card:
        if self.gone:
            raise OSError(self.gone)
        self.made.append(card)
        return card

    def unplug(self, reason: str) -> None:
        """No output any more, until `plug`."""
        self.gone = self.made[-1].gone = reason

    def plug(self) -> None:
        self.gone = ""


def one_stem_pack(folder: Path, rate_hz: int) -> Path:
    noise = np.random.RandomState(3)
    with Vault.init(folder / "vault", rate_hz=rate_hz) as vault:
        samples = noise.randint(-9000, 9000, (rate_hz * 16, 1)).astype("int16")
        told = {"title": "stem", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
        vault.import_samples(samples, parse_facts("noise", told))
        terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
        score = compile_script(SCRIPT.format(rate_hz=rate_hz), vault.stems())
        build_pack(score, vault, folder / "pack", **terms)  # type: ignore[arg-type]
    return folder / "pack"


def player_on(
    name: str, folder: Path, pack: Path, port: object, outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> Player:
    """The player of the board of that name, on these outputs, whose courier is `port`."""
    board = load_board(name)
    monkeypatch.setattr(audio_out, "MICROPYTHON", board["runtime"] == "micropython")
    monkeypatch.setattr(app, "SystemClock", lambda: outputs.clock)
    monkeypatch.setattr(app, "open_worker", lambda _free: InlineWorker())
    monkeypatch.setattr(app, "open_port", lambda address: port)
    monkeypatch.setattr(session, "_stems_ahead", lambda pack, config: None)
    keys = {"publisher_key": public_key(PUBLISHER).hex(), "ledger_key": "00" * 32}
    given = {**board.player_settings("bar"), **keys, "pack": str(pack), "link": "none", "linger": "no"}
    (folder / "player").mkdir()
    give_key(folder / "player")
    return Player(Config(str(folder / "player"), given), [].append)

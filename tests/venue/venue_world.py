"""A venue with a real player in real time and a courier that serves its pages; no broker answers, none is needed."""

import json
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from noise_pack import PUBLISHER, RATE_HZ
from patience import wait_until

from amos import crypto
from amos.crypto.key_text import key_of_hex
from amos.protocol.segment import TIER_RENDERER
from amos_mqtt.broker import Broker, broker_at
from amos_player import Player
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.notes import Notes
from amos_sync.venue.serve import serving_venue, tokens_of
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

SCRIPT = """
experience "venue" seed device
clock 22050 tempo 160 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 8
pool long = stems where role pads
slider intensity 0..1 start 0.25
section drift 2 bars
  play pads from long count 2 fade 1 beat
  next bloom 1
section bloom 2 bars
  play pads from long count 2 fade 1 beat
  next drift 1
daypart mon-sun 00:00..24:00 set intensity 0.5
announce "closing time" duck for 1 s
on dislike weight * 0.5 swap at bar
"""


class VenueWorld:
    """`player` is embedded here, `courier` turns on a thread; `url` is where its pages are, `token` lets in.
    `broker` is one where nobody answers unless another is told; the courier believes the operator of the player."""

    def __init__(self, folder: Path, pack: Path, broker: Broker | None = None, **settings: object):
        self.folder, self.pack = folder, pack
        self.link = f"unix:{folder}/bar.sock"
        key = crypto.public_key(PUBLISHER)
        known = {"pack": str(pack), "publisher_key": key.hex(), "ledger_key": "aa" * 32, "link": self.link}
        known |= {"out": "null", "tier": TIER_RENDERER, "linger": "no", "block_frames": 1024}
        known |= settings
        self.player = Player(folder / "player", **known).start()
        self.spool = folder / "spool"
        operator_key = key_of_hex(str(known.get("operator_key", "")))
        told = {"packs": pack, "publisher_key": key, "operator_key": operator_key}
        at = broker or broker_at("127.0.0.1:9")
        self._settings = Settings("harbour-cafe", (self.link,), at, self.spool, **told)  # type: ignore[arg-type]
        self._stopping = threading.Event()
        self.turning = threading.Event()
        self.turning.set()
        self._ready = threading.Event()
        self.said: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(60)
        self.token = tokens_of(self.spool).make("test")

    def _run(self) -> None:
        with serving_venue("127.0.0.1:0", ["amos.local"], self._settings) as venue:
            assert venue is not None
            self.venue = venue
            self.url = f"http://127.0.0.1:{venue.port}"
            courier = Courier(self._settings, Notes(self.said.append))
            self._ready.set()
            while not self._stopping.is_set():
                self.turning.wait()
                courier.turn(200)
                venue.work(courier)
            courier.close()

    def stop(self) -> None:
        self.turning.set()
        self._stopping.set()
        self._thread.join(60)
        self.player.stop()

    def ask(self, path: str, body: Any = None, token: str | None = "", **headers: str) -> tuple[int, Any]:
        """(code, JSON) of the API, with the right token unless another is told."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}{path}", data, {k.replace("_", "-"): v for k, v in headers.items()}
        )
        if token is not None:
            request.add_header("Authorization", f"Bearer {token or self.token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def status(self) -> dict[str, Any]:
        code, found = self.ask("/api/v1/status")
        assert code == 200, found
        return found

    def shown(self) -> dict[str, Any]:
        """The one player, as the API has it."""
        players = self.status()["players"]
        return players[0] if players else {}

    def until(self, holds: Any) -> dict[str, Any]:
        """The player once it holds of it."""
        found: list[dict[str, Any]] = [{}]

        def look() -> bool:
            found[0] = self.shown()
            return bool(found[0]) and bool(holds(found[0]))

        wait_until(look, lambda: (found[0], self.said), 0.05)
        return found[0]

    def do(self, action: str, body: Any) -> tuple[int, Any]:
        device_id = self.shown()["device_id"]
        return self.ask(f"/api/v1/players/{device_id}/{action}", body)


def a_pack(folder: Path) -> Path:
    noise = np.random.RandomState(3)
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(5):
            samples = noise.randint(-9000, 9000, (RATE_HZ * 2 + number, 1)).astype("int16")
            told = {"title": f"Tide {number}", "artist": "Ilse Maren", "splits": "a=1000000", "role": "pads"}
            vault.import_samples(samples, parse_facts("noise", told | {"opt_in": "yes"}))
        terms = {"publisher_seed": PUBLISHER, "serial": 7, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
        build_pack(compile_script(SCRIPT, vault.stems()), vault, folder / "pack", **terms)  # type: ignore[arg-type]
    return folder / "pack"

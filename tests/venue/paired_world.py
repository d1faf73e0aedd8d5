"""Broker, ledger and desk as an operator runs them, under the shipped access rules, and a venue with a player that
nobody enrolled."""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mosquitto_process import mosquitto_with
from noise_pack import OPERATOR, PUBLISHER
from patience import wait_until
from typer.testing import CliRunner
from venue_world import VenueWorld

from amos import crypto
from amos.protocol.segment import TIER_RENDERER
from amos_ledger import registry
from amos_ledger.folder import Folder, init_folder
from amos_mqtt.broker import Broker, Login, broker_at
from amos_player import Player
from amos_tools.cli import app
from amos_tools.fleet.orders.folder import DeskFolder

RULES = Path(__file__).parents[2] / "boards/mosquitto/amos.acl"
SITE = "harbour-cafe"


class PairedWorld:
    """`ledger` and `desk` are their folders; `said` is what the desk said."""

    def __init__(self, folder: Path, pack: Path, mosquitto: list[str]) -> None:
        self.folder, self._open = folder, contextlib.ExitStack()
        self.desk = DeskFolder(folder / "desk")
        self.desk.make()
        self.key = folder / "operator.key"
        self.key.write_bytes(OPERATOR)
        self.key.chmod(0o600)
        (folder / "packs").mkdir()
        keys = crypto.public_key(OPERATOR), crypto.public_key(PUBLISHER)
        self.ledger: Folder = init_folder(folder / "ledger", "ledger.example/pairing", *keys)
        with self.ledger.open_store() as store:
            registry.add_pack(self.ledger, store, *registry.read_pack(pack))
            registry.publish(self.ledger, store)
        (folder / "acl").write_text(RULES.read_text())
        (folder / "acl").chmod(0o600)
        text = f"allow_anonymous true\nacl_file {folder / 'acl'}\n"
        self.port = self._open.enter_context(mosquitto_with(mosquitto, folder, text))

    def close(self) -> None:
        self._open.close()

    def broker(self, name: str) -> Broker:
        """As whoever logs in by that name."""
        return broker_at(f"127.0.0.1:{self.port}", login=Login(name))

    def words(self, name: str) -> list[str]:
        return ["--broker", f"127.0.0.1:{self.port}", "--username", name]

    def serve_ledger(self) -> None:
        self._open.enter_context(running("ledger", "serve", str(self.ledger.path), *self.words("amos.ledger")))

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """The desk as a process; it says what it does to nobody."""
        own = ["--operator-key-file", str(self.key), "--packs", str(self.folder / "packs")]
        own += ["--ledger-key", self.ledger.public_key.hex(), "--records", str(self.folder / "enrolments")]
        with running("fleet", "serve", str(self.desk.path), *self.words("amos.operator"), *own):
            wait_until(lambda: self.desk.offered().unix_s, "the desk works")
            yield

    def venue(self, pack: Path, **settings: object) -> VenueWorld:
        """A player there believes this ledger and this operator."""
        known = {"ledger_key": self.ledger.public_key.hex(), "operator_key": crypto.public_key(OPERATOR).hex()}
        folder = self.folder / "venue"
        folder.mkdir()
        return VenueWorld(folder, pack, self.broker(SITE), **known, **settings)

    def player_alone(self, pack: Path) -> "AlonePlayer":
        """Without a courier."""
        return AlonePlayer(self.folder / "alone", pack, self.ledger.public_key)

    def settings(self, link: str) -> Path:
        """A venue's file, as `amos courier run --config` takes it."""
        path = self.folder / "amos.toml"
        lines = [
            f'site = "{SITE}"',
            f'device = ["{link}"]',
            f'broker = "127.0.0.1:{self.port}"',
            f'username = "{SITE}"',
        ]
        lines += [f'spool = "{self.folder / "spool"}"', f'operator-key = "{crypto.public_key(OPERATOR).hex()}"']
        path.write_text("\n".join(["[courier]", *lines, ""]))
        return path

    def draw(self, *words: str, site: str = SITE) -> dict[str, Any]:
        """What `amos fleet pair` says of the code that it had drawn."""
        done = CliRunner().invoke(app, ["fleet", "pair", str(self.desk.path), site, *words, "--json"])
        assert done.exit_code == 0, done.output
        facts: dict[str, Any] = json.loads(done.stdout)
        assert re.fullmatch("[0-9]{6}", facts["code"])
        return facts

    def enrolled(self, device_id: str) -> bool:
        with self.ledger.open_store() as store:
            return store.chain.enrolment(bytes.fromhex(device_id)) is not None


class AlonePlayer:
    """A player that believes that ledger; `link` is where it listens."""

    def __init__(self, folder: Path, pack: Path, ledger_key: bytes) -> None:
        self.link = f"unix:{folder}.sock"
        known = {"pack": str(pack), "publisher_key": crypto.public_key(PUBLISHER).hex(), "ledger_key": ledger_key.hex()}
        known |= {"link": self.link, "out": "null", "linger": "no", "block_frames": 1024}
        self._player = Player(folder, tier=TIER_RENDERER, **known).start()

    def stop(self) -> None:
        self._player.stop()


@contextlib.contextmanager
def running(*words: str) -> Iterator[None]:
    """A command of amos as a process."""
    with subprocess.Popen([sys.executable, "-m", "amos_tools", *words], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield
        finally:
            process.terminate()
            _out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said

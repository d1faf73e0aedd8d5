"""A venue for `amos courier check`: a broker with every kind of port, a ledger behind it, a player, and a good file."""

import json
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from mosquitto_process import Authority, password_line
from paho.mqtt.enums import CallbackAPIVersion
from sync_journals import LEDGER_KEY, LEDGER_SEED
from typer.testing import CliRunner

from amos import crypto
from amos.protocol import topics
from amos.protocol.anchor import VERSION, Anchor
from amos.protocol.checkpoint_host import Checkpoint, sign_checkpoint
from amos.protocol.signing import sign_anchor
from amos_sync.cli import app
from amos_tools.demo.broker import free_port

SITE = "harbour"
ORIGIN = "ledger.example/test"


def signed(data: bytes) -> bytes:
    return crypto.sign(LEDGER_SEED, data)


class StubLedger:
    """Retains a tree head, and answers whoever asks the time, by its own clock."""

    def __init__(self, port: int) -> None:
        self.ahead_ms = 0
        self.silent = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.username_pw_set("amos.ledger", "secret")
        self._client.on_connect = lambda client, *_: client.subscribe(topics.ALL_TIME, 1)
        self._client.on_message = self._answer
        self.subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self.subscribed.wait(30)
        head = sign_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)), LEDGER_KEY, signed)
        self._client.publish(topics.CHECKPOINT, head, 1, retain=True).wait_for_publish(30)

    def _answer(self, client: Any, _data: Any, message: Any) -> None:
        if self.silent:
            return
        site, device_id, _leaf = topics.parse_device_topic(message.topic)
        unix_ms = time.time_ns() // 1_000_000 + self.ahead_ms
        anchor = Anchor(version=VERSION, device_id=device_id, nonce=message.payload, unix_ms=unix_ms)
        payload = sign_anchor(anchor, crypto.key_id(LEDGER_KEY), signed)
        client.publish(topics.device_topic(site, device_id, topics.ANCHOR), bytes(payload), 1)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Ports:
    """One mosquitto's listeners: `password` wants a name, the others speak TLS with a certificate of that kind."""

    def __init__(self, folder: Path, rules: Path) -> None:
        self.authority, strangers = Authority(folder / "authority"), Authority(folder / "strangers")
        past = datetime(2001, 1, 1)
        certificates = {
            "tls": self.authority.issue("broker.pem"),
            "expired": self.authority.issue("expired.pem", not_after=past),
            "other_name": self.authority.issue("other.pem", "other.example"),
            "untrusted": strangers.issue("stranger.pem"),
        }
        self.by_kind = {kind: free_port() for kind in certificates}
        (folder / "passwords").write_text(
            password_line(SITE, "secret") + password_line("amos.ledger", "secret") + password_line("station", "secret")
        )
        (folder / "rules").write_text(rules.read_text())
        for name in ("passwords", "rules"):
            (folder / name).chmod(0o600)
        self.text = (
            f"allow_anonymous false\npassword_file {folder / 'passwords'}\nacl_file {folder / 'rules'}\n"
            + "".join(
                f"listener {self.by_kind[kind]} 127.0.0.1\n{self.authority.broker(path, '')}"
                for kind, path in certificates.items()
            )
        )


class Venue:
    """A file that is right, and what a test changes in it; `check` runs the command."""

    def __init__(self, folder: Path, port: int, player: str) -> None:
        self.folder, self.path = folder, folder / "amos.toml"
        (folder / "password").write_text("secret\n")
        self.player_settings = {"ledger_key": LEDGER_KEY.hex(), "publisher_key": "ab" * 32, "out": "wav:bar.wav"}
        (folder / "bar").mkdir()
        self.courier: dict[str, Any] = {
            "site": SITE,
            "broker": f"127.0.0.1:{port}",
            "device": [player],
            "spool": str(folder / "spool"),
            "ledger-key": LEDGER_KEY.hex(),
            "publisher-key": "ab" * 32,
            "username": SITE,
            "password-file": str(folder / "password"),
        }

    def write(self) -> Path:
        (self.folder / "bar/player.json").write_text(json.dumps(self.player_settings))
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.courier.items()]
        tables = [f"[player.bar]\ndirectory = {json.dumps(str(self.folder / 'bar'))}", "[courier]", *lines]
        self.path.write_text("\n".join(["# A venue.", *tables]) + "\n")
        return self.path

    def check(self, *words: str) -> tuple[int, dict[str, Any]]:
        done = CliRunner().invoke(app, ["check", str(self.write()), "--wait-s", "10", "--json", *words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, json.loads(done.stdout)

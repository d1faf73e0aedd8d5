"""Real players, whose signed segments a real ledger logs and publishes; and what a liar with a device's key signs."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from audited import audited
from player_key import give_key

from amos import crypto
from amos.app import Player
from amos.config import Config
from amos.protocol.answer import ACCEPTED
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.envelope_host import wrap
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.segment import Usage
from amos.protocol.topics import USAGE, device_topic
from amos_ledger import registry
from amos_ledger.folder import Folder, init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_tools.device.prepare import prepare
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts
from signed_usage import sign_usage

PUBLISHER, OPERATOR = b"p" * 32, b"o" * 32
LEASE_END_S = 2_000_000_000
RATE_HZ = 22_050
ORIGIN = "audit.example/amos"
SCRIPT = """
experience "what was heard" seed device
clock 22050 tempo 120 meter 4/4 key A minor
mix target -20 LUFS peak -1 dBTP voices 14 duck -12 dB 200 ms
avoid stem 2 plays, keep reboot
slider intensity 0..1 start 0.5 slew 4 bars
pool all = stems where role pads
pool kit = stems where role beats
section drift 2..4 bars
  play pads from all count 2 fade 1 beat
  play beats from kit chance 0.2 + 0.6 * intensity gain -6 dB + 5 dB * intensity
  next drift 1, rest 1
section rest 2 bars
  play pads from all
  next drift 1
transition any -> any at bar fade 1 bars power
daypart mon-sun 00:00..12:00 set intensity 0.9
announce "closing" duck for 2 s
on dislike weight * 0.5 swap at bar
"""
OTHER_SCRIPT = SCRIPT.replace("avoid stem 2 plays, keep reboot\n", "").replace("count 2", "count 1..3")
OTHER_SCRIPT = OTHER_SCRIPT.replace(" gain -6 dB + 5 dB * intensity", "")
"""Of score version 1."""
Turn = Callable[[Player], None]
Change = Callable[[list[Usage]], None]


def make_packs(folder: Path, *scripts: str) -> list[Path]:
    """A pack of each script, of eight short stems."""
    noise = np.random.RandomState(7)
    vault = Vault.init(folder / "vault", rate_hz=RATE_HZ)
    for number in range(8):
        artist = ("ada", "ben", "cleo", "dora")[number % 4]
        told = {"title": f"of {artist}", "artist": artist, "splits": f"{artist}=1000000"}
        told |= {"role": "beats" if number > 5 else "pads", "opt_in": "yes"}
        seconds = 2 + number % 3
        samples = noise.randint(-9000, 9000, (seconds * RATE_HZ, 1 + number % 2)).astype("int16")
        vault.import_samples(samples, parse_facts("noise", told))
    bell = {"title": "closing", "artist": "ada", "splits": "ada=1000000", "role": "fx", "opt_in": "yes"}
    vault.import_samples(noise.randint(-900, 900, (RATE_HZ, 1)).astype("int16"), parse_facts("noise", bell))
    packs: list[Path] = []
    # The music is drawn from the pack's id as well.
    terms: dict[str, Any] = {"publisher_seed": PUBLISHER, "board_class": "linux", "lease_end_unix_s": LEASE_END_S}
    for serial, script in enumerate(scripts, 1):
        compiled = compile_script(script, vault.stems())
        build_pack(compiled, vault, folder / f"pack-{serial}", serial=serial, **terms)
        packs.append(folder / f"pack-{serial}")
    vault.close()
    return packs


@dataclass
class Venue:
    """A player's directory."""

    path: Path
    name: str
    settings: dict[str, object] = field(default_factory=dict)
    _held: Player | None = None

    def play(self, pack: Path, minutes: int, turn: Turn | None = None, **more: object) -> None:
        """One session in this process; `turn` is called between blocks."""
        config = self._config(pack, minutes, more)
        player = Player(config, [].append, heartbeat=(lambda: turn(player)) if turn else None)
        player.run()

    def _config(self, pack: Path, minutes: int, more: dict[str, object]) -> Config:
        self.path.mkdir(exist_ok=True)
        give_key(self.path)
        publisher = crypto.public_key(PUBLISHER).hex()
        told = {"pack": str(pack), "out": "null", "pace": "free", "linger": "no", "minutes": minutes, "tier": 255}
        keys = {"publisher_key": publisher, "ledger_key": bytes(32).hex()}
        self.settings = {**keys, **told, **more}
        return Config(str(self.path), self.settings)

    def lose_power(self, pack: Path, minutes: int, at_s: int) -> None:
        """A session whose process ends at that second of it, as a cut of power does."""

        def turn(player: Player) -> None:
            session = player.device.player_state.session
            if session is not None and session.frame > at_s * RATE_HZ:
                os._exit(0)

        child = os.fork()
        if not child:
            try:
                self.play(pack, minutes, turn)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0, "power was cut"

    def play_on_micropython(self, pack: Path, minutes: int) -> None:
        """One session in a process of MicroPython."""
        config = self._config(pack, minutes, {"board": "unix"})
        prepare(Path(config.directory), self.settings)
        words = [sys.executable, "-m", "amos_tools", "player", str(self.path), "--runtime=micropython"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def device(self) -> Any:
        """Identity and journal, of a player that plays no more."""
        if self._held is None:
            self._held = Player(Config(str(self.path), self.settings), [].append)
        return self._held.device

    def leave(self) -> None:
        """Let go of the directory, so that the player may play again."""
        if self._held is not None:
            self._held._lock.release()
            self._held = None

    def enrolment(self) -> bytes:
        identity, nonce = self.device().identity, bytes(16)
        facts = {"version": 1, "device_id": identity.device_id, "public_key": identity.public_key, "site": "cafe"}
        facts |= {
            "name": self.name,
            "tier": self.settings["tier"],
            "board": "linux",
            "voices": 32,
            "nonce": nonce,
            "unix_s": 1,
        }
        facts |= {"possession": identity.sign(IDENTIFY_CONTEXT + nonce)}
        operator = crypto.public_key(OPERATOR)
        return sign_enrolment(Enrolment(**facts), crypto.key_id(operator), lambda told: crypto.sign(OPERATOR, told))

    def segments(self, change: Change | None = None) -> list[bytes]:
        """What it signed; or the chain that a liar signs with its key who has changed the segments."""
        device = self.device()
        journal = device.journal
        signed = [bytes(journal.read(number, 0, 1 << 16)) for number in sorted(journal.segments)]
        if change is None:
            return signed
        usages = [Usage.decode(parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload) for segment in signed]
        change(usages)
        return resigned(usages, device.identity)


def resigned(usages: Sequence[Usage], identity: Any) -> list[bytes]:
    """A chain of these segments, in their order."""
    chain: list[bytes] = []
    for usage in usages:
        if chain:
            usage.previous = hashlib.sha256(chain[-1]).digest()
        chain.append(sign_usage(usage, identity.sign, identity.key_id))
    return chain


@dataclass
class World:
    """A ledger in its folder, that knows the packs."""

    path: Path
    packs: list[Path]
    folder: Folder = field(init=False)

    def __post_init__(self) -> None:
        keys = crypto.public_key(OPERATOR), crypto.public_key(PUBLISHER)
        self.folder = init_folder(self.path, ORIGIN, *keys)
        with self.folder.open_store() as store:
            for pack in self.packs:
                registry.add_pack(self.folder, store, *registry.read_pack(pack))

    def take(self, venue: Venue, segments: Sequence[bytes], received_unix_s: int | None = None) -> None:
        """Enrol the device, log these, publish."""
        with self.folder.open_store() as store:
            registry.enrol(self.folder, store, venue.enrolment())
        topic = device_topic("cafe", venue.device().identity.device_id, USAGE)
        ledger = Ledger(self.folder)
        messages = [Message.of(topic, wrap(segment)) for segment in segments]
        replies = ledger.take(messages, received_unix_s or int(time.time()))
        ledger.close()
        assert {reply.answer.verdict for reply in replies} <= {ACCEPTED}, [vars(reply.answer) for reply in replies]
        audited(self.folder)

    def append(self, venue: Venue, segments: Sequence[bytes]) -> None:
        """Enrol the device and log these past intake, as only a ledger that lies too would."""
        with self.folder.open_store() as store:
            registry.enrol(self.folder, store, venue.enrolment())
            store.append(segments)
            registry.publish(self.folder, store)
        audited(self.folder)

    def words(self, *packs: Path) -> list[str]:
        """Options that name the ledger, its keys and packs."""
        keys = {"publisher": crypto.public_key(PUBLISHER), "operator": crypto.public_key(OPERATOR)}
        keys |= {"ledger": self.folder.public_key}
        named = [f"--{name}-key={key.hex()}" for name, key in keys.items()]
        return [f"--ledger={self.path / 'audit'}", f"--period={month()}", *named, *(f"--pack={pack}" for pack in packs)]


def month() -> str:
    return datetime.now(UTC).strftime("%Y-%m")

"""A venue in which everything happens that may happen to an honest player, in virtual time and in an order by chance.

The player is the real one, with its journal on a disk; so is the ledger. What lies between is a courier that delivers
late, twice, in any order, and sometimes never a second time. Nobody here forges anything.
"""

import contextlib
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from player_key import give_key
from virtual_machine import Machine

from amos import crypto
from amos.app import Player
from amos.config import Config
from amos.journal.errors import JournalError
from amos.protocol.answer import ACCEPTED, DUPLICATE, GAP, UNAVAILABLE, UNKNOWN_DEVICE, UNKNOWN_PACK
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.envelope_host import wrap
from amos.protocol.errors import NotNow, ProtocolError
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_pack import PackToSend, SendPack
from amos.protocol.link_courier_talk import Conversation, RequestRefused, TransferError
from amos.protocol.topics import TIME, USAGE, device_topic
from amos.score.inputs import INPUT_PAUSE, INPUT_SKIP
from amos_ledger import registry
from amos_ledger.errors import EnrolmentRefused
from amos_ledger.folder import init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts
from protocol_player import fed

RATE_HZ = 22_050
SITE, NAME = "harbour", "bar"
PUBLISHER, OPERATOR = b"p" * 32, b"o" * 32
PACKS = 4
VOICES = 6
BEGIN_MS = 1_793_534_400_000
SCRIPT = """
experience "honest" seed device
clock 22050 tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 6
pool long = stems where role pads
pool short = stems where role beats
section loop 2 bars
  play pads from long count 2 fade 1 beat
  play beats from short every 1 beats chance 0.5
"""
WAITING = (GAP, UNKNOWN_DEVICE, UNKNOWN_PACK, UNAVAILABLE)
BATCH = 20
HAND_OVERS = 3
SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1000, 60_000, 3_600_000, 86_400_000
WRONG_CLOCKS_MS = (0, 0, 0, -900, -30 * MINUTE_MS, -2 * HOUR_MS, 3 * HOUR_MS, -10 * HOUR_MS, 12 * HOUR_MS)


def make_packs(folder: Path) -> list[Path]:
    """The same music, with serial numbers from 1 on."""
    noise = np.random.RandomState(3)
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(6):
            role, frames = ("pads", RATE_HZ * 5) if number % 2 else ("beats", RATE_HZ // 3)
            samples = noise.randint(-9000, 9000, (frames + number, 1)).astype("int16")
            told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": role, "opt_in": "yes"}
            vault.import_samples(samples, parse_facts("noise", told))
        compiled = compile_script(SCRIPT, vault.stems())
        for serial in range(1, PACKS + 1):
            terms: dict[str, Any] = {"publisher_seed": PUBLISHER, "board_class": "any", "lease_end_unix_s": 1 << 33}
            build_pack(compiled, vault, folder / f"pack-{serial}", serial=serial, **terms)
    return [folder / f"pack-{serial}" for serial in range(1, PACKS + 1)]


class Killed(BaseException):
    """kill -9: nothing of the player runs after this."""


@dataclass(frozen=True)
class Plan:
    """A walk by this seed: so many things happen, one every so often."""

    seed: int
    acts: int
    every_s: float = 40


class Venue:
    """`walk` does it all; `happened` counts what did. `sealed`: every segment that ever left the player."""

    def __init__(self, folder: Path, packs: list[Path], plan: Plan, machine: Machine):
        self.plan, self.machine, self.packs = plan, machine, packs
        self.chance = random.Random(plan.seed)
        self.happened: Counter[str] = Counter()
        self.sealed: dict[int, bytes] = {}
        self.said: list[str] = []
        self.refusals: list[str] = []
        self._directory = folder / "player"
        self._directory.mkdir()
        give_key(self._directory)
        self._sent: set[int] = set()
        self._receipts: list[tuple[int, bytes]] = []
        self._nonces: list[bytes] = []
        self._anchors: list[bytes] = []
        self._cards: list[Path] = []
        self._ledger_ms = 0
        self._published = 1
        self._next_ms = self._well_ms = 0
        self._handed_over = 0
        keys = crypto.public_key(OPERATOR), crypto.public_key(PUBLISHER)
        self.folder = init_folder(folder / "ledger", "ledger.example/honest", *keys)
        self.ledger = Ledger(self.folder)
        self._enrolled = False
        self._player: Player | None = None
        self._acts: list[tuple[int, Callable[[], None]]] = [
            (30, self.fetch), (30, self.send), (30, self.hand_receipts), (8, self.ask_time), (8, self.bring_time),
            (4, self.stand_still), (2, self.kill), (3, self.stop), (2, self.set_wall_clock), (2, self.set_ledger_clock),
            (2, self.change_tier), (1, self.bring_pack), (1, self.publish), (1, self.pull_card), (1, self.fail_disk),
            (1, self.turn_input), (1, self.enrol), (1, self.restart_ledger), (1, self.disk_before),
        ]  # fmt: skip

    # What runs.

    def walk(self) -> None:
        """Lives of the player until enough has happened, then one that hands over all it has."""
        while self.happened.total() < self.plan.acts:
            self._live()
            self.machine.sleep(self.chance.choice([100, 5000, 10 * MINUTE_MS, 9 * HOUR_MS]))
        self.mend()
        self._live()

    def _live(self) -> None:
        out = self.chance.choice(["wav:out.wav", "wav:out.wav", "alsa:default"])
        settings: dict[str, Any] = {
            "pack": str(self.packs[0]), "publisher_key": crypto.public_key(PUBLISHER).hex(), "out": out, "tier": 1,
            "ledger_key": self.folder.public_key.hex(), "journal_bytes": 1 << 18, "voices": VOICES,
            "block_frames": 4096 if out.startswith("wav") else 512,
        }  # fmt: skip
        player = None
        try:
            player = self._player = Player(Config(str(self._directory), settings), self.said.append, self._turn)
            player.run()
        except Killed:
            pass
        except (JournalError, OSError):
            assert self.machine.disk_fails, self.said[-5:]
        finally:
            self._player = None
            self.mend()
            if player is not None:
                _let_go(player)

    def _turn(self) -> None:
        """The player's heartbeat: what is due happens."""
        self.ledger.watch_clock(self.ledger_ms)
        if self.happened.total() >= self.plan.acts:
            self._hand_over()
            return
        if self.machine.now_ms >= self._well_ms:
            self.mend()
        if self.machine.now_ms < self._next_ms:
            return
        self._next_ms = self.machine.now_ms + int(self.chance.expovariate(1 / (self.plan.every_s * SECOND_MS)))
        weights, acts = zip(*self._acts, strict=True)
        act = self.chance.choices(acts, weights)[0]
        self.happened[act.__name__] += 1
        act()

    def _hand_over(self) -> None:
        """At the end everything arrives, in order or not."""
        if self.machine.now_ms < self._next_ms:
            return
        self._next_ms = self.machine.now_ms + 10 * SECOND_MS
        self.enrol()
        while self._published <= PACKS:
            self.publish()
        self.fetch()
        self._sent.clear()
        self.send(len(self.sealed))
        self.hand_receipts(len(self._receipts))
        self._handed_over += 1
        if self._handed_over >= HAND_OVERS:
            self.player.stop()

    @property
    def player(self) -> Player:
        assert self._player is not None
        return self._player

    @property
    def device(self) -> Any:
        return self.player.device

    @property
    def ledger_ms(self) -> int:
        return self.machine.now_ms + self._ledger_ms

    # What happens to the player.

    def stop(self) -> None:
        self.player.stop()

    def kill(self) -> None:
        raise Killed

    def stand_still(self) -> None:
        self.machine.sleep(self.chance.choice([300, 2000, 10 * SECOND_MS, 5 * MINUTE_MS, 26 * HOUR_MS]))

    def set_wall_clock(self) -> None:
        self.machine.wall_ms = self.chance.choice([0, 0, -HOUR_MS, HOUR_MS, 40 * DAY_MS, -300 * DAY_MS, -BEGIN_MS])

    def change_tier(self) -> None:
        with contextlib.suppress(ProtocolError, NotNow):
            self.device.set_tier(self.chance.randrange(4))

    def turn_input(self) -> None:
        kind, value = self.chance.choice([(INPUT_PAUSE, 1), (INPUT_PAUSE, 0), (INPUT_PAUSE, 0), (INPUT_SKIP, 0)])
        with contextlib.suppress(ProtocolError, NotNow):
            self.device.input(self.chance.randbytes(8), kind, value)

    def pull_card(self) -> None:
        self.machine.card_in = False
        self._well_ms = self.machine.now_ms + self.chance.choice([2000, 30 * SECOND_MS])

    def fail_disk(self) -> None:
        self.machine.disk_fails = True
        self._well_ms = self.machine.now_ms + self.chance.choice([50, 3000, 2 * MINUTE_MS])

    def mend(self) -> None:
        self.machine.card_in, self.machine.disk_fails = True, False

    def disk_before(self) -> None:
        """A card is wiped, or put back as it was at an earlier such moment; what is beside the key stays."""
        ring = self._directory / "journal.ring"
        self._cards.append(Path(shutil.copy(ring, self._directory.parent / f"card-{len(self._cards)}")))
        chosen = self.chance.choice([None, *self._cards])
        if chosen is None:
            ring.unlink()
        else:
            shutil.copy(chosen, ring.with_suffix(".new"))
            ring.with_suffix(".new").rename(ring)
        raise Killed

    def bring_pack(self) -> None:
        """A courier sends the next pack; the player takes it, or says that it is too old."""
        path = self.packs[self.chance.randrange(PACKS)]
        host = CourierLink(self.chance.randrange(1 << 16))
        sending = SendPack(
            host,
            PackToSend((path / "manifest.cose").read_bytes()),
            lambda name, at, size: (path / "blobs" / name.hex()).read_bytes()[at : at + size],
        )

        def steps() -> Iterator[Any]:
            while not (yield from sending.some(1 << 20)):
                pass

        talk, now_ms = Conversation(steps()), 0
        with contextlib.suppress(RequestRefused, TransferError):
            talk.advance(now_ms)
            for _turn in range(4000):
                if talk.done:
                    break
                host.feed(fed(self.device._link, host.outgoing(now_ms)), now_ms)
                now_ms += 1
                self.device.packs.tidy()
                talk.advance(now_ms)

    # What the courier does.

    def fetch(self) -> None:
        journal = self.device.journal
        for number in list(journal.segments):
            if number not in self.sealed:
                with contextlib.suppress(ProtocolError, JournalError, OSError):
                    self.sealed[number] = bytes(self.device.read_segment(number, 0, 1 << 16))

    def send(self, most: int = 8) -> None:
        """Some of them in any order, some twice; mostly such as were not sent before."""
        fresh = [number for number in self.sealed if number not in self._sent]
        old = list(self.sealed)
        chosen = self.chance.sample(fresh, min(most, len(fresh))) + self.chance.choices(old, k=len(old) and 2)
        self.chance.shuffle(chosen)
        self._sent |= set(chosen) if self._enrolled else set()
        topic = device_topic(SITE, self._device_id, USAGE)
        messages = [Message.of(topic, wrap(self.sealed[number])) for number in chosen]
        for at in range(0, len(messages), BATCH):
            self._answered(self.ledger.take(messages[at : at + BATCH], self.ledger_ms // 1000))

    def _answered(self, replies: list[Any]) -> None:
        for reply in replies:
            told = reply.answer
            if told.verdict in (ACCEPTED, DUPLICATE):
                self._receipts.append((told.sequence, told.receipt))
            elif told.verdict not in WAITING:
                self.refusals.append(f"{told.sequence}: {told.verdict} {told.detail}")

    def hand_receipts(self, most: int = 4) -> None:
        for _count in range(min(most, len(self._receipts))):
            number, receipt = self._receipts.pop(self.chance.randrange(len(self._receipts)))
            with contextlib.suppress(ProtocolError, NotNow):
                self.device.take_receipt(number, receipt)

    def ask_time(self) -> None:
        self._nonces.append(self.device.challenge())
        if self.chance.random() < 0.8:
            self.bring_time()

    def bring_time(self) -> None:
        """The ledger answers what was asked, sometimes twice; the player takes what is in time."""
        topic = device_topic(SITE, self._device_id, TIME)
        asked = [Message.of(topic, nonce) for nonce in self._nonces]
        self._nonces = self._nonces[-2:] if self.chance.random() < 0.2 else []
        for told in self.ledger.date(asked, self.ledger_ms):
            if told is not None:
                self.machine.sleep(self.chance.choice([1, 100, 20 * SECOND_MS]))
                with contextlib.suppress(ProtocolError, NotNow):
                    self.device.take_anchor(told[1])

    @property
    def _device_id(self) -> bytes:
        return bytes(self.device.identity.device_id)

    # What happens to the ledger.

    def enrol(self) -> None:
        """Sometimes again, as a smaller board."""
        key, nonce = self.device.identity.public_key, bytes(16)
        enrolment = Enrolment(
            version=1, device_id=self._device_id, public_key=key, site=SITE, name=NAME, tier=1, board="linux",
            voices=VOICES if not self._enrolled else self.chance.randint(1, VOICES), nonce=nonce,
            unix_s=self.machine.now_ms // 1000,
            possession=self.device.identity.sign_identity(nonce),
        )  # fmt: skip
        data = sign_enrolment(
            enrolment, crypto.key_id(crypto.public_key(OPERATOR)), lambda message: crypto.sign(OPERATOR, message)
        )
        with self.folder.open_store() as store, contextlib.suppress(EnrolmentRefused):  # two in one second
            registry.enrol(self.folder, store, data)
        self._enrolled = True

    def publish(self) -> None:
        """The next pack, if there is one."""
        if self._published <= PACKS:
            with self.folder.open_store() as store:
                registry.add_pack(self.folder, store, *registry.read_pack(self.packs[self._published - 1]))
            self._published += 1
            self._answered(self.ledger.tick())

    def set_ledger_clock(self) -> None:
        self._ledger_ms = self.chance.choice(WRONG_CLOCKS_MS)

    def restart_ledger(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.folder)
        self._answered(self.ledger.tick())


def _let_go(player: Player) -> None:
    """What a system does with the files of a process that is gone."""
    for gone in (player._keeper, player._packs):
        with contextlib.suppress(Exception):
            gone.close()
    player._lock.release()

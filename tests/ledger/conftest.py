"""A small world around a ledger: an operator, a publisher, a pack, and devices that seal segments."""

import shutil
import socket
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from crash_script import Script, Witness
from needed import missing
from patience import wait_until
from stops import library

from amos.crypto import key_id, public_key, sign, verify
from amos.protocol.answer import ACCEPTED, Answer
from amos.protocol.catalogue import Catalogue, Share, Work, sign_catalogue
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.envelope_host import wrap
from amos.protocol.handover import Handover, handover_message
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.manifest import Manifest, PackStem
from amos.protocol.receipt import parse_receipt
from amos.protocol.segment import FIRST_PREVIOUS, FLAG_BEGIN, FLAG_END, SEAL_INTERVAL, Usage
from amos.protocol.signing import sign_manifest
from amos.protocol.topics import RECEIPT, USAGE, device_topic
from amos_ledger import clerk, registry
from amos_ledger.folder import Folder, init_folder
from amos_ledger.intake.decision import decide
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger, Reply
from amos_ledger.ordinary_lines import Lines
from amos_ledger.records import Decided
from amos_tools.demo.broker import free_port
from amos_tools.postgres_server import Server
from signed_usage import columns, sign_usage

RATE_HZ = 44_100
SPAN = 60 * RATE_HZ
STEM_FRAMES = SPAN
NOON = 1_793_534_400
"""2026-11-01 12:00 UTC."""
SITE = "harbour"
CLOCK_OF_SAMPLES = (("start_ms", "first_frame"), ("end_ms", "end_frame"))


@pytest.fixture(autouse=True)
def the_table_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test has taken in without the table of decisions, the table accepts, and knows the same about it."""
    accept = Lines.accept

    @wraps(accept)
    def asked_both_ways(self: Lines, opened: Any) -> bool:
        if opened.usage is None:
            return accept(self, opened)
        store, device_id = self._store, opened.usage.device_id
        self.end(device_id)
        facts, _usage = clerk.gather(store, opened, self._received_s)
        decided = decide(facts)
        known = clerk._known(store, facts) if decided.verdict == ACCEPTED else None
        accepted = accept(self, opened)
        if accepted:
            line = self._lines[device_id]
            told = (line.pack, line.course.device, line.course.anchor, line.played, line.sounding)
            assert (decided, known) == (Decided(ACCEPTED, ""), told)
        return accepted

    monkeypatch.setattr(Lines, "accept", asked_both_ways)


class Signer:
    """A key pair."""

    def __init__(self, number: int) -> None:
        self.seed = sha256(b"seed %d" % number).digest()
        self.public = public_key(self.seed)
        self.id = key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        return sign(self.seed, message)


@dataclass
class Pack:
    """A signed pack and catalogue with `stems` stems."""

    manifest: bytes
    catalogue: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.manifest).digest()

    @classmethod
    def make(cls, publisher: Signer, number: int = 1, stems: int = 4, voices: int = 8, **changes: Any) -> "Pack":
        stem_ids = [sha256(b"stem %d" % index).digest()[:16] for index in range(stems)]
        facts = {
            "key": None,
            "tempo_mbpm": None,
            "gain_q15": 32767,
            "artist_id": bytes(16),
            "lease_end_unix_s": NOON * 2,
        }
        listed = [
            PackStem(
                stem_id=stem,
                sha256=bytes(32),
                size_bytes=4 * STEM_FRAMES,
                codec=0,
                frames=STEM_FRAMES,
                channels=2,
                role=0,
                **facts,
            )
            for stem in stem_ids
        ]
        manifest = Manifest(
            version=1, serial=number, name=f"pack {number}", rate_hz=RATE_HZ, board_class="any", voices=voices,
            lease_end_unix_s=NOON * 2, score_sha256=bytes(32), score_bytes=1, stems=listed,
        )  # fmt: skip
        splits = [Share(payee="ada", ppm=600_000), Share(payee="ben", ppm=400_000)]
        works = [Work(stem_id=stem, title="t", artist="a", isrc=None, splits=splits) for stem in stem_ids]
        catalogue = Catalogue(version=1, serial=changes.get("serial", 1), works=works)
        signed = sign_manifest(manifest, publisher.id, publisher.sign)
        return cls(signed, sign_catalogue(catalogue, publisher.id, publisher.sign))


@dataclass
class Device:
    """A player that seals gap-free segments of one minute; `seal` goes on from the last unless told otherwise."""

    number: int
    pack: bytes
    sequence: int = 0
    previous: bytes = FIRST_PREVIOUS
    frame: int = 0
    sealed: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = self.signer = Signer(1000 + self.number)
        self.handovers: list[Handover] = []

    def rotate(self, number: int = 1, first: int | None = None, by: Signer | None = None) -> Handover:
        """Another key signs from the next segment on; the last one, or `by`, hands over."""
        signer = Signer(10_000 * number + self.number)
        first_sequence = self.sequence + 1 if first is None else first
        signature = (by or self.signer).sign(handover_message(self.key.id, first_sequence, signer.public))
        handover = Handover(first_sequence=first_sequence, public_key=signer.public, signature=signature)
        self.handovers, self.signer = [*self.handovers, handover], signer
        return handover

    def enrolment(self, operator: Signer, **changes: Any) -> bytes:
        nonce = bytes(16)
        facts = {
            "version": 1, "device_id": self.key.id, "public_key": self.signer.public, "site": SITE,
            "name": f"player-{self.number}", "tier": 1, "board": "linux", "voices": 8, "nonce": nonce,
            "possession": self.signer.sign(IDENTIFY_CONTEXT + nonce), "unix_s": NOON + len(self.handovers),
        }  # fmt: skip
        if self.handovers:
            facts |= {"version": 2, "first_key": self.key.public, "handovers": self.handovers}
        facts |= changes
        return sign_enrolment(Enrolment(**facts), operator.id, operator.sign)

    def usage(self, rows: list[tuple[int, int, int]] | None = None, **changes: Any) -> Usage:
        """The next segment's payload; rows are (stem, start in the segment, frames)."""
        first = changes.get("first_frame", self.frame)
        if rows is None:
            rows = [(0, 0, SPAN), (1, 100, 5000 + self.sequence), (1, 9000, 700)]
        placed = [(stem, first + start, frames, FLAG_BEGIN | FLAG_END) for stem, start, frames in rows]
        stems, starts, frames, flags = columns(placed, first)
        facts = {
            "version": 1, "device_id": self.key.id, "sequence": self.sequence + 1, "previous": self.previous, "boot": 1,
            "session": 1, "start_state": bytes(32), "first_frame": first, "end_frame": first + SPAN,
            "rate_hz": RATE_HZ, "clock": 0, "pack": self.pack, "score": bytes(32),
            "tier": 1, "stems": stems, "starts": starts, "frames": frames, "flags": flags,
            "input_starts": array("I"), "input_kinds": array("B"), "input_values": array("i"),
            "delivered_frames": SPAN, "underruns": 0, "silent_frames": 0, "pcm_sha256": bytes(32),
            "reason": SEAL_INTERVAL,
        }  # fmt: skip
        facts |= changes
        times = {name: facts[frame] * 1000 // RATE_HZ for name, frame in CLOCK_OF_SAMPLES}
        return Usage(**(times | facts))

    def seal(self, rows: list[tuple[int, int, int]] | None = None, **changes: Any) -> bytes:
        """Seal the next segment and go on after it."""
        usage = self.usage(rows, **changes)
        segment = sign_usage(usage, self.signer.sign, self.signer.id)
        self.sequence, self.previous, self.frame = usage.sequence, sha256(segment).digest(), usage.end_frame
        self.sealed.append(segment)
        return segment

    def topic(self, leaf: str = USAGE) -> str:
        return device_topic(SITE, self.key.id, leaf)

    def message(self, segment: bytes) -> Message:
        return Message.of(self.topic(), wrap(segment))


class World:
    """A ledger in `path` with its operator, its publisher and one published pack."""

    def __init__(self, path: Path, database: str | None = None) -> None:
        self.path = path
        self.operator, self.publisher = Signer(1), Signer(2)
        self.pack = Pack.make(self.publisher)
        if not path.exists():
            self.folder = init_folder(
                path, "ledger.example/amos", self.operator.public, self.publisher.public, database
            )
            self.publish(self.pack)
        self.folder = Folder(path)
        self.ledger = Ledger(self.folder)

    def publish(self, pack: Pack) -> None:
        with self.folder.open_store() as store:
            registry.add_pack(self.folder, store, pack.manifest, pack.catalogue, 1)
            registry.publish(self.folder, store)

    def device(self, number: int = 1, enrolled: bool = True, **changes: Any) -> Device:
        device = Device(number, self.pack.id)
        if enrolled:
            self.enrol(device, **changes)
        return device

    def enrol(self, device: Device, **changes: Any) -> None:
        with self.folder.open_store() as store:
            registry.enrol(self.folder, store, device.enrolment(self.operator, **changes))
            registry.publish(self.folder, store)

    def take(self, device: Device, *segments: bytes) -> list[Answer]:
        """Answers to one batch, each checked to go where the courier listens."""
        return self.answers(self.ledger.take([device.message(segment) for segment in segments], NOON))

    def answers(self, replies: list[Reply]) -> list[Answer]:
        for reply in replies:
            assert reply.topic is not None and reply.topic.endswith("/" + RECEIPT)
            assert Answer.decode(reply.answer.encode()).verdict == reply.answer.verdict
        return [reply.answer for reply in replies]

    def totals(self) -> Any:
        with self.folder.open_store() as store:
            return store.totals()

    def restart(self) -> list[Reply]:
        """A new process on the same folder; its first tick recovers."""
        self.ledger.close()
        self.folder = Folder(self.path)
        self.ledger = Ledger(self.folder)
        return self.ledger.tick()

    def check_receipt(self, segment: bytes, receipt: bytes | None) -> None:
        assert receipt is not None
        parse_receipt(receipt).check(segment, self.folder.public_key, verify)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger to copy: making one waits for the disk a dozen times."""
    return World(tmp_path_factory.mktemp("made") / "ledger").path


@pytest.fixture(scope="session")
def make_world() -> Callable[[Path], World]:
    """A world around a ledger's folder."""
    return World


@pytest.fixture(scope="module")
def shared_world(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One ledger for all examples of a module's tests."""
    return World(Path(shutil.copytree(made_once, tmp_path_factory.mktemp("shared") / "ledger")))


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database the ledger of a test is in."""
    return str(request.param)


@pytest.fixture(scope="session")
def made_on_postgres(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as `made_once`, in a database to copy."""
    world = World(tmp_path_factory.mktemp("made") / "ledger", postgres.database())
    world.ledger.close()
    return world.path


@pytest.fixture
def world(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    if kind == "sqlite":
        yield World(Path(shutil.copytree(request.getfixturevalue("made_once"), tmp_path / "ledger")))
        return
    server, made = request.getfixturevalue("postgres"), request.getfixturevalue("made_on_postgres")
    path = Path(shutil.copytree(made, tmp_path / "ledger"))
    url = server.database((made / "database").read_text())
    (path / "database").write_text(url)
    yield World(path)
    server.drop(url)


@pytest.fixture(scope="module")
def script(shared_world: World) -> Script:
    return Script(shared_world)


@pytest.fixture(scope="session")
def stops() -> None:
    """The kernel can stop a process at its system calls here."""
    if library() is None:
        missing("libseccomp2 (2.5) or Linux 5.8 is missing: apt install libseccomp2")


@pytest.fixture(scope="module")
def fresh(script: Script, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Witness]:
    """Puts the ledger back as it was when the day began."""
    path = script.world.path
    kept = Path(shutil.copytree(path, tmp_path_factory.mktemp("kept") / "ledger"))

    def again() -> Witness:
        shutil.rmtree(path)
        shutil.copytree(kept, path)
        return Witness(script)

    script.run(lambda item: None)  # what is imported late is imported, and no part of the day
    return again


class Offline:
    """A publisher, a pack and devices, without any ledger."""

    def __init__(self) -> None:
        self.publisher = Signer(2)
        self.pack = Pack.make(self.publisher)

    def device(self, number: int = 1) -> Device:
        return Device(number, self.pack.id)


@pytest.fixture
def offline() -> Offline:
    return Offline()


@pytest.fixture
def make_pack() -> Callable[..., Pack]:
    return Pack.make


class Broker:
    """A broker process on a port of its own, which may be stopped and started again."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.command, self.port, self.log = command, port, log
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        wait_until(self._listens, f"a broker on port {self.port}: {self.log}")

    def _listens(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


AMQTT = """
import asyncio, sys
from amqtt.broker import Broker
async def main():
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:" + sys.argv[1]}},
                     "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}})
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """Each of the two brokers: one speaks MQTT 5, one only 3.1.1."""
    port = free_port()
    if request.param == "mosquitto":
        config = tmp_path / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        command = [*request.getfixturevalue("mosquitto"), "-c", str(config)]
    else:
        command = [sys.executable, "-c", AMQTT, str(port)]
    running = Broker(command, port, tmp_path / "broker.log")
    yield running
    running.stop()

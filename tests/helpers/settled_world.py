"""A small real ledger: two players, two packs, three payees, and a way to play more."""

import hashlib
import shutil
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from amos.crypto import key_id, public_key, sign
from amos.protocol.answer import ACCEPTED
from amos.protocol.catalogue import Catalogue, Share, Work, sign_catalogue
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.envelope_host import wrap
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.manifest import Manifest, PackStem
from amos.protocol.segment import FIRST_PREVIOUS, Usage
from amos.protocol.signing import sign_manifest
from amos.protocol.topics import USAGE, device_topic
from amos_ledger.audit import follow_now
from amos_ledger.folder import Folder, init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.registry import add_pack, enrol
from amos_tools.verify.audit import Audit, Verified
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published
from amos_tools.verify.statement_file import read_statement_file
from signed_usage import columns, sign_usage

OPERATOR, PUBLISHER = b"o" * 32, b"p" * 32
STEMS = [bytes([number]) * 16 for number in range(1, 5)]
SPLITS = (
    [("ann", 1_000_000)],
    [("ann", 333_333), ("bob", 666_667)],
    [("bob", 500_000), ("cy-dee", 500_000)],
    [("cy-dee", 999_999), ("ann", 1)],
)
RATES = (44_100, 48_000)


def signer(seed: bytes) -> Callable[[bytes], bytes]:
    return lambda message: sign(seed, message)


def unix_s(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp())


def manifest_bytes(rate_hz: int) -> bytes:
    stems = [
        PackStem(
            **{"stem_id": stem_id, "sha256": bytes(32), "size_bytes": 4 << 28, "codec": 0, "frames": 1 << 28},
            **{"channels": 2, "role": 0, "gain_q15": 32767, "artist_id": bytes(16), "lease_end_unix_s": 2**37},
        )
        for stem_id in STEMS
    ]
    manifest = Manifest(
        **{"version": 1, "serial": 1, "name": "harbour", "rate_hz": rate_hz, "board_class": "linux", "voices": 8},
        **{"lease_end_unix_s": 2**37, "score_sha256": bytes(32), "score_bytes": 1, "stems": stems},
    )
    return sign_manifest(manifest, key_id(public_key(PUBLISHER)), signer(PUBLISHER))


def catalogue_bytes(serial: int = 1) -> bytes:
    works = [
        Work(
            stem_id=stem_id,
            title=f"Títle [{number}] \x1b[2J",
            artist="Ann & Bob",
            isrc="DEA123456789" if number else None,
            splits=[Share(payee=payee, ppm=ppm) for payee, ppm in splits],
        )
        for number, (stem_id, splits) in enumerate(zip(STEMS, SPLITS, strict=True))
    ]
    return sign_catalogue(
        Catalogue(version=1, serial=serial, works=works), key_id(public_key(PUBLISHER)), signer(PUBLISHER)
    )


@contextmanager
def showing(folder: Folder, unix_s: int) -> Iterator[None]:
    """The ledger's clock shows this moment, and then the machine's: whatever that is, commands agree with it."""
    try:
        set_clock(folder, unix_s)
        yield
    finally:
        set_clock(folder, int(time.time()))


def set_clock(folder: Folder, unix_s: int) -> None:
    with folder.open_store() as store, store.transaction():
        store.chain.anchors.accept_clock(unix_s * 1000)


@dataclass
class Player:
    """A device with its chain; `play` makes the next signed segment of it."""

    seed: bytes
    name: str
    rate_hz: int
    sequence: int = 0
    previous: bytes = FIRST_PREVIOUS
    end_frame: int = 0

    @property
    def device(self) -> bytes:
        return key_id(public_key(self.seed))

    def enrolment(self, **changes: object) -> bytes:
        nonce = b"nonce of sixteen"
        facts: dict[str, object] = dict(
            **{"version": 1, "device_id": self.device, "public_key": public_key(self.seed), "site": "cafe"},
            **{"name": self.name, "tier": 0, "board": "linux", "voices": 4, "nonce": nonce, "unix_s": 1},
            possession=sign(self.seed, IDENTIFY_CONTEXT + nonce),
        )
        record = Enrolment(**{**facts, **changes})
        return sign_enrolment(record, key_id(public_key(OPERATOR)), signer(OPERATOR))

    def play(self, rows: list[tuple[int, int]], played_unix_s: int | None, tier: int = 0, **changes: object) -> bytes:
        """A segment with (stem, frames) rows that starts at that time, or at none that the player knows."""
        span = max([frames for _stem, frames in rows], default=1)
        stems, starts, frames, flags = columns([(stem, self.end_frame, n, 5) for stem, n in rows], self.end_frame)
        start_ms, end_ms = (frame * 1000 // self.rate_hz for frame in (self.end_frame, self.end_frame + span))
        pack = hashlib.sha256(manifest_bytes(self.rate_hz)).digest()
        facts: dict[str, object] = dict(
            **{"version": 1, "device_id": self.device, "sequence": self.sequence + 1, "previous": self.previous},
            **{"boot": 1, "session": 1, "start_state": bytes(32), "first_frame": self.end_frame},
            **{"end_frame": self.end_frame + span, "rate_hz": self.rate_hz, "start_ms": start_ms, "end_ms": end_ms},
            **{"clock": 0 if played_unix_s is None else 1, "pack": pack, "score": bytes(32), "tier": tier},
            anchor_unix_ms=None if played_unix_s is None else played_unix_s * 1000,
            anchor_ms=None if played_unix_s is None else start_ms,
            **{"stems": stems, "starts": starts, "frames": frames, "flags": flags, "input_starts": array("I")},
            **{"input_kinds": array("B"), "input_values": array("i"), "delivered_frames": span, "underruns": 0},
            **{"silent_frames": 0, "pcm_sha256": bytes(32), "reason": 1},
        )
        segment: bytes = sign_usage(Usage(**{**facts, **changes}), signer(self.seed))
        self.sequence += 1
        self.previous = hashlib.sha256(segment).digest()
        self.end_frame += span
        return segment


@dataclass
class World:
    """A ledger's folder with two players enrolled and two packs published."""

    path: Path
    folder: Folder = field(init=False)
    players: list[Player] = field(init=False)

    def __post_init__(self) -> None:
        self.folder = init_folder(self.path, "amos.example/ledger", public_key(OPERATOR), public_key(PUBLISHER))
        self.players = [Player(bytes([65 + at]) * 32, f"bar-{at}", rate) for at, rate in enumerate(RATES)]
        with self.folder.open_store() as store:
            for player in self.players:
                enrol(self.folder, store, player.enrolment())
            for rate in RATES:
                add_pack(self.folder, store, manifest_bytes(rate), catalogue_bytes(), unix_s=1)

    @property
    def keys(self) -> Keys:
        return Keys(self.folder.public_key, public_key(PUBLISHER), public_key(OPERATOR), "amos.example/ledger")

    def play(
        self, number: int, rows: list[tuple[int, int]], played_unix_s: int | None, received: int, tier: int = 0
    ) -> None:
        """Player `number` plays, and the ledger accepts the segment."""
        segment = self.players[number].play(rows, played_unix_s, tier)
        assert self.send(number, segment, received) == [ACCEPTED]

    def send(self, number: int, segment: bytes, received: int) -> list[int]:
        """The ledger's verdicts on a segment of player `number`."""
        topic = device_topic("cafe", self.players[number].device, USAGE)
        ledger = Ledger(self.folder)
        try:
            with showing(self.folder, received):
                return [reply.answer.verdict for reply in ledger.take([Message.of(topic, wrap(segment))], received)]
        finally:
            ledger.close()
            with self.folder.open_store() as store:
                follow_now(self.folder, store)

    def append(self, *entries: bytes) -> None:
        """Put entries into the log past intake, as only the ledger itself can."""
        with self.folder.open_store() as store:
            store.append(entries)

    def statement(self, payee: str, period: str = "2026-11") -> Path:
        """In euros, of the communal pool."""
        return self.folder.public / "statements" / f"{period}-EUR" / f"{payee}.json.gz"

    def verify(self, payee: str = "ann", period: str = "2026-11", folder: Path | None = None) -> Verified:
        """Verify a statement against the audit folder, or a copy of it."""
        file = self.statement(payee, period)
        if folder is not None and (folder / "statements").is_dir():
            file = folder / "statements" / file.parent.name / file.name
        data = read_statement_file(file)
        return Audit(Published(folder or self.folder.path / "audit"), self.keys).check(data)

    def copy(self, target: Path) -> Path:
        """The audit folder on another server, with the statements beside it."""
        shutil.copytree(self.folder.path / "audit", target)
        shutil.copytree(self.folder.public / "statements", target / "statements")
        return target


def play_november(world: World) -> None:
    """Six segments: two rates, two tiers, one player without a clock."""
    november, received = unix_s(2026, 11, 5, 20), unix_s(2026, 11, 6)
    world.play(0, [(0, 44_100), (1, 10_001)], november, received)
    world.play(1, [(1, 48_000), (2, 17), (2, 4_711)], november, received)
    world.play(0, [(2, 99_999)], november + 600, received, tier=2)
    world.play(1, [(0, 31)], None, received)
    world.play(0, [], november + 1200, received)
    world.play(1, [(0, 7), (1, 7), (2, 7)], november + 1200, received)

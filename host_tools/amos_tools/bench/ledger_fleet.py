"""A ledger in a folder and a fleet that seals segments for it: what section `ledger` measures with."""

from array import array
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from amos.crypto import key_id, public_key, sign
from amos.protocol.catalogue import Catalogue, Share, Work, sign_catalogue
from amos.protocol.cose import TYP_USAGE
from amos.protocol.cose import sign as sign_cose
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.envelope_host import wrap
from amos.protocol.limits import TIME_NONCE_BYTES
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.manifest import Manifest, PackStem
from amos.protocol.segment import (
    CLOCK_SYNCHRONISED,
    FIRST_PREVIOUS,
    FLAG_BEGIN,
    FLAG_CONTINUE,
    FLAG_END,
    NO_SEED_ROOT,
    SEAL_INTERVAL,
    VERSION,
    Usage,
)
from amos.protocol.signing import sign_manifest
from amos.protocol.topics import TIME, USAGE, device_topic
from amos.protocol.usage_reader import OUTPUT_KIND_ALSA, PACE_CLOCKED
from amos_ledger import registry
from amos_ledger.folder import Folder, init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger

NOON = 1_793_534_400
"""2026-11-01 12:00 UTC."""
SITE = "bench"
RATE_HZ, SEGMENT_S, STEMS, VOICES = 44_100, 600, 64, 8
SPAN = SEGMENT_S * RATE_HZ


class Signer:
    """A key pair of the bench's own."""

    def __init__(self, name: str) -> None:
        self.seed = sha256(name.encode()).digest()
        self.public = public_key(self.seed)
        self.id = key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return sign(self.seed, message)


class Player:
    """Seals gap-free segments of ten minutes, in real time, by a clock that the ledger set."""

    def __init__(self, number: int, pack: bytes, rows: int, began_s: int = NOON) -> None:
        self.key = Signer(f"player {number}")
        self._pack, self._rows, self._number = pack, rows, number
        self._sequence, self._previous, self._session = 0, FIRST_PREVIOUS, 1
        self._begun, self._anchor_s, self._enrolled_s = 0, began_s, began_s

    def resume(self, sequence: int, previous: bytes, session: int, anchor_s: int) -> None:
        """Begin another session behind this segment, as after a boot at which the ledger told the time."""
        self._sequence, self._previous, self._session = sequence, previous, session + 1
        self._begun, self._anchor_s = sequence, anchor_s

    def enrolment(self, operator: Signer) -> bytes:
        """Signed by the operator."""
        nonce = bytes(16)
        possession = self.key.sign(IDENTIFY_CONTEXT + nonce)
        enrolment = Enrolment(
            version=1, device_id=self.key.id, public_key=self.key.public, site=SITE, name=f"player-{self._number}",
            tier=1, board="linux", voices=VOICES, nonce=nonce, possession=possession,
            unix_s=self._enrolled_s,
        )  # fmt: skip
        return bytes(sign_enrolment(enrolment, operator.id, operator.sign))

    def nonce(self) -> Message:
        """Asks the ledger for the time."""
        return Message.of(device_topic(SITE, self.key.id, TIME), bytes(TIME_NONCE_BYTES))

    def seal(self) -> bytes:
        """The next segment."""
        played, rows = self._sequence - self._begun, range(self._rows)
        first = played * SPAN
        step = SPAN // self._rows
        length = step * (VOICES - 1)
        starts = [index * step for index in rows]
        usage = Usage(
            version=VERSION, device_id=self.key.id, sequence=self._sequence + 1, previous=self._previous,
            boot=self._session, session=self._session, start_state=bytes(32), first_frame=first,
            end_frame=first + SPAN, rate_hz=RATE_HZ,
            start_ms=played * SEGMENT_S * 1000, end_ms=(played + 1) * SEGMENT_S * 1000,
            clock=CLOCK_SYNCHRONISED, anchor_unix_ms=self._anchor_s * 1000, anchor_ms=0, pack=self._pack,
            score=bytes(32), tier=1, stems=array("H", self._stems()),
            starts=array("I", [step if index else 0 for index in rows]),
            frames=array("I", [min(length, SPAN - start) for start in starts]),
            flags=array("B", self._flags()),
            input_starts=array("I"), input_kinds=array("B"), input_values=array("i"), delivered_frames=SPAN,
            underruns=0, silent_frames=0, pcm_sha256=sha256(b"%d" % self._sequence).digest(), reason=SEAL_INTERVAL,
            output_kind=OUTPUT_KIND_ALSA, pace=PACE_CLOCKED, seed_root=NO_SEED_ROOT,
        )  # fmt: skip
        segment: bytes = sign_cose(usage.encode(), TYP_USAGE, self.key.id, self.key.sign)
        self._sequence, self._previous = self._sequence + 1, sha256(segment).digest()
        return segment

    def _stems(self) -> list[int]:
        """The first row goes on with what the last of the segment before began."""
        stems = [(index * 7 + self._sequence) % STEMS for index in range(self._rows)]
        if self._rows > 1 and self._sequence > self._begun:
            stems[0] = ((self._rows - 1) * 7 + self._sequence - 1) % STEMS
        return stems

    def _flags(self) -> list[int]:
        flags = [FLAG_BEGIN | FLAG_END] * self._rows
        if self._rows > 1:
            flags[0] = FLAG_CONTINUE | FLAG_END if self._sequence > self._begun else flags[0]
            flags[-1] = FLAG_BEGIN
        return flags

    def message(self, segment: bytes) -> Message:
        """As it comes from the broker."""
        return Message.of(device_topic(SITE, self.key.id, USAGE), wrap(segment))


class Fleet:
    """A new ledger below `path`, its store in a file or at the URL `database`, and players that are enrolled there and
    begin to play at the Unix time `began_s`."""

    def __init__(self, path: Path, players: int, rows: int, database: str | None = None, began_s: int = NOON) -> None:
        operator, publisher = Signer("operator"), Signer("publisher")
        folder = init_folder(path, "ledger.example/bench", operator.public, publisher.public, database)
        manifest, catalogue = _pack(publisher)
        pack = sha256(manifest).digest()
        self.players = [Player(number, pack, rows, began_s) for number in range(players)]
        self._turn = 0
        with folder.open_store() as store:
            registry.add_pack(folder, store, manifest, catalogue)
            for player in self.players:
                registry.enrol(folder, store, player.enrolment(operator))
            registry.publish(folder, store)
        self.folder = Folder(path)
        self.ledger = Ledger(self.folder)
        self.ledger.date([player.nonce() for player in self.players], began_s * 1000)

    def sealed(self, count: int) -> Iterator[tuple[Player, bytes]]:
        """The next `count` segments, of one player after the other, and so on from where the last call ended."""
        for _ in range(count):
            player = self.players[self._turn % len(self.players)]
            self._turn += 1
            yield player, player.seal()


def _pack(publisher: Signer) -> tuple[bytes, bytes]:
    ids = [sha256(b"stem %d" % index).digest()[:16] for index in range(STEMS)]
    facts = {"key": None, "tempo_mbpm": None, "gain_q15": 32767, "artist_id": bytes(16), "role": 0, "channels": 2}
    facts |= {"lease_end_unix_s": NOON * 2, "codec": 0, "sha256": bytes(32), "size_bytes": 4 * SPAN, "frames": SPAN}
    manifest = Manifest(
        version=1, serial=1, name="bench", rate_hz=RATE_HZ, board_class="any", voices=VOICES, score_sha256=bytes(32),
        score_bytes=1, lease_end_unix_s=NOON * 2, stems=[PackStem(stem_id=stem, **facts) for stem in ids],
    )  # fmt: skip
    splits = [Share(payee="ada", ppm=1_000_000)]
    works = [Work(stem_id=stem, title="t", artist="a", isrc=None, splits=splits) for stem in ids]
    catalogue = sign_catalogue(Catalogue(version=1, serial=1, works=works), publisher.id, publisher.sign)
    return sign_manifest(manifest, publisher.id, publisher.sign), catalogue

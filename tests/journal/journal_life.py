"""A player's life on a journal, recorded: every operation of its media, and what had been promised when it came."""

from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache

from amos.edges.sector_memory import MemorySectorDevice
from amos.journal.builder import PCM_UNKNOWN
from amos.journal.facts import Opened
from amos.journal.journal import Journal, JournalFull
from amos.journal.reservation import Reservation
from amos.protocol.segment import SEAL_INTERVAL, SEAL_PACK, SEAL_POWER_LOSS, Usage
from amos.protocol.usage_reader import open_usage
from signed_usage import sign_usage

SALT = b"saltsalt"
SECTOR_COUNT = 512
SECOND = 48000
DEVICE = b"the player's key"


@lru_cache(maxsize=256)
def usage_of(segment: bytes) -> Usage:
    return open_usage(segment, bytes(32), lambda *_: True)


@dataclass
class Promise:
    """What the journal has acknowledged; `trying_*` is what the call under way would add.

    delivered_frames: of all lives, those that have reached the output. shown: the newest segment that a courier may
    have seen: with the boot all that were found, then each that is sealed. torn_seal: what a life before this one tried
    to seal under the next number. The next try may differ in few bytes, and so bring the sectors that it lacked.
    """

    delivered_frames: int = 0
    shown: int = 0
    sealed: dict[int, bytes] = field(default_factory=dict)
    trying_seal: bytes | None = None
    torn_seal: bytes | None = None
    first_frame: int = 0
    flushed_frame: int = 0
    trying_frame: int = 0
    receipted: int = 0
    trying_receipted: int = 0
    boots: int = 0
    trying_boots: int = 0
    sessions: int = 0
    trying_sessions: int = 0
    memory: bytes | None = None
    trying_memory: bytes | None = None

    def snapshot(self) -> "Promise":
        copied = copy(self)
        copied.sealed = dict(self.sealed)
        return copied


class Media:
    """What a player's life leaves its marks on: the ring, and what is reserved beside the key."""

    def __init__(self, ring: MemorySectorDevice | None = None, reserved: MemorySectorDevice | None = None):
        self.ring = ring or MemorySectorDevice(SECTOR_COUNT, 512)
        self.reserved = reserved or MemorySectorDevice(2, 4096)

    def reservation(self, block: int, device: bytes = DEVICE) -> Reservation:
        return Reservation(self.reserved, device, block)

    def journal(self, block: int = 1, salt: bytes = SALT) -> Journal:
        return Journal(self.ring, salt, self.reservation(block))

    @property
    def unsynced(self) -> list[tuple[int, bytes, bytes]]:
        """Of both, the ring's first."""
        return self.ring.unsynced + self.reserved.unsynced

    def after_power_cut(self, outcome: "list[bool | bytes]") -> "Media":
        count = len(self.ring.unsynced)
        ring = self.ring.after_power_cut(outcome[:count].__getitem__)
        return Media(ring, self.reserved.after_power_cut(outcome[count:].__getitem__))

    def copy(self) -> "Media":
        return self.after_power_cut([True] * len(self.unsynced))


class RecordingDevice(MemorySectorDevice):
    """Notes every write and sync with the promise at that moment."""

    def __init__(self, recording: "Recording", sector_count: int, sector_bytes: int):
        super().__init__(sector_count, sector_bytes)
        self.recording = recording

    def write(self, sector: int, data: bytes) -> None:
        self.recording.note(self, sector, bytes(data))
        super().write(sector, data)

    def sync(self) -> None:
        self.recording.note(self, None, b"")
        super().sync()


class Recording(Media):
    """Media whose log has (is it the ring's, sector or None for a sync, data, promise) of every operation."""

    def __init__(self) -> None:
        self.promise = Promise()
        self.log: list[tuple[bool, int | None, bytes, Promise]] = []
        super().__init__(RecordingDevice(self, SECTOR_COUNT, 512), RecordingDevice(self, 2, 4096))

    def note(self, device: MemorySectorDevice, sector: int | None, data: bytes) -> None:
        self.log.append((device is self.ring, sector, data, self.promise.snapshot()))


class Life:
    """One boot after another on a device. A stem sounds for two seconds, and small ones beside it fill segments."""

    def __init__(self, media: Media, promise: Promise, block: int = 1):
        self.promise = promise
        self.journal = media.journal(block)
        self.pack = 1
        self.frame = 0
        self._since: int | None = None  # the long stem's begin, while it sounds

    def boot(self) -> None:
        """Count the boot, seal what the last life left, begin a session."""
        journal, promise = self.journal, self.promise
        promise.trying_boots = journal.boot + 1
        journal.begin_boot()
        promise.boots, promise.shown = journal.boot, journal.last_sequence
        builder = journal.unsealed
        if builder is not None and builder.end_frame > builder.opened.first_frame:
            builder.lose_power()
            self._seal(builder, SEAL_POWER_LOSS)
        promise.trying_sessions = journal.session + 1
        journal.begin_session()
        promise.sessions = journal.session
        self.frame = 0

    def segment(self, seconds: int, rows: int, reason: int = SEAL_INTERVAL) -> None:
        self.open()
        for second in range(seconds):
            self.second(rows, ends=second % 2 == 1 or second == seconds - 1)
        self._seal(self.journal.unsealed, reason)
        self.remember(b"learned by %d" % self.journal.last_sequence * 20)

    def open(self) -> None:
        journal = self.journal
        facts = {"start_state": bytes(32), "rate_hz": SECOND, "start_ms": 0, "clock": 0, "tier": 0, "score": bytes(32)}
        facts |= {"output_kind": 1, "pace": 1, "seed_root": b"r" * 32}
        opened = Opened(
            boot=journal.boot, session=journal.session, first_frame=self.frame, pack=bytes([self.pack]) * 32, **facts
        )
        promise = self.promise
        promise.trying_frame = promise.flushed_frame = promise.first_frame = self.frame
        self._since = None
        journal.open(opened)

    def second(self, rows: int, ends: bool) -> None:
        """Meter one second: the long stem, tiled over the seconds, and `rows` short ones; then flush."""
        builder, promise = self.journal.unsealed, self.promise
        start = self.frame if self._since is None else self._since
        self._since = None if ends else start
        self.frame += SECOND
        promise.delivered_frames += SECOND
        long = (0, start, self.frame - start, 5)
        short = [(1 + n % 40, self.frame - SECOND + n, 64, 5) for n in range(rows)]
        ended, sounding = ([*short, long], []) if ends else (short, [long])
        builder.advance(self.frame, self.frame // 48, 0, ended, sounding)
        promise.trying_frame = self.frame
        self.journal.flush()
        promise.flushed_frame = self.frame

    def _seal(self, builder: object, reason: int) -> None:
        journal, promise = self.journal, self.promise
        usage = builder.usage(DEVICE, journal.last_sequence + 1, journal.last_sha256, PCM_UNKNOWN, reason, journal.lost)
        segment = sign_usage(usage, lambda _message: bytes(64))
        promise.trying_seal = segment
        journal.seal(usage.sequence, segment, 1000)
        promise.sealed[usage.sequence] = segment
        promise.shown = usage.sequence
        promise.trying_seal = promise.torn_seal = None

    def remember(self, memory: bytes) -> None:
        self.promise.trying_memory = memory
        self.journal.remember(memory)
        self.promise.memory = memory

    def receipt(self, sequence: int) -> None:
        promise = self.promise
        promise.trying_receipted = max(promise.receipted, sequence)
        self.journal.trim(sequence)
        promise.receipted = promise.trying_receipted


def whole_life(media: Recording, block: int = 1) -> Life:
    """At least 20 seals, two pack changes, laps of both zones, a ring that was full, and two boots."""
    life = Life(media, media.promise, block)
    life.boot()
    for number in range(1, 13):
        last_of_pack = number % 5 == 0
        life.segment(3, 350 if number % 4 == 0 else 5, SEAL_PACK if last_of_pack else SEAL_INTERVAL)
        life.pack += last_of_pack
        if number % 3 == 0:
            life.receipt(number - 1)
    life.open()
    life.second(300, ends=False)
    life = Life(media, media.promise, block)
    life.boot()
    full = False
    while not full:
        try:
            life.segment(4, 280)
        except JournalFull:
            full = True
    life.receipt(life.journal.last_sequence)
    for _ in range(4):
        life.segment(2, 400)
    return life

"""A ring whose sectors hold anything: the journal opens it or refuses it by name, within bounds, and goes on.

Spoilt at random, and by someone who knows the format: records and superblocks whose checksums fit what they say.
"""

from binascii import crc32

from amos.edges.sector_memory import MemorySectorDevice
from amos.journal import record, superblock
from amos.journal.builder import PCM_UNKNOWN
from amos.journal.errors import JournalError
from amos.journal.facts import Opened
from amos.journal.journal import Journal
from amos.journal.record import CRC_BYTES, HEADER_BYTES, MAGIC, checksum
from amos.protocol.cbor import Pieces
from amos.protocol.segment import SEAL_INTERVAL
from fuzz_chance import EDGES, spoil, twisted
from fuzz_messages import TAKEN, before_figures
from signed_usage import sign_usage

SALT = b"saltsalt"
SALT_CRC = crc32(SALT) & 0xFFFFFFFF
SECTORS, SECTOR_BYTES = 512, 512
SECOND = 48000
READS_MAX = 60 * SECTORS
"""Sectors read by a boot and the life after it: some passes over the ring, however it is spoilt."""


def a_life(device: MemorySectorDevice, segments: int) -> Journal:
    """Boot, seal `segments` segments of two seconds, receipt most of them, and stop with one open."""
    journal = Journal(device, SALT)
    journal.begin_boot()
    journal.begin_session()
    frame = 0
    for number in range(segments + 1):
        frame = a_segment(journal, frame, rows=20 + 90 * (number % 4), sealed=number < segments)
        journal.remember(bytes((number,)) * 300)
        if number % 5 == 4:
            journal.trim(journal.last_sequence - 2)
    return journal


def a_segment(journal: Journal, frame: int, rows: int, sealed: bool = True) -> int:
    """Meter two seconds from `frame` on; where they end."""
    opened = Opened(
        boot=journal.boot,
        session=journal.session,
        start_state=bytes(32),
        first_frame=frame,
        rate_hz=SECOND,
        start_ms=0,
        clock=0,
        pack=bytes(32),
        score=bytes(32),
        tier=0,
    )
    builder = journal.open(opened)
    for _second in range(2):
        short = [(n % 40, frame + n, 64, 5) for n in range(rows)]
        frame += SECOND
        builder.advance(frame, frame // 48, 0, short, [(50, opened.first_frame, frame - opened.first_frame, 1)])
        journal.flush()
    if sealed:
        usage = builder.usage(
            bytes(16), journal.last_sequence + 1, journal.last_sha256, PCM_UNKNOWN, SEAL_INTERVAL, journal.lost
        )
        journal.seal(usage.sequence, sign_usage(usage, lambda _message: bytes(64)), 2000)
    return frame


class Images:
    """Rings to start from: fresh, once round, and after a clean stop of two lives."""

    def __init__(self):
        self.images = []
        for lives in ((1,), (3,), (3, 4), (40,), (25, 30)):
            device = MemorySectorDevice(SECTORS, SECTOR_BYTES)
            for segments in lives:
                a_life(device, segments)
            self.images.append(device.sectors)


_IMAGES: list = []


class Ring:
    """One boot and a short life on a spoilt ring."""

    NAME, SHARE, CASES = "journal", 20, 200

    def __init__(self, chance):
        self._chance = chance
        if not _IMAGES:
            _IMAGES.extend(Images().images)

    def case(self) -> str:
        chance = self._chance
        device = MemorySectorDevice(SECTORS, SECTOR_BYTES, chance.pick(_IMAGES))
        forged = chance.percent(40)
        means = (self._forge, self._forge_superblock, self._move) if forged else (self._spoil_sector, self._move)
        for _ in range(1 + chance.below(3)):
            chance.pick(means)(device)
        try:
            outcome = self._live(device, forged)
        except JournalError as error:
            outcome = before_figures(str(error))
        assert device.sectors_read <= READS_MAX, device.sectors_read
        return outcome

    def _live(self, device, forged: bool) -> str:
        """Boot, read, seal one more segment; after damage (a forger may say anything) the next boot finds just that."""
        journal = Journal(device, SALT)
        before = journal.last_sequence
        journal.begin_boot()
        for sequence in list(journal.segments)[:8]:
            data = journal.read(sequence, 0, 1 << 16)
            stored = journal.segments.get(sequence)
            assert (data is None) == (stored is None)
            if data is not None and len(data) != stored.size:
                raise AssertionError("segment %d: expected %d bytes, found %d" % (sequence, stored.size, len(data)))
        journal.begin_session()
        a_segment(journal, 0, 30)
        assert journal.last_sequence == before + 1 and journal.segments.get(before + 1) is not None
        again = Journal(device, SALT)
        if not forged:
            assert again.last_sequence == before + 1 and again.last_sha256 == journal.last_sha256
            assert again.boot == journal.boot and again.unsealed is None
        if self._chance.percent(50):
            journal.trim(journal.last_sequence)
        return "whole" if not journal.notes else TAKEN

    def _spoil_sector(self, device) -> None:
        chance = self._chance
        sector = chance.pick(sorted(device.sectors))
        data = device.sectors[sector]
        what = chance.below(5)
        if what == 0:
            data = chance.bytes(SECTOR_BYTES)
        elif what == 1:
            data = bytes(SECTOR_BYTES) if chance.percent(50) else b"\xff" * SECTOR_BYTES
        elif what == 2:
            cut = chance.below(SECTOR_BYTES)
            data = data[:cut] + bytes(SECTOR_BYTES - cut)
        else:
            data = (spoil(chance, data) + bytes(SECTOR_BYTES))[:SECTOR_BYTES]
        device.sectors[sector] = data

    def _move(self, device) -> None:
        """A run of sectors stands where another should, as after a restored copy or a confused controller."""
        chance = self._chance
        source, target = chance.below(SECTORS), chance.below(SECTORS)
        for number in range(min(1 + chance.below(60), SECTORS - max(source, target))):
            device.sectors[target + number] = device.sectors.get(source + number, bytes(SECTOR_BYTES))

    def _forge(self, device) -> None:
        """A record with other content, and checksums that say that it is whole."""
        chance = self._chance
        starts = [sector for sector in sorted(device.sectors) if device.sectors[sector][:2] == MAGIC]
        if not starts:
            return
        sector = chance.pick(starts)
        header = device.sectors[sector][:HEADER_BYTES]
        length = int.from_bytes(header[4:8], "little")
        count = min(record.sectors_of(length, SECTOR_BYTES), SECTORS - sector)
        whole = b"".join([device.sectors.get(sector + n, bytes(SECTOR_BYTES)) for n in range(count)])
        payload = _other_payload(chance, header[3], whole[HEADER_BYTES : HEADER_BYTES + length])
        kind = header[3] if chance.percent(90) else chance.below(256)
        number = int.from_bytes(header[8:16], "little")
        number = number if chance.percent(80) else chance.pick(EDGES)
        forged = record.encode_header(kind, number, header[16:24], Pieces([payload]), SALT_CRC)
        if chance.percent(10):
            head = forged[:4] + chance.pick(EDGES[:-4]).to_bytes(4, "little") + forged[8 : HEADER_BYTES - CRC_BYTES]
            forged = head + checksum(head, SALT_CRC)
        data = forged + payload
        data += bytes(-len(data) % SECTOR_BYTES)
        for offset in range(0, min(len(data), (SECTORS - sector) * SECTOR_BYTES), SECTOR_BYTES):
            device.sectors[sector + offset // SECTOR_BYTES] = data[offset : offset + SECTOR_BYTES]

    def _forge_superblock(self, device) -> None:
        """A superblock that says other things, under a checksum that fits."""
        chance = self._chance
        sector = chance.pick((0, SECTORS - 1))
        data = device.sectors[sector]
        size = int.from_bytes(data[8:10], "little")
        body = twisted(chance, data[10 : 10 + size]) if data[:8] == superblock.MAGIC else b""
        data = superblock.MAGIC + len(body).to_bytes(2, "little") + body
        device.sectors[sector] = (data + checksum(data) + bytes(SECTOR_BYTES))[:SECTOR_BYTES]


def _other_payload(chance, kind: int, payload: bytes) -> bytes:
    """A payload of that kind with some of its fields changed; now and then not of any form."""
    if chance.percent(20):
        return spoil(chance, payload)[: record.PAYLOAD_BYTES_MAX]
    if kind == record.STATE:
        return twisted(chance, payload)
    if kind == record.FLUSH and len(payload) > 8:
        return payload[:8] + twisted(chance, payload[8:])
    if kind in (record.OPEN, record.CARRY):
        size = int.from_bytes(payload[:2], "little")
        state = twisted(chance, payload[2 : 2 + size]) if chance.percent(60) else payload[2 : 2 + size]
        return len(state).to_bytes(2, "little") + state + payload[2 + size :]
    if kind == record.SEALED and len(payload) > 76:
        head = bytearray(payload[:72])
        at = chance.pick((0, 8, 48, 56))
        head[at : at + 8] = chance.pick(EDGES).to_bytes(8, "little")
        return bytes(head) + checksum(bytes(head)) + payload[76:]
    return spoil(chance, payload)[: record.PAYLOAD_BYTES_MAX]


JOURNAL_TARGETS = (Ring,)

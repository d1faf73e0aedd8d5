"""Every legal outcome of a power cut at an operation; and what the next boot has to find after any of them."""

import hashlib
import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

from journal_life import SECOND, SECTOR_COUNT, Life, Media, Promise, Recording, usage_of, whole_life

from amos.journal.journal import Journal, JournalError

Outcome = list[bool | bytes]
SUBSETS_WHOLE = 4
"""Up to so many unsynced sectors every subset is tried; of more, samples."""


def outcomes(written: list[tuple[int, bytes, bytes]], seed: int) -> Iterator[Outcome]:
    """What may have become of the unsynced sectors (sector, before, written)."""
    count, chance = len(written), random.Random(seed)
    yield [True] * count
    yield [False] * count
    if not count:
        return
    if count <= SUBSETS_WHOLE:
        yield from (list(subset) for subset in product((False, True), repeat=count) if 0 < sum(subset) < count)
    else:
        for length in {1, count // 2, count - 1}:
            yield [index < length for index in range(count)]
            yield [index >= length for index in range(count)]
        yield from ([chance.random() < 0.5 for _ in range(count)] for _ in range(4))
    for index in {0, count // 2, count - 1}:
        _sector, before, data = written[index]
        size = len(data)
        torn = chance.randrange(1, size - 1)
        for bad in (
            data[:torn] + before[torn:],
            before[:torn] + data[torn:],
            chance.randbytes(size),
            b"\xff" * size,
            b"AJ\x01\x02" * (size // 4),
        ):
            for others in (True, False):
                became: Outcome = [others] * count
                became[index] = bad
                yield became


def moments(block: int) -> Iterator[tuple[Media, Promise]]:
    """The media within each operation of the recorded life (its sectors not synced yet), and the promise then."""
    recorded = Recording()
    whole_life(recorded, block)
    media = Media()
    for of_ring, sector, data, promise in recorded.log:
        device = media.ring if of_ring else media.reserved
        if sector is not None:
            device.write(sector, data)
        yield media, promise
        if sector is None:
            device.sync()


def cases(block: int) -> Iterator[tuple[int, int, bool, Callable[[], Media], Promise]]:
    """(operation, outcome, whether it is the ring's, what the next boot finds, promise)."""
    for operation, (media, promise) in enumerate(moments(block)):
        of_ring = not media.reserved.unsynced
        for number, outcome in enumerate(outcomes(media.unsynced, operation)):
            yield operation, number, of_ring, partial(media.after_power_cut, outcome), promise


def without_superblocks(media: Media, outcome: Outcome, seed: int) -> Media:
    """The media after a cut, and both superblocks garbage."""
    found = media.after_power_cut(outcome)
    for sector in (0, SECTOR_COUNT - 1):
        found.ring.sectors[sector] = random.Random(seed + sector).randbytes(512)
    return found


def check_boot(media: Media, promise: Promise, block: int = 1) -> Journal:
    """Nothing promised is missing; nothing is there that was not at least tried."""
    media.ring.sectors_read = 0
    reservation = media.reservation(block)
    assert not reservation.lost and reservation.last.until > promise.shown
    journal = Journal(media.ring, b"freshone", reservation)
    # Bounded: the rows zone and what is looked through after it, a few sectors for each segment; the whole medium
    # three times more where no superblock says where to begin.
    searched = not promise.boots or any("found by its records" in note for note in journal.notes)
    assert media.ring.sectors_read < (5 if searched else 2) * SECTOR_COUNT
    possible = with_the_try(promise, journal)
    assert journal.last_sequence in (max(promise.sealed, default=0), max(possible, default=0))
    assert journal.receipted in (promise.receipted, promise.trying_receipted)
    assert sorted(journal.segments) == list(range(journal.receipted + 1, journal.last_sequence + 1))
    for sequence in journal.segments:
        assert journal.read(sequence, 0, 1 << 16) == possible[sequence]
    if journal.last_sequence:
        assert journal.last_sha256 == hashlib.sha256(possible[journal.last_sequence]).digest()
    assert journal.boot in (promise.boots, promise.trying_boots)
    assert journal.session in (promise.sessions, promise.trying_sessions)
    assert journal.memory in (promise.memory, promise.trying_memory)
    assert journal.lost is None
    builder = journal.unsealed
    if journal.last_sequence == max(promise.sealed, default=0) and promise.flushed_frame > promise.first_frame:
        retired = promise.sealed and usage_of(promise.sealed[max(promise.sealed)]).end_frame >= promise.flushed_frame
        assert retired or (builder and builder.end_frame in (promise.flushed_frame, promise.trying_frame))
    assert 0 <= promise.delivered_frames - metered_frames(journal, possible) <= SECOND
    return journal


def with_the_try(promise: Promise, journal: Journal) -> dict[int, bytes]:
    """The sealed segments, and the one whose seal was being tried; where an earlier life tried too, the one it is."""
    possible = dict(promise.sealed)
    if promise.trying_seal:
        number = max(possible, default=0) + 1
        possible[number] = promise.trying_seal
        if promise.torn_seal and journal.last_sequence == number:
            found = journal.read(number, 0, 1 << 16)
            possible[number] = promise.torn_seal if found == promise.torn_seal else promise.trying_seal
    return possible


def metered_frames(journal: Journal, sealed: dict[int, bytes]) -> int:
    """Of all lives: what the sealed segments have counted, receipted ones too, and what is not sealed yet."""
    segments = [segment for sequence, segment in sealed.items() if sequence <= journal.last_sequence]
    unsealed = journal.unsealed.delivered_frames if journal.unsealed else 0
    return sum(usage_of(segment).delivered_frames for segment in segments) + unsealed


def settle(promise: Promise, journal: Journal) -> Promise:
    """The promise after a boot: what was being tried has happened or not."""
    settled = promise.snapshot()
    settled.torn_seal = promise.trying_seal or promise.torn_seal
    if promise.trying_seal and journal.last_sequence > max(promise.sealed, default=0):
        settled.sealed = with_the_try(promise, journal)
        settled.torn_seal = None
    builder = journal.unsealed
    settled.delivered_frames = metered_frames(journal, settled.sealed)
    settled.trying_seal = None
    settled.first_frame = builder.opened.first_frame if builder else 0
    settled.flushed_frame = settled.trying_frame = builder.end_frame if builder else 0
    settled.receipted = settled.trying_receipted = journal.receipted
    settled.boots = settled.trying_boots = journal.boot
    settled.sessions = settled.trying_sessions = journal.session
    settled.memory = settled.trying_memory = journal.memory
    return settled


def play_on(life: Life) -> None:
    """Boot as a player does, make room where there is little, play."""
    used = sum(stored.size // 512 + 2 for stored in life.journal.segments.values())
    life.boot()
    if used > SECTOR_COUNT // 2 - 140:
        life.receipt(life.journal.last_sequence)
    life.segment(2, 3)
    life.segment(1, 3)


def go_on(media: Media, promise: Promise, block: int = 1) -> None:
    """Play on, boot again: numbers and chain have no gap, and every frame counts once."""
    life = Life(media, promise.snapshot(), block)
    life.promise = settle(promise, life.journal)
    play_on(life)
    journal = check_boot(media, life.promise, block)
    assert journal.last_sequence == life.journal.last_sequence and not journal.notes and journal.unsealed is None
    previous = None
    for sequence in journal.segments:
        segment = journal.read(sequence, 0, 1 << 16)
        usage = usage_of(segment)
        assert usage.sequence == sequence and (previous is None or usage.previous == previous)
        previous = hashlib.sha256(segment).digest()
        check_frames(usage)
    assert previous is None or previous == journal.last_sha256


def cut_again(media: Media, promise: Promise, operation: int, seed: int, block: int = 1) -> bool:
    """A second cut, within the boot and the play after the first; whether the life came that far.

    At an operation of the ring, or, with a negative number, of the reservation.
    """
    life = None
    device = media.ring if operation >= 0 else media.reserved
    device.fail_at, device.persist = device.operations + (operation if operation >= 0 else ~operation), True
    chance = random.Random(seed)
    try:
        life = Life(media, promise.snapshot(), block)
        life.promise = settle(promise, life.journal)
        play_on(life)
    except (JournalError, OSError):
        found = media.after_power_cut([chance.random() < 0.5 for _ in media.unsynced])
        after = life.promise if life else promise
        check_boot(found, after, block)
        go_on(found, after, block)
        return True
    return False


def check_frames(usage: object) -> None:
    """The rows of the long stem tile the segment: no frame is counted twice, none between is missing."""
    at = usage.first_frame
    for stem, start, frames, _flags in sorted(usage.rows(), key=lambda row: row[1]):
        if stem == 0:
            assert start == at
            at += frames
    assert at == usage.end_frame == usage.first_frame + usage.delivered_frames

"""Cards swapped, restored from images, wiped, or of another player: no sequence number is used twice, no frame counted
twice, and what is gone is declared, once and with its reason.
"""

import random
from collections.abc import Iterator
from functools import cache
from hashlib import sha256

import pytest
from journal_cuts import check_boot, play_on
from journal_life import DEVICE, SECTOR_COUNT, Life, Media, Promise, Recording, usage_of, whole_life

from amos.edges.sector_memory import MemorySectorDevice
from amos.journal.journal import Journal, JournalFault
from amos.protocol.segment import LOST_STORAGE, Usage

BLOCKS = (1, 64)


@cache
def lived(block: int) -> tuple[Recording, Life]:
    media = Recording()
    life = whole_life(media, block)
    life.open()
    life.second(5, ends=False)
    return media, life


def images(block: int) -> Iterator[tuple[MemorySectorDevice, Promise]]:
    """The ring as it was at each operation."""
    recorded = lived(block)[0]
    ring = MemorySectorDevice(SECTOR_COUNT, 512)
    for of_ring, sector, data, promise in recorded.log:
        if of_ring and sector is not None:
            ring.write(sector, data)
            ring.unsynced = []
            yield ring, promise


def with_ring(block: int, ring: MemorySectorDevice | None) -> Media:
    """What is reserved at the end of the life, beside another ring."""
    media, found = lived(block)[0].copy(), MemorySectorDevice(SECTOR_COUNT, 512)
    return Media(MemorySectorDevice(SECTOR_COUNT, 512, ring.sectors) if ring else found, media.reserved)


def go_on(media: Media, block: int) -> list[Usage]:
    """What a boot and the play after it seal; receipts come for what stood in the way."""
    promise = Promise()
    life = Life(media, promise, block)
    play_on(life)
    again = media.journal(block)
    assert again.last_sequence == life.journal.last_sequence and again.lost is None
    # A ring of which an operation in the middle of a long record was the last: some of it lies behind the new head.
    assert all("torn tail" in note for note in again.notes)
    return [usage_of(segment) for segment in promise.sealed.values()]


def check_new(sealed: list[Usage], block: int) -> None:
    """Numbers nobody has seen, a chain among themselves, and no frame of an earlier life."""
    promise = lived(block)[1].promise
    first = sealed[0]
    assert first.sequence > max(promise.sealed)
    assert [usage.sequence for usage in sealed] == list(range(first.sequence, first.sequence + len(sealed)))
    assert {usage.boot for usage in sealed} == {promise.boots + 1}
    assert {usage.reason for usage in sealed} == {1}, "what a power cut had left was sealed anew"
    assert first.session > promise.sessions
    assert [usage.lost_first for usage in sealed[1:]] == [None] * (len(sealed) - 1)


def test_an_image_of_any_earlier_moment_uses_no_number_twice() -> None:
    tried, last = 0, max(lived(1)[1].promise.sealed)
    for operation, (ring, promise) in enumerate(images(1)):
        if operation % 7 or max(promise.sealed, default=0) == last or promise.trying_seal:
            continue
        sealed = go_on(with_ring(1, ring), 1)
        check_new(sealed, 1)
        lost = sealed[0]
        # Each segment is noted: what is declared is what the image lacks, and the chain goes on from the last.
        assert sealed[0].sequence == last + 1
        assert lost.previous == sha256(lived(1)[1].promise.sealed[last]).digest()
        receipted = lived(1)[1].promise.receipted
        assert lost.lost_first == max(max(promise.sealed, default=0), receipted) + 1
        assert (lost.lost_last, lost.lost_reason) == (last, LOST_STORAGE)
        tried += 1
    assert tried > 20


def test_where_segments_are_not_noted_singly_the_boot_tells() -> None:
    tried, life = 0, lived(64)[1]
    for operation, (ring, promise) in enumerate(images(64)):
        if operation % 7 or promise.trying_boots >= life.promise.boots:
            continue
        sealed = go_on(with_ring(64, ring), 64)
        check_new(sealed, 64)
        assert (sealed[0].lost_last, sealed[0].lost_reason) == (sealed[0].sequence - 1, LOST_STORAGE)
        tried += 1
    assert tried > 10


@pytest.mark.parametrize("block", BLOCKS)
def test_a_blank_card_goes_on_behind_all_that_is_reserved(block: int) -> None:
    sealed = go_on(with_ring(block, None), block)
    check_new(sealed, block)
    assert (sealed[0].lost_last, sealed[0].lost_reason) == (sealed[0].sequence - 1, LOST_STORAGE)


def test_a_ring_given_up_when_all_was_receipted_loses_nothing() -> None:
    media = Media()
    life = Life(media, Promise())
    life.boot()
    life.segment(2, 3)
    life.segment(2, 3)
    life.receipt(2)
    sealed = go_on(Media(None, media.reserved), 1)
    assert [(usage.sequence, usage.lost_first) for usage in sealed] == [(3, None), (4, None)]
    assert sealed[0].previous == sha256(life.promise.sealed[2]).digest()


@pytest.mark.parametrize("block", BLOCKS)
def test_two_cards_in_turn(block: int) -> None:
    """Each keeps its own segments, and numbers rise over both."""
    cards = [MemorySectorDevice(SECTOR_COUNT, 512) for _ in range(2)]
    reserved = MemorySectorDevice(2, 4096)
    seen: set[int] = set()
    frames = 0
    for turn in range(6):
        media = Media(cards[turn % 2], reserved)
        life = Life(media, Promise(), block)
        waiting = sorted(life.journal.segments)
        life.boot()
        life.segment(2, 3)
        life.segment(1, 3)
        life.open()
        life.second(2, ends=False)  # and the card is pulled
        numbers = set(life.promise.sealed)
        assert not numbers & seen and min(numbers) > max(seen, default=0)
        assert set(waiting) <= seen and sorted(life.journal.segments) == sorted({*waiting, *numbers})
        seen |= numbers
        frames += sum(usage_of(segment).delivered_frames for segment in life.promise.sealed.values())
    assert frames == 6 * 3 * 48000


def test_a_gap_is_declared_before_older_damage() -> None:
    media = Media()
    life = Life(media, Promise())
    life.boot()
    for _ in range(4):
        life.segment(1, 3)
    image = media.copy()
    life.segment(1, 3)
    image.ring.spoil(image.ring.find(life.promise.sealed[2][40:60])[0], 300)
    image.reserved = media.reserved
    life = Life(image, Promise())
    assert life.journal.read(2, 0, 10) is None
    life.boot()
    assert life.journal.lost == (5, 5, LOST_STORAGE)
    life.segment(1, 3)
    assert life.journal.lost == (2, 2, 2)
    life.segment(1, 3)
    assert life.journal.lost is None
    assert [(u.lost_first, u.lost_last, u.lost_reason) for u in map(usage_of, life.promise.sealed.values())] == [
        (5, 5, 1),
        (2, 2, 2),
    ]


ANOTHER = b"another's key..."


def another() -> Media:
    """Another player, which has booted once."""
    media = Media()
    Journal(media.ring, b"itsown..", media.reservation(1, ANOTHER)).begin_boot()
    return media


def foreign(media: Media) -> Media:
    """The ring, in another player."""
    return Media(media.ring, another().reserved)


def open_as_another(media: Media) -> Journal:
    return Journal(media.ring, b"freshone", media.reservation(1, ANOTHER))


def test_another_player_s_card_with_segments_is_left_alone() -> None:
    media = foreign(lived(1)[0].copy())
    for spoil in (False, True):
        if spoil:
            for sector in (0, SECTOR_COUNT - 1):
                media.ring.sectors[sector] = random.Random(sector).randbytes(512)
        before = dict(media.ring.sectors)
        with pytest.raises(JournalFault, match=f"found that of {DEVICE.hex()} with 4 segments; put its own card back"):
            open_as_another(media)
        assert media.ring.sectors == before


@pytest.mark.parametrize("spoil", [False, True])
def test_another_player_s_card_with_nothing_on_it_is_taken(spoil: bool) -> None:
    media = Media()
    life = Life(media, Promise())
    life.boot()
    life.segment(2, 3)
    life.receipt(1)
    media = foreign(media)
    if spoil:
        for sector in (0, SECTOR_COUNT - 1):
            media.ring.sectors[sector] = random.Random(sector).randbytes(512)
    journal = open_as_another(media)
    assert (journal.boot, journal.last_sequence, journal.lost) == (1, 0, None)
    assert any("gave way" in note for note in journal.notes)
    journal.begin_boot()
    again = open_as_another(media)
    assert again.boot == 2 and all("torn tail" in note for note in again.notes)  # what stood there before


def spoil_reserved(media: Media, *sectors: int) -> Media:
    for sector in sectors:
        media.reserved.spoil(sector, 20)
    return media


def test_one_damaged_word_beside_the_key_is_no_loss() -> None:
    for sector in (0, 1):
        media = spoil_reserved(lived(1)[0].copy(), sector)
        check_boot_of(media)


def check_boot_of(media: Media) -> None:
    promise = lived(1)[1].promise
    journal = media.journal()
    assert journal.last_sequence == max(promise.sealed) and journal.lost is None


def test_without_the_word_beside_the_key_the_ring_counts() -> None:
    media = spoil_reserved(lived(1)[0].copy(), 0, 1)
    assert media.reservation(1).lost
    check_boot_of(media)
    life = Life(media, Promise())
    assert any("written anew" in note for note in life.journal.notes)
    life.boot()
    assert not media.reservation(1).lost and media.reservation(1).last.sealed == life.journal.last_sequence
    blank = Media(lived(1)[0].copy().ring)
    check_boot_of(blank)


def test_without_ring_and_word_nothing_is_sealed() -> None:
    for ring in (MemorySectorDevice(SECTOR_COUNT, 512), another().ring):
        media = spoil_reserved(lived(1)[0].copy(), 0, 1)
        with pytest.raises(JournalFault, match="its numbers may have been used; put back its card or that file"):
            Media(ring, media.reserved).journal()


def test_a_word_of_another_key_is_refused() -> None:
    with pytest.raises(JournalFault, match="reservation: expected device"):
        Media(None, lived(1)[0].copy().reserved).reservation(1, ANOTHER)


def test_a_life_notes_what_it_must_and_no_more() -> None:
    """Blocks of 64: a word at each boot. Blocks of 1: also with each segment, session and receipt."""
    writes = {
        block: sum(not of_ring and sector is not None for of_ring, sector, *_rest in lived(block)[0].log)
        for block in BLOCKS
    }
    promise = lived(1)[1].promise
    first, receipts = 1, 5  # the first word is said twice
    assert writes[64] == first + promise.boots
    assert writes[1] <= first + promise.boots + promise.sessions + len(promise.sealed) + receipts


def test_the_recorded_life_itself_holds() -> None:
    for block in BLOCKS:
        media, life = lived(block)
        check_boot(media.copy(), life.promise, block)

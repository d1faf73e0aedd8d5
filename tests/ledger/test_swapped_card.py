"""A player whose card is wiped, restored or swapped, and the ledger: the chain goes on, with every gap declared."""

from typing import Any

import pytest

from amos.edges.sector_memory import MemorySectorDevice
from amos.journal.builder import PCM_UNKNOWN
from amos.journal.facts import Opened
from amos.journal.journal import Journal
from amos.journal.reservation import Reservation
from amos.protocol.answer import ACCEPTED, DUPLICATE, GAP
from amos.protocol.segment import SEAL_INTERVAL
from signed_usage import sign_usage

RATE_HZ = 44_100


class Player:
    """A device of the world with a card in it, and what is reserved beside its key."""

    def __init__(self, device: Any, block: int):
        self.device, self.block = device, block
        self.reserved = MemorySectorDevice(2, 4096)
        self.card = MemorySectorDevice(512)

    def boot(self) -> list[bytes]:
        """Start; the segments that wait on the card."""
        reservation = Reservation(self.reserved, self.device.key.id, self.block)
        self.journal = Journal(self.card, b"fresh %d" % self.card.operations, reservation)
        self.journal.begin_boot()
        self.journal.begin_session()
        self.frame = 0
        return [self.read(number) for number in self.journal.segments]

    def read(self, sequence: int) -> bytes:
        return bytes(self.journal.read(sequence, 0, 1 << 16))

    def play(self, minutes: int) -> list[bytes]:
        """A segment for each minute, of one stem."""
        first = self.journal.last_sequence + 1
        for _ in range(minutes):
            self._segment()
        return [self.read(number) for number in range(first, self.journal.last_sequence + 1)]

    def _segment(self) -> None:
        journal, start, end = self.journal, self.frame, self.frame + 60 * RATE_HZ
        facts = {"boot": journal.boot, "session": journal.session, "pack": self.device.pack, "score": bytes(32)}
        more = {"start_state": bytes(32), "rate_hz": RATE_HZ, "start_ms": start // 44, "clock": 0, "tier": 1}
        builder = journal.open(Opened(first_frame=start, **facts, **more))
        builder.advance(end, end // 44, 0, [(0, start, end - start, 5)], [])
        journal.flush()
        sequence = journal.last_sequence + 1
        usage = builder.usage(
            self.device.key.id, sequence, journal.last_sha256, PCM_UNKNOWN, SEAL_INTERVAL, journal.lost
        )
        journal.seal(sequence, sign_usage(usage, self.device.key.sign), 60_000)
        self.frame = end


@pytest.fixture(params=[1, 64])
def player(request: pytest.FixtureRequest, world: Any) -> Player:
    player = Player(world.device(), request.param)
    player.boot()
    return player


def verdicts(world: Any, player: Player, segments: list[bytes]) -> list[int]:
    return [answer.verdict for answer in world.take(player.device, *segments)]


def test_a_wiped_card(world: Any, player: Player) -> None:
    assert verdicts(world, player, player.play(3)) == [ACCEPTED] * 3
    player.journal.trim(2)
    player.play(2)  # and nobody fetched these
    player.card = MemorySectorDevice(512)
    assert player.boot() == []
    assert verdicts(world, player, player.play(3)) == [ACCEPTED] * 3
    assert world.totals().accepted == 6


def test_a_restored_card(world: Any, player: Player) -> None:
    sealed = player.play(3)
    image = dict(player.card.sectors)
    player.boot()
    sealed += player.play(3)
    assert verdicts(world, player, sealed) == [ACCEPTED] * 6
    player.card = MemorySectorDevice(512, 512, image)
    waiting = player.boot()
    assert verdicts(world, player, waiting) == [DUPLICATE] * 3
    assert verdicts(world, player, player.play(2)) == [ACCEPTED] * 2
    assert world.totals().accepted == 8


def test_a_card_that_comes_back_with_what_had_been_declared_lost(world: Any, player: Player) -> None:
    first = player.card
    unseen = player.play(3)
    player.card = MemorySectorDevice(512)
    player.boot()
    second = player.play(2)
    assert verdicts(world, player, second) == [ACCEPTED] * 2
    player.card = first
    assert player.boot() == unseen
    assert verdicts(world, player, unseen) == [ACCEPTED] * 3  # found again
    assert verdicts(world, player, player.play(2)) == [ACCEPTED] * 2
    assert world.totals().accepted == 7


def test_what_follows_a_gap_may_come_before_the_segment_that_declares_it(world: Any, player: Player) -> None:
    assert verdicts(world, player, player.play(2)) == [ACCEPTED] * 2
    player.play(1)
    player.card = MemorySectorDevice(512)
    player.boot()
    declaring, after = player.play(2)
    assert verdicts(world, player, [after]) == [GAP]
    answers = world.take(player.device, declaring)
    assert answers[0].verdict == ACCEPTED
    assert verdicts(world, player, [after]) == [DUPLICATE]

"""Two months that alternate in the log, segment by segment, as when half of the players were off the network at the
month's turn: both close, and both verify, however many runs of leaves that makes."""

import json
from collections import Counter
from pathlib import Path

import pytest
from settled_world import RATES, SPLITS, STEMS, World, showing, unix_s
from statement_bytes import statement_bytes

from amos.protocol.answer import ACCEPTED
from amos.protocol.envelope_host import wrap
from amos.protocol.topics import USAGE, device_topic
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.registry import publish
from amos_ledger.settle_period import settle_period
from amos_ledger.settlement.apportionment import settle
from amos_tools.verify.audit import Audit
from amos_tools.verify.light import check_statement
from amos_tools.verify.published import Published

MONTHS = {"2025-09": (0, unix_s(2025, 9, 2)), "2025-10": (1, unix_s(2025, 10, 2))}
"""Month → the player that sounds in it, and since when."""

RECEIVED = unix_s(2025, 11, 3)
INCOME_MICRO = 1_000_000_007
EVERY_S, BATCH = 20, 256


def frames_of(number: int) -> int:
    return 1 + number * 7919 % 30_011


def play(world: World, segments: int) -> dict[str, Counter[tuple[bytes, int, int]]]:
    """So many segments, of either month in turn, taken in together; the frames of each month by stem, tier and rate."""
    played: dict[str, Counter[tuple[bytes, int, int]]] = {month: Counter() for month in MONTHS}
    messages = []
    for number in range(segments):
        month = [*MONTHS][number % 2]
        player, since_s = MONTHS[month]
        stem, frames = number // 2 % len(STEMS), frames_of(number)
        segment = world.players[player].play([(stem, frames)], since_s + number // 2 * EVERY_S)
        messages.append(Message.of(device_topic("cafe", world.players[player].device, USAGE), wrap(segment)))
        played[month][STEMS[stem], 0, RATES[player]] += frames
    ledger = Ledger(world.folder)
    with showing(world.folder, RECEIVED):
        for first in range(0, segments, BATCH):
            replies = ledger.take(messages[first : first + BATCH], RECEIVED)
            assert {reply.answer.verdict for reply in replies} == {ACCEPTED}
    ledger.close()
    with world.folder.open_store() as store:
        publish(world.folder, store)
    return played


@pytest.mark.parametrize("segments", [600, pytest.param(100_000, marks=pytest.mark.sweep)])
def test_both_close_and_verify(tmp_path: Path, segments: int) -> None:
    world = World(tmp_path / "ledger")
    played = play(world, segments)
    splits = dict(zip(STEMS, SPLITS, strict=True))
    for month, frames in played.items():
        settled = settle_period(world.folder, month, INCOME_MICRO, "EUR")
        expected = settle(month, INCOME_MICRO, frames, splits)
        result = settled.closed.result
        found = dict(zip(result.payees, result.amounts, strict=True))
        assert found == {payout.payee: payout.amount_micro for payout in expected.payouts}
        assert (result.closing.segments, len(result.closing.encode()) < 400) == (segments // 2, True)
        for payee, path in settled.statements.items():
            data = statement_bytes(path)
            assert len(data) < 64 << 10 and check_statement(data, world.keys.ledger).amount_micro == found[payee]
            assert json.loads(data)["core"]["amount_micro"] == found[payee]
    audit = Audit(Published(world.folder.path / "audit"), world.keys)
    for path in sorted((world.folder.public / "statements").rglob("*.json.gz")):
        audit.check(statement_bytes(path))

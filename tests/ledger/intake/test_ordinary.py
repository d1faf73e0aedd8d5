"""Whatever a line of ordinary segments accepts, the table of decisions accepts; and what is honest needs no table."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.protocol.answer import ACCEPTED
from amos.protocol.errors import LocalError
from amos.protocol.segment import CLOCK_SYNCHRONISED, NO_SEED_ROOT, VERSION
from amos.protocol.usage_reader import OUTPUT_KIND_ALSA, PACE_CLOCKED
from amos_ledger import clerk
from amos_ledger.intake.decision import decide
from amos_ledger.intake.reading import Message, read
from amos_ledger.ordinary_lines import Lines
from amos_ledger.store.store import Store
from signed_usage import sign_usage

NOON, SPAN = 1_793_534_400, 60 * 44_100
AT = NOON + 86_400
HONEST = {"version": VERSION, "output_kind": OUTPUT_KIND_ALSA, "pace": PACE_CLOCKED, "seed_root": NO_SEED_ROOT}
DATED = {"clock": CLOCK_SYNCHRONISED, "anchor_unix_ms": NOON * 1000, "anchor_ms": 0}
NUMBERS = (
    *("version", "sequence", "boot", "session", "first_frame", "end_frame", "rate_hz", "start_ms", "end_ms", "clock"),
    *("anchor_unix_ms", "anchor_ms", "tier", "delivered_frames", "underruns", "silent_frames", "reason"),
    *("lost_first", "lost_last", "lost_reason", "output_kind", "pace"),
)
HASHES = ("previous", "start_state", "pack", "score", "seed_root", "pcm_sha256")
COLUMNS = ("stems", "starts", "frames", "flags")
STEPS = (1, -1, 2, 60, -60, 1000, 59_000, 61_000, SPAN, -SPAN, 1 << 20, 90_000_000, 1 << 40, 1 << 62)


class _Undone(Exception):
    """Nothing of it shall have happened."""


@pytest.fixture(scope="module")
def stage(shared_world: Any) -> Any:
    """A ledger with a device whose clock it set and one without, each with two segments."""
    world = shared_world
    world.devices = [world.device(number) for number in (1, 2)]
    assert None not in world.ledger.date([Message.of(world.devices[0].topic("time"), bytes(16))], NOON * 1000)
    world.says = [HONEST | DATED, HONEST]
    for device, says in zip(world.devices, world.says, strict=True):
        answers = world.take(device, device.seal(**says), device.seal(**says))
        assert [answer.verdict for answer in answers] == [ACCEPTED] * 2
    world.ledger.close()
    return world


def judged(stage: Any, device: Any, usage: Any) -> tuple[bool, int]:
    """(whether a line accepts it, what the table decides), of a segment that would come next."""
    message = device.message(sign_usage(usage, device.signer.sign, device.signer.id))
    with stage.folder.open_store() as store:
        try:
            with store.intake([device.key.id]):
                found = both_ways(store, message)
                raise _Undone
        except _Undone:
            return found


def both_ways(store: Store, message: Message) -> tuple[bool, int]:
    opened = clerk._open(store, read(message))
    facts, _usage = clerk.gather(store, opened, AT)
    return Lines.accept.__wrapped__(Lines(store, AT), opened), decide(facts).verdict  # type: ignore[attr-defined]


def changed(usage: Any, chance: random.Random) -> None:
    """Something else in one place or two."""
    for _ in range(chance.choice((1, 1, 1, 2))):
        name = chance.choice(NUMBERS * 3 + HASHES + COLUMNS)
        value = getattr(usage, name)
        if name in HASHES:
            setattr(usage, name, bytes([value[0] ^ 1]) + value[1:])
        elif name in COLUMNS:
            at = chance.randrange(len(value))
            value[at] = chance.choice((0, 1, 2, 5, 6, value[at] ^ 1, min(value[at] * 2, 255)))
        else:
            near = (value or 0) + chance.choice(STEPS)
            setattr(usage, name, chance.choice((near, near, 0, 1, 2, 3, None if value is None else value)))


def test_honest_segments_need_no_table(stage: Any) -> None:
    for device, says in zip(stage.devices, stage.says, strict=True):
        assert judged(stage, device, device.usage(**says)) == (True, ACCEPTED)


SEEN: Counter[tuple[bool, bool]] = Counter()


@given(st.integers(0, 1 << 32))
@settings(max_examples=150)
def test_a_line_accepts_nothing_that_the_table_refuses(stage: Any, seed: int) -> None:
    chance = random.Random(seed)
    device, says = chance.choice([*zip(stage.devices, stage.says, strict=True)])
    crowd = chance.choice((None, None, None, 8, 9))  # the board has eight voices
    usage = device.usage(crowd and [(0, 0, SPAN // 2)] * crowd, **says)
    if crowd is None:
        changed(usage, chance)
    try:
        by_line, verdict = judged(stage, device, usage)
    except LocalError:  # no player can say so
        return
    SEEN[by_line, verdict == ACCEPTED] += 1
    assert verdict == ACCEPTED or not by_line, verdict


def test_both_ways_were_seen() -> None:
    if sum(SEEN.values()) > 100:
        assert SEEN[True, True] > 5 and SEEN[False, False] > 20, SEEN

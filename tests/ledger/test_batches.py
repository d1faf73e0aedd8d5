"""A batch leaves what its messages leave one at a time, byte for byte in every table."""

import random
import shutil
import sqlite3
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amos.protocol.envelope_host import wrap
from amos.protocol.segment import (
    CLOCK_SYNCHRONISED,
    FLAG_BEGIN,
    FLAG_CONTINUE,
    FLAG_END,
    NO_SEED_ROOT,
    OUTPUT_KIND_ALSA,
    PACE_CLOCKED,
    VERSION,
)
from amos_ledger.folder import Folder
from amos_ledger.intake.reading import Message, read
from amos_ledger.ledger import Ledger
from amos_ledger.store.database import Database
from signed_usage import columns, sign_usage

NOON, RATE_HZ, SPAN = 1_793_534_400, 44_100, 60 * 44_100
AT = NOON + 7 * 86_400
PLAYED = {"version": VERSION, "output_kind": OUTPUT_KIND_ALSA, "pace": PACE_CLOCKED, "seed_root": NO_SEED_ROOT}
DATED = {"clock": CLOCK_SYNCHRONISED, "anchor_unix_ms": NOON * 1000, "anchor_ms": 0}
LATER = {"clock": CLOCK_SYNCHRONISED, "anchor_unix_ms": NOON * 1000 + 5000, "anchor_ms": 5000}


@pytest.fixture(scope="module")
def stage(shared_world: Any) -> Any:
    """A ledger with three devices, which have anchors and a receipt each, and a pack that nobody has published."""
    world = shared_world
    world.devices = [world.device(number) for number in (1, 2, 3)]
    nonces = [Message.of(device.topic("time"), bytes(16)) for device in world.devices]
    assert None not in world.ledger.date(nonces, NOON * 1000) + world.ledger.date(nonces, NOON * 1000 + 5000)
    world.unknown_pack = type(world.pack).make(world.publisher, 9).id
    world.stranger = world.device(4, enrolled=False)
    for device in world.devices:  # so that roots of receipts can be named
        world.take(device, device.seal(**PLAYED, **DATED))
    with sqlite3.connect(world.path / "ledger.sqlite") as database:
        world.root = database.execute("SELECT root FROM head ORDER BY size").fetchone()[0]
    world.begun = [(device.sequence, device.previous, device.frame) for device in world.devices]
    world.ledger.close()
    return world


CHANGES: tuple[dict[str, Any], ...] = (
    {"first_frame": 7 * SPAN + 1},
    {"boot": 2, "session": 2, "first_frame": 0, "start_ms": 0, "end_ms": 60_000},
    {"boot": 2, "session": 2, "first_frame": 0, "end_ms": 60_000, "start_ms": 0, "anchor_ms": -5000 + (1 << 20)},
    {"boot": 0},
    {"session": 2, "first_frame": 0},
    {"score": bytes(31) + b"\x01"},
    {"rate_hz": 48_000},
    {"tier": 255},
    {"tier": 2},
    {"clock": 0, "anchor_unix_ms": None, "anchor_ms": None},
    LATER,
    {"anchor_unix_ms": NOON * 1000 + 1},
    {"start_state": bytes(31) + b"\x02"},
    {"silent_frames": SPAN},
    {"seed_root": bytes(31) + b"\x05"},
    {"rows": [(9, 0, 500)]},
    {"rows": []},
    {"rows": [(0, 0, SPAN)] * 9},
)


def sounding_on(first: int, continued: bool) -> dict[str, Any]:
    """Rows that sound on over a segment's end, and go on from the one before."""
    rows = [(2, first + 100, SPAN - 100, FLAG_BEGIN), (1, first + 5, 1000, FLAG_BEGIN | FLAG_END)]
    if continued:
        rows.append((2, first, 90, FLAG_CONTINUE | FLAG_END))
    return dict(zip(("stems", "starts", "frames", "flags"), columns(rows, first), strict=True))


def history(stage: Any, device: Any, chance: random.Random) -> list[Message]:
    """What one device sends: a chain, with holes, losses, forks, forgeries, and what comes twice."""
    messages, hostile = [], chance.random() < 0.5
    continued = False
    for _ in range(chance.randrange(1, 9)):
        changes: dict[str, Any] = {**PLAYED, **DATED}
        if chance.random() < 0.4:
            changes |= sounding_on(device.frame, continued)
            continued = True
        else:
            continued = False
        if chance.random() < 0.15:
            skipped = chance.randrange(1, 4)
            changes |= {"sequence": device.sequence + 1 + skipped, "lost_reason": 1, "previous": bytes(32)}
            changes |= {"lost_first": device.sequence + 1, "lost_last": device.sequence + skipped}
        if chance.random() < 0.1:
            changes |= {"pack": stage.unknown_pack, "session": 3, "boot": 1}
        if hostile and chance.random() < 0.3:
            changes |= chance.choice(CHANGES)
        if chance.random() < 0.1:
            changes["seed_root"] = stage.root
        rows = changes.pop("rows", None)
        if hostile and chance.random() < 0.1:
            messages.append(
                device.message(sign_usage(device.usage(rows, **changes | {"underruns": 1}), device.key.sign))
            )
        segment = device.seal(rows, **changes)
        messages.append(device.message(segment))
        if chance.random() < 0.1:
            broken = bytearray(segment)
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
            messages.append(Message.of(device.topic(), wrap(bytes(broken))))
    if chance.random() < 0.5:  # late, twice, or never
        at = chance.randrange(len(messages))
        messages.insert(chance.randrange(len(messages)), messages[at] if chance.random() < 0.5 else messages.pop(at))
    return messages


def traffic(stage: Any, chance: random.Random) -> list[Message]:
    """What all of them send, mixed."""
    for device, (sequence, previous, frame) in zip(stage.devices, stage.begun, strict=True):
        device.sequence, device.previous, device.frame = sequence, previous, frame
    lines = [history(stage, device, chance) for device in stage.devices]
    lines.append([stage.stranger.message(stage.stranger.seal()), Message.of("amos/1/x", b"?")])
    result = []
    while any(lines):
        line = chance.choice([line for line in lines if line])
        result.append(line.pop(0))
    return result


def everything(path: Path) -> dict[str, list[Any]]:
    with sqlite3.connect(path / "ledger.sqlite") as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(database.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def left_by(stage: Any, path: Path, batches: list[list[Message]]) -> tuple[list[Any], dict[str, list[Any]], Any]:
    """(outcomes, every table, answers at the end) of these batches taken in by a copy of the stage's ledger."""
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(stage.path, path)
    ledger = Ledger(Folder(path))
    outcomes: list[Any] = []
    for batch in batches:
        outcomes += ledger._persist([read(message) for message in batch], AT)
    answers = [(reply.topic, reply.answer.encode()) for reply in ledger.tick()]
    ledger.close()
    return outcomes, everything(path), answers


def at_once(patch: pytest.MonkeyPatch) -> None:
    """Databases write each row when they are given it, and remember nothing."""
    patch.setattr(Database, "later", lambda self, sql, row: self._connection.execute(sql, row))
    patch.setattr(Database, "remembered", lambda self, key, find: find())
    patch.setattr(Database, "known", lambda self, key: None)


SEEN: Counter[int] = Counter()


@given(st.integers(0, 1 << 32))
@settings(max_examples=25)
@example(1)
def test_a_batch_leaves_what_single_messages_leave(
    stage: Any, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    messages = traffic(stage, chance)
    cuts = sorted({0, len(messages), *(chance.randrange(len(messages)) for _ in range(chance.choice((0, 0, 1, 3))))})
    batches = [messages[first:end] for first, end in pairwise(cuts)]
    path = tmp_path_factory.getbasetemp() / "compared"
    together = left_by(stage, path, batches)
    with pytest.MonkeyPatch.context() as patch:
        at_once(patch)
        single = left_by(stage, path, [[message] for message in messages])
    for found, expected in zip(together, single, strict=True):
        assert found == expected
    SEEN.update(outcome.verdict for outcome in together[0])


def test_the_traffic_had_every_kind_of_verdict() -> None:
    """Of those that messages can bring about: all but "unavailable" and "retired"."""
    if sum(SEEN.values()) > 200:
        assert len(SEEN) >= 9, SEEN

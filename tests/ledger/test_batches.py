"""A batch leaves what its messages leave one at a time, byte for byte in every table. The operator has a word between
batches, and what he says is done in one transaction too."""

import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amos.protocol.answer import FORK
from amos.protocol.batch import batch_entry
from amos.protocol.envelope_host import wrap
from amos.protocol.forgone import Forgone, sign_forgone
from amos.protocol.segment import (
    CLOCK_SYNCHRONISED,
    FLAG_BEGIN,
    FLAG_CONTINUE,
    FLAG_END,
    NO_SEED_ROOT,
    VERSION,
)
from amos.protocol.usage_reader import OUTPUT_KIND_ALSA, PACE_CLOCKED
from amos_ledger import registry
from amos_ledger.clerk import Outcome
from amos_ledger.errors import EnrolmentRefused
from amos_ledger.folder import Folder
from amos_ledger.forgoing import forgo
from amos_ledger.intake.reading import Message, read
from amos_ledger.ledger import Ledger
from amos_ledger.log.leaf import Leaf
from amos_ledger.ordinary_lines import Lines
from amos_ledger.rulings import rule, ruling_on
from amos_ledger.store.database import Database
from amos_ledger.store.entries import Log
from amos_ledger.store.memory import Memory
from signed_usage import columns, sign_usage

NOON, RATE_HZ, SPAN = 1_793_534_400, 44_100, 60 * 44_100
AT = NOON + 7 * 86_400
PLAYED = {"version": VERSION, "output_kind": OUTPUT_KIND_ALSA, "pace": PACE_CLOCKED, "seed_root": NO_SEED_ROOT}
DATED = {"clock": CLOCK_SYNCHRONISED, "anchor_unix_ms": NOON * 1000, "anchor_ms": 0}
Step = Callable[[Folder], Any]
"""What the operator does between two batches."""

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
        world.take(device, device.seal(**honest(device)))
    with sqlite3.connect(world.path / "ledger.sqlite") as database:
        world.root = database.execute("SELECT root FROM head ORDER BY size").fetchone()[0]
    world.begun = [(device.sequence, device.previous, device.frame) for device in world.devices]
    world.ledger.close()
    return world


def honest(device: Any) -> dict[str, Any]:
    """What its segments say beside their rows; the third device never asks for the time."""
    return PLAYED if device.number == 3 else PLAYED | DATED


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
        changes: dict[str, Any] = {**honest(device)}
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
            change = chance.choice(CHANGES)
            changes = (DATED if {"anchor_unix_ms", "anchor_ms"} & change.keys() else {}) | changes | change
        if chance.random() < 0.1:
            changes["seed_root"] = stage.root
        rows = changes.pop("rows", None)
        if hostile and chance.random() < 0.1:
            messages.append(
                device.message(
                    sign_usage(device.usage(rows, **changes | {"underruns": 1}), device.signer.sign, device.signer.id)
                )
            )
        if device.handovers and chance.random() < 0.2:  # by the key that handed over
            messages.append(device.message(sign_usage(device.usage(rows, **changes), device.key.sign)))
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


def mixed(stage: Any, chance: random.Random) -> list[Message]:
    """What all of them send, mixed."""
    lines = [history(stage, device, chance) for device in stage.devices]
    lines.append([stage.stranger.message(stage.stranger.seal()), Message.of("amos/1/x", b"?")])
    result = []
    while any(lines):
        line = chance.choice([line for line in lines if line])
        result.append(line.pop(0))
    return result


def traffic(stage: Any, chance: random.Random) -> list[list[Message] | Step]:
    """Batches, and what the operator does between them: a key changed, segments rejected, quarantines lifted, a tree
    head given up; and then what comes again and what goes on."""
    for device, (sequence, previous, frame) in zip(stage.devices, stage.begun, strict=True):
        device.sequence, device.previous, device.frame = sequence, previous, frame
        device.signer, device.handovers = device.key, []
    before = mixed(stage, chance)
    turns: list[list[Message] | Step] = cut(before, chance)
    rotating = chance.choice(stage.devices)
    rotating.rotate(first=max(2, rotating.sequence + chance.choice((1, 1, 0, -2))))
    early = [rotating.message(rotating.seal(**honest(rotating))) for _ in range(chance.randrange(3))]
    if early:  # before the enrolment with their key
        turns.append(early)
    turns.append(enrolment(rotating.enrolment(stage.operator)))
    if chance.random() < 0.7:
        turns.append(ruling(stage.operator, lifts=False))
    if chance.random() < 0.7:
        turns.append(ruling(stage.operator, lifts=True))
    if chance.random() < 0.3:
        turns.append(giving_up(stage.operator))
    again = [chance.choice(before) for _ in range(chance.randrange(6))]
    return turns + cut(again + early + mixed(stage, chance), chance)


def cut(messages: list[Message], chance: random.Random) -> list[Any]:
    """In batches of any size."""
    cuts = sorted({0, len(messages), *(chance.randrange(len(messages)) for _ in range(chance.choice((0, 0, 1, 3))))})
    return [messages[first:end] for first, end in pairwise(cuts)]


def enrolment(data: bytes) -> Step:
    """Enrols a device with its other key."""

    def step(folder: Folder) -> Any:
        with folder.open_store() as store:
            try:
                return registry.enrol(folder, store, data)[1]
            except EnrolmentRefused as error:  # something after the handover is accepted
                return str(error)

    return step


def ruling(operator: Any, lifts: bool) -> Step:
    """Rejects half of what each device in quarantine has, and what proves a fork; or lifts every quarantine."""

    def step(folder: Folder) -> Any:
        said = []
        with folder.open_store() as store:
            for device in store.quarantines.devices():
                kept = store.quarantines.evidence(device.device_id)
                chosen = [item.sha256.hex() for item in kept if item.verdict == FORK or item.sha256[0] & 1]
                if lifts or chosen:
                    named = None if lifts else chosen
                    data = ruling_on(store, device.device_id, named, "looked into", operator.seed, lambda: AT)
                    said.append(rule(folder, store, data).outcomes)
        return said

    return step


def giving_up(operator: Any) -> Step:
    """Gives up a tree head over two entries more than the log has."""

    def step(folder: Folder) -> Any:
        with folder.open_store() as store:
            size = store.size()
        forgone = Forgone(version=1, unix_s=AT, kept_size=size, lost_size=size + 2, lost_root=bytes(32))
        return forgo(folder, sign_forgone(forgone, operator.id, operator.sign))[1]

    return step


def everything(path: Path) -> dict[str, list[Any]]:
    with sqlite3.connect(path / "ledger.sqlite") as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(database.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def left_by(stage: Any, path: Path, turns: list[Any]) -> tuple[list[Any], dict[str, list[Any]], Any]:
    """(outcomes, every table, answers at the end) of these turns taken in by a copy of the stage's ledger."""
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(stage.path, path)
    ledger = Ledger(Folder(path))
    give_head, ledger._give_head = ledger._give_head, lambda store: None  # type: ignore[method-assign] # at the end
    outcomes: list[Any] = []
    for turn in turns:
        if callable(turn):
            outcomes.append(turn(Folder(path)))
        else:
            outcomes += ledger._persist([read(message) for message in turn], AT)
    ledger._give_head = give_head  # type: ignore[method-assign]
    answers = [(reply.topic, reply.answer.encode()) for reply in ledger.tick()]
    ledger.close()
    return outcomes, everything(path), answers


def appended(log: Log, received_unix_s: int, segment: bytes) -> Leaf:
    """What `Log.append_later` comes to."""
    fresh = [] if log.last_batch() == received_unix_s else [batch_entry(received_unix_s)]
    leaf, first = Leaf(), log.append([*fresh, segment])
    if fresh:
        log.note_batch(first, received_unix_s)
    leaf.give(first + len(fresh))
    return leaf


def at_once(patch: pytest.MonkeyPatch) -> None:
    """Databases write each row when they are given it, and remember nothing; the table decides about each message."""
    patch.setattr(Database, "later", lambda self, sql, row: self._execute(sql, row))
    patch.setattr(Database, "all_later", lambda self, sql, rows: self._execute_many(sql, rows))
    patch.setattr(Log, "append_later", appended)
    for memory, name in ((Database, "remembered"), (Memory, "found")):
        patch.setattr(memory, name, lambda self, key, find: find())
        patch.setattr(memory, "known", lambda self, key: None)
    patch.setattr(Database, "first", Database.one)
    patch.setattr(Database, "first_rows", Database.rows)
    patch.setattr(Lines, "accept", lambda *_: False)


SEEN: Counter[int] = Counter()
ORDINARY: Counter[bool] = Counter()
FILLED: Counter[str] = Counter()


@given(st.integers(0, 1 << 32))
@settings(max_examples=25)
@example(1)
def test_a_batch_leaves_what_single_messages_leave(
    stage: Any, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    turns = traffic(stage, random.Random(seed))
    path = tmp_path_factory.getbasetemp() / "compared"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lines, "accept", counted(Lines.accept.__wrapped__))  # type: ignore[attr-defined]
        together = left_by(stage, path, turns)
    with pytest.MonkeyPatch.context() as patch:
        at_once(patch)
        single = left_by(stage, path, [one for turn in turns for one in alone(turn)])
    for found, expected in zip(together, single, strict=True):
        assert found == expected
    SEEN.update(outcome.verdict for outcome in together[0] if isinstance(outcome, Outcome))
    FILLED.update(name for name, rows in together[1].items() if rows)
    FILLED["keys that followed"] += sum(number > 1 for _id, number, *_ in together[1]["device_key"])
    FILLED["quarantines lifted"] += sum(lifted is not None for *_, lifted in together[1]["quarantine"])


def counted(accept: Callable[..., bool]) -> Callable[..., bool]:
    """The same, and whether it accepts is counted."""

    def counting(self: Lines, opened: Any) -> bool:
        accepted = accept(self, opened)
        ORDINARY[accepted] += 1
        return accepted

    return counting


def alone(turn: Any) -> list[Any]:
    """The turn, a message at a time."""
    return [turn] if callable(turn) else [[message] for message in turn]


def test_the_traffic_had_every_kind_of_verdict_and_filled_every_table() -> None:
    """Of those that messages can bring about: all but "unavailable"; and all tables that intake and rulings fill."""
    if sum(SEEN.values()) > 500:
        assert len(SEEN) >= 10, SEEN
        assert min(ORDINARY[True], ORDINARY[False]) > 50, ORDINARY
        wanted = ("device_key", "quarantine", "rejected", "forgone", "evidence", "held", "flag", "lost", "rollup")
        assert all(FILLED[name] for name in (*wanted, "keys that followed", "quarantines lifted")), FILLED

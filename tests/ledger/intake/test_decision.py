"""The decision table: every row, its neighbours in precedence, and the order of what may be looked at when."""

from hashlib import sha256
from typing import Any

import pytest

from amos.crypto import verify
from amos.protocol import answer
from amos.protocol.cose import TYP_MANIFEST, TYP_USAGE, sign
from amos.protocol.envelope_host import wrap
from amos.protocol.ledger_limits import ENVELOPE_BYTES_MAX
from amos.protocol.manifest import open_manifest
from amos.protocol.segment import CLOCK_INFORMATIVE, LOST_STORAGE, Usage
from amos_ledger.intake import decision as intake
from amos_ledger.intake.decision import decide
from amos_ledger.intake.facts import Facts
from amos_ledger.intake.reading import Message, Opened, Reading, open_all, read
from amos_ledger.limits import HELD_SEGMENTS_MAX
from amos_ledger.records import Decided, DeviceKey, Sealed
from signed_usage import sign_usage

HASH, OTHER = b"a" * 32, b"b" * 32
SPAN = 60 * 44_100
NOON = 1_793_534_400


@pytest.fixture
def device(offline: Any) -> Any:
    device = offline.device()
    device.sequence, device.previous, device.frame = 6, HASH, SPAN * 6
    return device


@pytest.fixture
def manifest(offline: Any) -> Any:
    return open_manifest(offline.pack.manifest, offline.publisher.public, lambda *_: True)


def sealed(sequence: int = 6, sha256: bytes = HASH, **changes: Any) -> Sealed:
    facts = {
        "previous": OTHER,
        "boot": 1,
        "session": 1,
        "first_frame": SPAN * 5,
        "end_frame": SPAN * 6,
        "leaf_index": 6,
    } | changes
    return Sealed(sequence=sequence, sha256=sha256, **facts)


def facts(usage: Usage, manifest: Any, /, **changes: Any) -> Facts:
    """What is known of segment 7 that follows 6, with nothing wrong."""
    known = {
        "enrolled": True, "signed": True, "usage": usage, "sha256": sha256(b"7").digest(), "before": sealed(),
        "voices": 8, "manifest": manifest,
    }  # fmt: skip
    return Facts(**(known | changes))


def verdict(*arguments: Any, **changes: Any) -> int:
    return decide(facts(*arguments, **changes)).verdict


def test_every_verdict_of_the_protocol_but_the_table_s_own_has_a_row() -> None:
    of_segments = set(range(len(answer.VERDICTS))) - {answer.ENROLMENT_REFUSED}
    assert {number for number, _finding, _question in intake.TABLE} == of_segments


def test_nothing_wrong_is_accepted(device: Any, manifest: Any) -> None:
    assert decide(facts(device.usage(), manifest)) == Decided(answer.ACCEPTED, "")


def test_the_first_segment_needs_none_before(device: Any, manifest: Any) -> None:
    first = device.usage(sequence=1, previous=bytes(32), first_frame=0, end_frame=SPAN)
    assert verdict(first, manifest, before=None) == answer.ACCEPTED
    refused = decide(facts(device.usage(sequence=1), manifest, before=None))
    assert (refused.verdict, refused.detail) == (
        answer.MALFORMED,
        "usage.previous: expected zeros in a device's first segment",
    )


def key(first: int = 1, until: int | None = None) -> DeviceKey:
    return DeviceKey(bytes(16), bytes(32), first, until)


DATED = {"clock": CLOCK_INFORMATIVE, "anchor_unix_ms": NOON * 1000 + 999, "anchor_ms": 0, "start_ms": 0}
LOSS = {"lost_first": 7, "lost_last": 8, "lost_reason": LOST_STORAGE, "sequence": 9}
ROWS: dict[str, tuple[int, dict[str, Any], dict[str, Any]]] = {
    # name: (verdict, changes of the usage, changes of the facts)
    "unreadable": (answer.MALFORMED, {}, {"unreadable": "why", "enrolled": False}),
    "unknown key": (answer.UNKNOWN_DEVICE, {}, {"unknown_key": bytes(16), "usage": None}),
    "unknown device": (answer.UNKNOWN_DEVICE, {}, {"enrolled": False}),
    "bad signature": (answer.BAD_SIGNATURE, {}, {"signed": False, "usage": None}),
    "undecodable": (answer.MALFORMED, {}, {"undecodable": "why", "usage": None}),
    "same bytes again": (answer.DUPLICATE, {}, {"stored": sha256(b"7").digest()}),
    "same bytes again, in quarantine": (
        answer.DUPLICATE,
        {},
        {"stored": sha256(b"7").digest(), "quarantine": "fork"},
    ),
    "key handed over": (answer.RETIRED, {}, {"key": key(until=7)}),
    "key handed over, the last that it signs": (answer.ACCEPTED, {}, {"key": key(until=8)}),
    "key handed over, and other bytes are accepted": (answer.RETIRED, {}, {"key": key(until=7), "stored": OTHER}),
    "key handed over, and it waits": (answer.RETIRED, {"sequence": 9}, {"key": key(until=8)}),
    "key handed over, same bytes again": (
        answer.DUPLICATE,
        {},
        {"key": key(until=7), "stored": sha256(b"7").digest()},
    ),
    "key not yet": (answer.RETIRED, {}, {"key": key(8)}),
    "key not yet, the first that it signs": (answer.ACCEPTED, {}, {"key": key(7)}),
    "other bytes of an accepted one": (answer.FORK, {}, {"stored": OTHER}),
    "other bytes of an accepted one, in quarantine": (answer.FORK, {}, {"stored": OTHER, "quarantine": "fork"}),
    "other bytes of a held one": (answer.FORK, {}, {"held": OTHER}),
    "quarantined": (answer.QUARANTINED, {}, {"quarantine": "fork"}),
    "quarantine before gap": (answer.QUARANTINED, {"sequence": 9}, {"quarantine": "fork"}),
    "begun after its retirement": (answer.RETIRED, DATED, {"retired_s": NOON - 1, "received_s": NOON}),
    "begun after its retirement, and another waits": (
        answer.RETIRED,
        DATED | {"sequence": 9},
        {"retired_s": NOON - 1, "received_s": NOON},
    ),
    "same bytes again, after its retirement": (
        answer.DUPLICATE,
        DATED,
        {"retired_s": NOON - 1, "received_s": NOON, "stored": sha256(b"7").digest()},
    ),
    "begun before its retirement": (answer.ACCEPTED, DATED, {"retired_s": NOON, "received_s": NOON + 9}),
    "not dated, after its retirement": (answer.ACCEPTED, {}, {"retired_s": 1, "received_s": NOON}),
    "dated by a clock that cannot be right": (answer.ACCEPTED, DATED, {"retired_s": 1, "received_s": NOON - 90_000}),
    "another predecessor": (answer.FORK, {"previous": OTHER}, {}),
    "gap": (answer.GAP, {"sequence": 8}, {}),
    "gap at the very start": (answer.GAP, {"sequence": 2}, {"before": None}),
    "gap, held before": (answer.GAP, {"sequence": 8}, {"held": sha256(b"7").digest(), "held_count": HELD_SEGMENTS_MAX}),
    "gap, no room": (answer.UNAVAILABLE, {"sequence": 8}, {"held_count": HELD_SEGMENTS_MAX}),
    "gap before unknown pack": (answer.GAP, {"sequence": 8}, {"manifest": None}),
    "gap that is declared lost": (answer.ACCEPTED, LOSS, {}),
    "on behind a reserved block": (
        answer.ACCEPTED,
        LOSS | {"lost_last": 63, "sequence": 64, "previous": bytes(32)},
        {},
    ),
    "on behind a reserved block, boots counted anew": (
        answer.IMPOSSIBLE,
        LOSS | {"lost_last": 63, "sequence": 64, "boot": 0, "first_frame": 0, "end_frame": SPAN},
        {},
    ),
    "on behind a reserved block, and nothing declared": (answer.GAP, {"sequence": 64, "previous": bytes(32)}, {}),
    "gap of which a part is declared lost": (answer.GAP, LOSS | {"lost_first": 8}, {}),
    "loss that names what is here": (answer.ACCEPTED, LOSS | {"lost_first": 2}, {}),
    "after a loss nobody knows the hash": (answer.ACCEPTED, LOSS | {"previous": bytes(32)}, {}),
    "after a loss counters begin anew": (answer.IMPOSSIBLE, LOSS | {"boot": 0, "session": 0, "first_frame": 0,
                                                                   "end_frame": SPAN}, {}),
    "gap that another segment declared lost": (answer.ACCEPTED, {"sequence": 9}, {"lost": ((8, 8), (7, 7))}),
    "gap of which another segment declared a part lost": (answer.GAP, {"sequence": 9}, {"lost": ((8, 8), (1, 6))}),
    "gap closed by two declarations": (answer.ACCEPTED, LOSS | {"lost_first": 8}, {"lost": ((5, 7),)}),
    "a loss elsewhere excuses no other chain": (
        answer.FORK,
        {"previous": OTHER, "lost_first": 3, "lost_last": 3, "lost_reason": LOST_STORAGE},
        {},
    ),
    "unknown pack": (answer.UNKNOWN_PACK, {}, {"manifest": None}),
    "unknown pack, no room": (answer.UNAVAILABLE, {}, {"manifest": None, "held_count": HELD_SEGMENTS_MAX}),
    "boot falls": (answer.IMPOSSIBLE, {"boot": 0, "session": 9}, {}),
    "session falls": (answer.IMPOSSIBLE, {"session": 0}, {}),
    "frames overlap": (answer.IMPOSSIBLE, {"first_frame": SPAN * 6 - 1, "end_frame": SPAN * 7 - 1}, {}),
    "frames skipped": (answer.IMPOSSIBLE, {"first_frame": SPAN * 8, "end_frame": SPAN * 9}, {}),
    "a new session begins at 0": (answer.ACCEPTED, {"session": 2, "first_frame": 0, "end_frame": SPAN}, {}),
    "a new boot counts sessions anew": (answer.IMPOSSIBLE, {"boot": 2, "session": 0, "first_frame": 0,
                                                            "end_frame": SPAN}, {}),
    "a new boot begins at 0": (answer.ACCEPTED, {"boot": 2, "session": 2, "first_frame": 0, "end_frame": SPAN}, {}),
    "another rate": (answer.IMPOSSIBLE, {"rate_hz": 8000}, {}),
    "found again": (answer.ACCEPTED, {}, {"after": sealed(9, previous=None, first_frame=SPAN * 9)}),
    "found again, of a later boot than the next": (answer.IMPOSSIBLE, {}, {"after": sealed(9, previous=None, boot=0)}),
    "found again, a hole before": (
        answer.ACCEPTED,
        {"sequence": 8},
        {"after": sealed(9, previous=None, first_frame=SPAN * 7)},
    ),
    "found again, named by the next": (
        answer.ACCEPTED,
        {},
        {"after": sealed(8, previous=sha256(b"7").digest(), first_frame=SPAN * 7)},
    ),
    "found again, but another is named": (answer.FORK, {}, {"after": sealed(8, previous=OTHER, first_frame=SPAN * 7)}),
    "found again, overlaps the next": (
        answer.IMPOSSIBLE,
        {},
        {"after": sealed(8, previous=sha256(b"7").digest(), first_frame=SPAN * 7 - 1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str, device: Any, manifest: Any) -> None:
    expected, usage_changes, fact_changes = ROWS[name]
    assert (
        answer.VERDICTS[verdict(device.usage([], **usage_changes), manifest, **fact_changes)]
        == (answer.VERDICTS[expected])
    )


CAPS = {
    "all voices all the time": (answer.ACCEPTED, [(0, 0, SPAN)] * 8),
    "one frame more": (answer.IMPOSSIBLE, [(0, 0, SPAN)] * 8 + [(1, 0, 1)]),
    "silence": (answer.ACCEPTED, []),
    "last stem of the pack": (answer.ACCEPTED, [(3, 0, 1)]),
    "stem the pack does not have": (answer.IMPOSSIBLE, [(4, 0, 1)]),
}


@pytest.mark.parametrize("name", CAPS)
def test_physical_cap(name: str, device: Any, manifest: Any) -> None:
    expected, rows = CAPS[name]
    assert verdict(device.usage(rows), manifest) == expected


def test_the_board_s_voices_bound_as_well_as_the_pack_s(device: Any, manifest: Any) -> None:
    usage = device.usage([(0, 0, SPAN)] * 3)
    assert verdict(usage, manifest, voices=3) == answer.ACCEPTED
    assert verdict(usage, manifest, voices=2) == answer.IMPOSSIBLE


def test_an_empty_span_cannot_hold_play(device: Any, manifest: Any) -> None:
    assert verdict(device.usage([], end_frame=device.frame, delivered_frames=0), manifest) == answer.ACCEPTED


# What the bytes say.


def reading_of(offline: Any, payload: bytes, topic: str | None = None) -> Any:
    return read(Message.of(offline.device().topic() if topic is None else topic, payload))


def payloads(offline: Any) -> dict[str, bytes]:
    device = offline.device()
    segment = device.seal()
    typed = sign(device.usage().encode(), TYP_MANIFEST, device.key.id, device.key.sign)
    return {
        "empty": b"",
        "marker alone": b"\x00",
        "unknown marker": b"\x07" + segment,
        "not deflated": b"\x01" + segment,
        "bomb": wrap(bytes(10_000_000)),
        "over the cap": b"\x00" * (ENVELOPE_BYTES_MAX + 1),
        "not CBOR": b"\x00\xff\xff\xff",
        "truncated": b"\x00" + segment[:-1],
        "trailing byte": b"\x00" + segment + b"\x00",
        "deep nesting": b"\x00" + b"\x81" * 10_000,
        "another type": wrap(typed),
    }


NAMES = (
    "empty", "marker alone", "unknown marker", "not deflated", "bomb", "over the cap", "not CBOR", "truncated",
    "trailing byte", "deep nesting", "another type",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_garbage_is_a_fault_and_keeps_its_hash(name: str, offline: Any) -> None:
    payload = payloads(offline)[name]
    reading = reading_of(offline, payload)
    assert reading.fault and reading.message is None
    assert reading.message_sha256 == sha256(payload).digest()
    assert decide(Facts(unreadable=reading.fault)).verdict == answer.MALFORMED


@pytest.mark.parametrize("topic", ["", "amos/1/x", "amos/1/site/zz/usage", "a" * 70_000, "amos/1/site/{ID}/usage",
                                   "amos/1/site/{id}/status", "amos/1/site/ {id}/usage"])  # fmt: skip
def test_a_topic_that_is_no_device_s_has_nobody_to_answer(topic: str, offline: Any) -> None:
    device = offline.device()
    topic = topic.format(id=device.key.id.hex(), ID=device.key.id.hex().upper())
    reading = reading_of(offline, wrap(device.seal()), topic)
    assert reading.fault and reading.fault.startswith("topic: ")
    assert reading.device_id is None and reading.site is None


def opened(reading: Reading, device: Any, verify: Any = verify) -> Opened:
    """The reading, opened with this device's key, of a pack that nobody has published."""
    key = DeviceKey(device.key.id, device.key.public, 1, None)
    return open_all([reading], lambda _: key, lambda _: None, verify)[0]


def test_the_topic_s_device_must_be_the_segment_s(offline: Any) -> None:
    first, second = offline.device(1), offline.device(2)
    segment = sign_usage(first.usage(), second.key.sign, second.key.id)
    reading = reading_of(offline, wrap(segment), second.topic())
    found = opened(reading, second)
    assert found.signed and found.usage is None and found.fault and "expected the topic's" in found.fault
    assert reading.device_id == second.key.id  # who sent it gets the answer


def test_no_payload_is_decoded_before_its_signature_verifies(offline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = offline.device()
    segment = device.seal()
    reading = reading_of(offline, wrap(segment[:-1] + bytes([segment[-1] ^ 1])))

    def never(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Usage, "decode", classmethod(never))
    monkeypatch.setattr("amos_ledger.intake.reading.decode_but_rows", never)
    found = opened(reading, device)
    assert (found.signed, found.usage) == (False, None)


def test_a_signed_payload_that_is_no_usage_is_a_fault(offline: Any) -> None:
    device = offline.device()
    other = offline.device(2).usage()
    signed = [
        sign(b"\xa0", TYP_USAGE, device.key.id, device.key.sign),
        sign(b"", TYP_USAGE, device.key.id, device.key.sign),
        sign(other.encode(), TYP_USAGE, device.key.id, device.key.sign),
    ]
    for segment in signed:
        found = opened(reading_of(offline, wrap(segment)), device, lambda *_: True)
        assert found.signed and found.usage is None and found.fault

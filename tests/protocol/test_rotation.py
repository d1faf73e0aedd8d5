"""A line of keys: what goes on it, what does not, and that it can be followed from any of its keys."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.crypto import key_id, public_key, sign, verify
from amos.ledger_keys import LedgerKeys
from amos.operator_keys import OperatorKeys
from amos.protocol.cose import sign as sign_cose
from amos.protocol.enrolment import TYP_ENROLMENT
from amos.protocol.errors import LocalError, MessageError, ProtocolError, SignatureError
from amos.protocol.key_line_host import KeyLine, LinesOfLog, open_proved, rotation_of
from amos.protocol.merkle import leaf_hash
from amos.protocol.rotation import LEDGER, OPERATOR, Rotation, appointment, read_rotation, sign_rotation
from amos.protocol.signing import sign_receipt
from protocol_examples import Examples, Party

ORIGIN = "ledger.example/amos"


@dataclass(frozen=True)
class Key:
    number: int

    @property
    def seed(self) -> bytes:
        return sha256(b"line %d" % self.number).digest()

    @property
    def public(self) -> bytes:
        return public_key(self.seed)

    def sign(self, message: bytes) -> bytes:
        return sign(self.seed, message)


def test_the_example_of_the_specification_leads_a_player_to_the_next_key() -> None:
    """Byte for byte as the log has it, beside a receipt of the ledger's key in force."""
    examples = Examples()
    entry, ledger = examples.messages["rotation"], examples.ledger
    receipt = sign_receipt(1, 0, [], leaf_hash(entry), ledger.id, ledger.sign)
    keys = OperatorKeys(examples.operator.public_key, LedgerKeys(ledger.public_key))
    assert keys.take(appointment(entry, receipt), verify)
    assert keys.key == Party(5).public_key
    ledgers = appointment(examples.messages["rotation-ledger"], receipt)
    assert keys.take(ledgers, verify) is False and keys.key == Party(5).public_key


KEYS = [Key(number) for number in range(9)]


def rotation(
    old: Key, new: Key, place: int, by: Key | None = None, proof_by: Key | None = None, **changes: Any
) -> bytes:
    facts: dict[str, Any] = {"version": 1, "role": OPERATOR, "origin": ORIGIN, "unix_s": 1000 + place}
    facts |= {"number": place, "old_key": old.public, "new_key": new.public, "until_unix_s": None}
    facts |= changes
    proof = (proof_by or new).sign(Rotation(possession=bytes(64), **facts).possession_message())
    return bytes(sign_rotation(Rotation(possession=proof, **facts), (by or old).sign))


def entries_of(count: int, gap: int = 1) -> list[bytes]:
    """`count` rotations, each behind `gap` entries of another kind."""
    found = []
    for number in range(count):
        found += [b"other"] * gap + [rotation(KEYS[number], KEYS[number + 1], number + 1)]
    return found


def lines(entries: list[bytes], pinned: bytes, role: int = OPERATOR) -> KeyLine:
    reader = LinesOfLog(ORIGIN, {role: pinned}, verify)
    for index, entry in enumerate(entries):
        reader.take(index, entry)
    return reader.line(role)


@given(st.integers(0, 6), st.integers(0, 3), st.data())
@settings(max_examples=40)
def test_every_key_of_the_line_leads_to_the_same_line(count: int, gap: int, data: st.DataObject) -> None:
    entries = entries_of(count, gap)
    pinned = data.draw(st.integers(0, count))
    line = lines(entries, KEYS[pinned].public)
    assert line.keys == [key.public for key in KEYS[: count + 1]]
    for index in range(len(entries) + 1):
        passed = sum(1 for at in range(count) if at * (gap + 1) + gap < index)
        assert line.at(index) == KEYS[passed].public
    if count:  # else nothing is known of the line but the key that is pinned
        with pytest.raises(MessageError, match="expected a key of the log's line"):
            lines(entries, KEYS[count + 1].public)


@given(st.integers(1, 5), st.data())
@settings(max_examples=60)
def test_what_is_not_the_next_of_the_line_is_refused_by_name(count: int, data: st.DataObject) -> None:
    line = lines(entries_of(count - 1), KEYS[0].public)
    old, new = KEYS[count - 1], KEYS[count]
    wrong = {
        "origin: expected": rotation(old, new, count, origin="another.example"),
        "number: expected": rotation(old, new, data.draw(st.integers(1, 64).filter(lambda found: found != count))),
        "old_key: expected": rotation(KEYS[7], new, count),
        "role: expected": rotation(old, new, count, role=LEDGER, until_unix_s=2000),
    }
    if count > 1:
        earlier = KEYS[data.draw(st.integers(0, count - 2))]
        wrong["new_key: expected one that was never"] = rotation(old, earlier, count)
    for said, entry in wrong.items():
        with pytest.raises(MessageError, match=said):
            line.add(99, read_rotation(entry))
    assert line.keys == [key.public for key in KEYS[:count]]


def test_of_two_successors_of_one_key_the_first_in_the_log_counts() -> None:
    thief = KEYS[8]
    entries = entries_of(1)
    branch = rotation(KEYS[0], thief, 1)
    with pytest.raises(MessageError, match="number: expected 2, found 1"):
        lines([*entries, branch], KEYS[0].public)
    with pytest.raises(MessageError, match="old_key: expected the one in force"):
        lines([*entries, rotation(KEYS[0], thief, 2)], KEYS[0].public)
    line = lines(entries, KEYS[0].public)
    with pytest.raises(SignatureError, match=r"which is in force, found one by .* of the same line"):
        line.open_at(9, branch, open_proved, verify)


def test_both_keys_must_have_signed_just_this() -> None:
    old, new, other = KEYS[:3]
    good = rotation(old, new, 1)
    assert open_proved(good, old.public, verify).new_key == new.public
    for forged in (
        rotation(old, new, 1, by=other),
        rotation(old, new, 1, proof_by=other),
        rotation(old, new, 1, proof_by=old),
    ):
        with pytest.raises(SignatureError):
            open_proved(forged, old.public, verify)
    # The proof of one rotation serves no other: not with another number, time, origin, role or predecessor.
    proof = read_rotation(good).possession
    facts = {name: getattr(read_rotation(good), name) for _key, name, _kind, _bound in Rotation.FIELDS}
    changes: list[dict[str, Any]] = [
        {"number": 2}, {"unix_s": 1}, {"origin": "x"}, {"role": LEDGER, "until_unix_s": 1001},
        {"old_key": other.public},
    ]  # fmt: skip
    for change in changes:
        signer = other if "old_key" in change else old
        replayed = sign_rotation(Rotation(**(facts | change | {"possession": proof})), signer.sign)
        with pytest.raises(SignatureError, match="possession"):
            open_proved(replayed, signer.public, verify)


@given(st.data())
@settings(max_examples=60)
def test_no_changed_bit_passes(data: st.DataObject) -> None:
    good = rotation(KEYS[0], KEYS[1], 1)
    at = data.draw(st.integers(0, len(good) * 8 - 1))
    changed = bytearray(good)
    changed[at // 8] ^= 1 << at % 8
    with pytest.raises(ProtocolError):
        open_proved(bytes(changed), KEYS[0].public, verify)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"role": 0}, {"role": 3}, {"number": 0}, {"number": 65}, {"until_unix_s": 1}, {"role": LEDGER},
        {"role": LEDGER, "until_unix_s": 1000}, {"role": LEDGER, "until_unix_s": 1001 + 1096 * 86_400 + 1},
        {"new_key": KEYS[0].public},
    ],
)  # fmt: skip
def test_a_rotation_that_says_nonsense_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(LocalError):
        rotation(KEYS[0], KEYS[1], 1, **change)


def test_other_entries_that_speak_of_rotations_are_none() -> None:
    other = sign_cose(b"amos-rotation+cose", TYP_ENROLMENT, key_id(KEYS[0].public), KEYS[0].sign)
    for entry in (b"amos-rotation+cose", other, b"", bytes(600) + b"amos-rotation+cose"):
        assert rotation_of(entry, verify) is None
    assert rotation_of(rotation(KEYS[0], KEYS[1], 1), verify) is not None

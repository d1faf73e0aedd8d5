"""messages.cddl accepts the real bytes of every message, and refuses wrong ones.

pycddl's engine falls short of RFC 8610 in four places, which these tests step around: it mixes up `.cbor` of different
elements of an array, so what a byte string embeds is taken out and validated by its own rule; it does not anchor
regular expressions; it lets keys of one map in a choice pass in another, so alternatives are validated by their own
names; and inside arrays it does not look into empty maps.
"""

import re
from pathlib import Path
from typing import Any

import cbor2
import pycddl
import pytest
from hypothesis import given, settings
from protocol_strategies import RECORDS, record_examples

from amos.protocol.record import Record
from protocol_examples import Examples

CDDL = (Path(__file__).parents[2] / "firmware/amos/protocol/messages.cddl").read_text()
ENGINE_CDDL = re.sub(r'\.regexp "([^"]*)"', r'.regexp "^\1$"', re.sub(r"bstr \.cbor [\w-]+", "bstr", CDDL))
EXAMPLES = Examples()
MESSAGES = EXAMPLES.messages

SIGNED = (
    "usage",
    "manifest",
    "catalogue",
    "enrolment",
    "opt-outs",
    "delegation",
    "delegated-opt-outs",
    "anchor",
    "closing",
    "revocation",
    "ruling",
    "licence-pool",
    "forgone",
    "loss",
    "rotation",
    "transfer",
    "directive",
)

# Name of an example -> its rule; what the bytes embed -> the rules of that.
PLAIN = [name for name in MESSAGES if name.partition("-")[0] in ("request", "answer", "paired")]
RULES = {
    **{name: name for name in PLAIN},
    **{name: "response" for name in MESSAGES if name.startswith("response-")},
    "status": "status",
    "pairing": "pairing",
    "sounding": "sounding",
    "usage": "usage-segment",
    "manifest": "signed-manifest",
    "catalogue": "signed-catalogue",
    "enrolment": "signed-enrolment",
    "opt-outs": "signed-opt-outs",
    "delegation": "signed-delegation",
    "delegated-opt-outs": "signed-delegated-opt-outs",
    "anchor": "signed-anchor",
    "closing": "signed-closing",
    "closing-further": "signed-closing",
    "closing-listed": "signed-closing",
    "closing-of-pool": "signed-closing",
    "cell": "cell",
    "device-row": "device-row",
    "stem-row": "stem-row",
    "revocation": "signed-revocation",
    "ruling": "signed-ruling",
    "forgone": "signed-forgone",
    "loss": "signed-loss",
    "transfer": "signed-transfer",
    "transfer-to-pool": "signed-transfer",
    "transfer-from-pool": "signed-transfer",
    "licence-pool": "signed-licence-pool",
    "directive": "signed-directive",
    "directive-weekly": "signed-directive",
    "rotation": "signed-rotation",
    "rotation-ledger": "signed-rotation",
    "ruling-lifting": "signed-ruling",
    "enrolment-replacing": "signed-enrolment",
    "enrolment-rotated": "signed-enrolment",
    "key-history": "key-history",
    "receipt": "receipt",
}


def schema(rule: str) -> pycddl.Schema:
    return pycddl.Schema(f"start = {rule}\n{ENGINE_CDDL}")


SCHEMAS = {rule: schema(rule) for rule in {*RULES.values(), *RECORDS, "receipt-header", "inclusion-proof"}}
SCHEMAS |= {f"{name}-header": schema(f"{name}-header") for name in SIGNED}


def accepts(rule: str, message: bytes) -> bool:
    try:
        SCHEMAS[rule].validate_cbor(message)
    except pycddl.ValidationError:
        return False
    return True


def rule_of(record: str) -> str:
    if record.startswith(("response", "enrolment", "rotation", "closing", "transfer", "directive", "hours")):
        return record.partition("-")[0]
    return record


def embedded(name: str) -> list[tuple[str, bytes]]:
    """(rule, bytes) of what a signed message holds as byte strings."""
    protected, unprotected, payload, _signature = cbor2.loads(MESSAGES[name]).value
    if name == "receipt":
        return [("receipt-header", protected), ("inclusion-proof", unprotected[396][-1][0])]
    return [(f"{name}-header", protected), (name, payload)]


def test_grammar_as_a_whole_is_well_formed() -> None:
    pycddl.Schema(CDDL)


@pytest.mark.parametrize("name", sorted(RULES))
def test_accepts_the_example(name: str) -> None:
    SCHEMAS[RULES[name]].validate_cbor(MESSAGES[name])


@pytest.mark.parametrize("name", [*SIGNED, "receipt"])
def test_accepts_what_a_signed_example_embeds(name: str) -> None:
    for rule, content in embedded(name):
        SCHEMAS[rule].validate_cbor(content)


def test_embedded_rules_are_those_the_grammar_names() -> None:
    named = set(re.findall(r"sign1<([\w-]+), ([\w-]+)>", CDDL)[1:])
    assert named == {(f"{name}-header", name) for name in SIGNED}
    assert {"receipt-header", "inclusion-proof"} <= set(re.findall(r"bstr \.cbor ([\w-]+)", CDDL))


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_accepts_every_record_the_code_encodes(name: str) -> None:
    @settings(max_examples=20)
    @given(record_examples(name))
    def run(record: Record) -> None:
        SCHEMAS[name].validate_cbor(record.encode())

    run()


def damaged_maps(item: dict[int, Any], optional: set[int]) -> list[dict[int, Any]]:
    """The map without each needed key, with one too many, and with each value of another type."""
    without = [{k: v for k, v in item.items() if k != key} for key in item if key not in optional]
    # A float is nowhere a value of ours.
    return [*without, {**item, 99: 0}, *({**item, key: 1.5} for key in item)]


@pytest.mark.parametrize("name", sorted(EXAMPLES.records))
def test_refuses_a_missing_key_an_unknown_key_and_a_wrong_type(name: str) -> None:
    record = EXAMPLES.records[name]
    optional = {key for key, _name, kind, _bound in record.FIELDS if kind.endswith("?")}
    if name.startswith("closing"):
        optional = {9, 21} if name == "closing-of-pool" else {9}  # the version says what else is there
    elif name.startswith("request"):
        optional = set()  # the verb needs what it has
    elif name == "enrolment-rotated":
        optional = {12, 13, 14}  # version 1 has neither key, and its map is the same otherwise
    elif name == "rotation-ledger":
        optional = {8}  # the role says whether it is there
    elif name == "answer-accepted":
        optional = {6}
    elif name == "paired":
        optional = {5}  # the verdict says whether the others are there
    for wrong in damaged_maps(record.to_map(), optional):
        raw = cbor2.dumps({key: _plain(value) for key, value in wrong.items()}, canonical=True)
        assert not accepts(rule_of(name), raw), wrong


def _plain(value: Any) -> Any:
    """The value with cbor2's own tags for ours."""
    if isinstance(value, list) and isinstance(value[0], dict):
        return [{key: _plain(item) for key, item in entry.items()} for entry in value]
    return cbor2.CBORTag(value.number, value.value) if hasattr(value, "number") else value


OUT_OF_BOUNDS = [
    ("usage", 3, 0),
    ("usage", 10, 7999),
    ("usage", 13, 4),
    ("usage", 19, cbor2.CBORTag(70, b"")),
    ("usage", 22, b""),
    ("usage", 30, 9),
    ("status", 19, 4),
    ("manifest", 3, ""),
    ("manifest", 3, "é" * 33),
    ("manifest", 9, 65537),
    ("manifest", 10, []),
    ("manifest", 1, 3),
    ("stem", 6, 3),
    ("stem", 7, 8),
    ("stem", 5, 0),
    ("work", 7, []),
    ("work", 11, 3),
    ("work", 12, 1),
    ("composer", 1, ""),
    ("share", 1, "Ada"),
    ("share", 1, "../x"),
    ("share", 2, 1000001),
    ("enrolment", 2, bytes(15)),
    ("enrolment", 8, 33),
    ("enrolment", 9, bytes(15)),
    ("enrolment", 12, bytes(15)),
    ("request-input", 10, 1 << 31),
    ("request-input", 10, -(1 << 31) - 1),
    ("request-read", 6, 1025),
    ("request-offer", 8, bytes(193)),
    ("request-put", 8, bytes(8193)),
    ("request-begin", 11, bytes(31)),
    ("response-begin", 14, 8193),
    ("request-status", 1, 65536),
    ("response-identify", 13, 33),
    ("response-identify", 4, bytes(17)),
    ("status", 2, 5),
    ("entry", 2, 1 << 32),
    ("name", 2, 1 << 31),
    ("name", 1, ""),
    ("request-names", 9, 256),
    ("response-names", 16, bytes(31)),
    ("opt-outs", 4, b""),
    ("opt-outs", 4, bytes(16385)),
    ("opt-outs", 1, 2),
    ("anchor", 3, bytes(15)),
    ("anchor", 2, bytes(17)),
    ("closing", 1, 7),
    ("closing", 2, "2026-13"),
    ("closing", 3, "eur"),
    ("closing-listed", 10, ["2"]),
    ("closing", 11, bytes(31)),
    ("directive-weekly", 1, 3),
    ("hours", 2, 1440),
    ("hours-weekly", 3, 0),
    ("hours-weekly", 3, 127),
    ("request-challenge", 2, 15),
    ("answer-accepted", 2, 2),
    ("answer-refused", 2, 0),
    ("answer-refused", 2, 13),
]


@pytest.mark.parametrize(("name", "key", "value"), OUT_OF_BOUNDS)
def test_refuses_a_value_out_of_bounds(name: str, key: int, value: Any) -> None:
    item = {k: _plain(v) for k, v in EXAMPLES.records[name].to_map().items()}
    assert accepts(rule_of(name), cbor2.dumps(item, canonical=True))
    assert not accepts(rule_of(name), cbor2.dumps({**item, key: value}, canonical=True))


def a_sign1(**other: Any) -> bytes:
    parts = {"tag": 18, "protected": b"\xa0", "unprotected": {}, "payload": b"\xa0", "signature": bytes(64), **other}
    tag = parts.pop("tag")
    return cbor2.dumps(cbor2.CBORTag(tag, list(parts.values())))


def test_refuses_a_wrong_cose_structure() -> None:
    assert accepts("usage-segment", a_sign1())
    for wrong in ({"tag": 17}, {"protected": {}}, {"payload": None}, {"signature": bytes(63)}, {"more": 0}):
        assert not accepts("usage-segment", a_sign1(**wrong)), wrong
    proofs = {396: {-1: [b""]}}
    assert accepts("receipt", a_sign1(unprotected=proofs, payload=None))
    assert not accepts("receipt", a_sign1(unprotected=proofs, payload=bytes(32)))
    for wrong_proofs in ({}, {396: {}}, {396: {-1: []}}, {396: {-1: [b"", b""]}}, {395: {-1: [b""]}}):
        assert not accepts("receipt", a_sign1(unprotected=wrong_proofs, payload=None)), wrong_proofs


@pytest.mark.parametrize("name", SIGNED)
def test_refuses_a_header_of_another_type_or_algorithm(name: str) -> None:
    (rule, header), _payload = embedded(name)
    right = cbor2.loads(header)
    assert accepts(rule, cbor2.dumps(right, canonical=True))
    other = "amos-usage+cose" if name == "closing" else "amos-statement+cose"
    for wrong in ({1: -8}, {4: bytes(15)}, {16: "amos-other+cose"}, {16: other}, {3: 0}):
        assert not accepts(rule, cbor2.dumps({**right, **wrong}, canonical=True)), wrong


def test_refuses_a_wrong_inclusion_proof() -> None:
    right = [3, 2, [bytes(32)]]
    assert accepts("inclusion-proof", cbor2.dumps(right))
    for wrong in (
        [3, 2],
        [3, 2, [bytes(31)]],
        [3, 2, [bytes(32)] * 41],
        [3, "2", []],
        [3, 2, bytes(32)],
        [3, 2, [], 0],
    ):
        assert not accepts("inclusion-proof", cbor2.dumps(wrong)), wrong

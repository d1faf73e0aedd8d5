"""Every message comes back as it went, and damaged ones meet named errors only."""

from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_strategies import RECORDS, record_examples

from amos import crypto
from amos.protocol.anchor import open_anchor
from amos.protocol.answer import decode_answer
from amos.protocol.catalogue import open_catalogue
from amos.protocol.closing import open_closing
from amos.protocol.delegated import open_delegated, open_delegation
from amos.protocol.directive import open_directive
from amos.protocol.enrolment import open_enrolment
from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.forgone import open_forgone
from amos.protocol.handover import Handover, KeyHistory, open_key_history
from amos.protocol.licence_pool import open_pool
from amos.protocol.limits import (
    HANDOVERS_MAX,
    KEY_HISTORY_BYTES_MAX,
    LIST_ENTRIES_MAX,
    OPT_OUTS_BYTES_MAX,
    OPT_OUTS_MAX,
    READ_CHUNK_BYTES_MAX,
    RECEIPT_BYTES_MAX,
    REQUEST_BYTES_MAX,
    RESPONSE_BYTES_MAX,
    STATUS_BYTES_MAX,
)
from amos.protocol.link import (
    OFFER,
    OFFER_CHUNK_BYTES_MAX,
    Entry,
    Request,
    Response,
    Status,
    decode_request,
    decode_response,
    decode_status,
)
from amos.protocol.loss import open_loss
from amos.protocol.manifest import open_manifest
from amos.protocol.opt_outs import open_opt_outs
from amos.protocol.quarantine import open_ruling
from amos.protocol.receipt import PATH_HASHES_MAX, parse_receipt
from amos.protocol.record import U16, U32, U63, UNIX_S_MAX, Record
from amos.protocol.revocation import open_revocation
from amos.protocol.rotation import open_rotation
from amos.protocol.signing import list_opt_outs, sign_opt_outs, sign_receipt
from amos.protocol.transfer import open_transfer
from amos.protocol.usage_reader import open_usage
from protocol_examples import Examples

EXAMPLES = Examples()
MESSAGES = EXAMPLES.messages


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_record_comes_back_as_it_went(name: str) -> None:
    @settings(max_examples=60)
    @given(record_examples(name))
    def run(record: Record) -> None:
        encoded = record.encode()
        back = type(record).decode(encoded)
        for _key, field, _kind, _bound in record.FIELDS:
            value, found = getattr(record, field), getattr(back, field)
            if isinstance(value, list) and value and isinstance(value[0], Record):
                assert [item.to_map() for item in found] == [item.to_map() for item in value]
            else:
                assert found == value
        assert back.encode() == encoded

    run()


Verify = Callable[[bytes, bytes, bytes], bool]


def open_for_this_ledger(data: bytes, public_key: bytes, verify: Verify) -> object:
    return open_delegated(data, public_key, verify, (EXAMPLES.ledger.public_key,))


def opener(name: str) -> Callable[[bytes, Verify], object]:
    """What takes this signed message from outside."""
    if name == "key-history":
        return open_key_history
    if name == "receipt":
        return lambda data, verify: parse_receipt(data).check(MESSAGES["usage"], EXAMPLES.ledger.public_key, verify)
    opened: dict[str, tuple[Any, Any]] = {
        "usage": (open_usage, EXAMPLES.device),
        "manifest": (open_manifest, EXAMPLES.publisher),
        "catalogue": (open_catalogue, EXAMPLES.publisher),
        "enrolment": (open_enrolment, EXAMPLES.operator),
        "enrolment-rotated": (open_enrolment, EXAMPLES.operator),
        "opt-outs": (open_opt_outs, EXAMPLES.publisher),
        "delegation": (open_delegation, EXAMPLES.publisher),
        "delegated-opt-outs": (open_for_this_ledger, EXAMPLES.publisher),
        "anchor": (open_anchor, EXAMPLES.ledger),
        "closing": (open_closing, EXAMPLES.ledger),
        "revocation": (open_revocation, EXAMPLES.operator),
        "ruling": (open_ruling, EXAMPLES.operator),
        "licence-pool": (open_pool, EXAMPLES.operator),
        "loss": (open_loss, EXAMPLES.operator),
        "forgone": (open_forgone, EXAMPLES.operator),
        "rotation": (open_rotation, EXAMPLES.operator),
        "transfer": (open_transfer, EXAMPLES.ledger),
        "directive": (open_directive, EXAMPLES.operator),
        "directive-weekly": (open_directive, EXAMPLES.operator),
    }
    function, party = opened[name]
    return lambda data, verify: function(data, party.public_key, verify)


SIGNED = (
    "usage", "manifest", "catalogue", "enrolment", "enrolment-rotated", "key-history", "opt-outs", "anchor", "closing",
    "delegation", "delegated-opt-outs",
    "revocation", "ruling", "licence-pool", "forgone", "loss", "receipt", "rotation", "transfer",
    "directive", "directive-weekly",
)  # fmt: skip
PLAIN: dict[str, Callable[[bytes], Record]] = {
    name: decode
    for kind, decode in {
        "request": decode_request,
        "response": decode_response,
        "status": decode_status,
        "answer": decode_answer,
    }.items()
    for name in MESSAGES
    if name.partition("-")[0] == kind
}


def flips(message: bytes) -> list[bytes]:
    """The message with each of its bits flipped."""
    result = []
    for at in range(len(message) * 8):
        changed = bytearray(message)
        changed[at // 8] ^= 1 << at % 8
        result.append(bytes(changed))
    return result


@pytest.mark.parametrize("name", SIGNED)
def test_signed_message_with_any_bit_flipped_is_refused(name: str) -> None:
    open_it = opener(name)
    open_it(MESSAGES[name], crypto.verify)
    for changed in flips(MESSAGES[name]):
        with pytest.raises(ProtocolError):
            open_it(changed, crypto.verify)


@pytest.mark.parametrize("name", SIGNED)
def test_payload_with_any_bit_flipped_meets_named_errors_only(name: str) -> None:
    open_it = opener(name)
    refused = 0
    for changed in flips(MESSAGES[name]):
        try:
            open_it(changed, lambda *_arguments: True)
        except ProtocolError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("name", SIGNED)
def test_signed_message_cut_short_or_with_more_behind_is_refused(name: str) -> None:
    open_it = opener(name)
    message = MESSAGES[name]
    for wrong in [*(message[:length] for length in range(len(message))), message + b"\x00", message + message]:
        with pytest.raises(ProtocolError):
            open_it(wrong, lambda *_arguments: True)


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_plain_message_damaged_is_refused_or_another_canonical_one(name: str) -> None:
    decode, message = PLAIN[name], MESSAGES[name]
    for length in range(len(message)):
        with pytest.raises(ProtocolError):
            decode(message[:length])
    for changed in [*flips(message), message + b"\x00"]:
        try:
            record = decode(changed)
        except ProtocolError:
            continue
        assert record.encode() == changed


def test_refusal_names_field_expected_and_found() -> None:
    with pytest.raises(ProtocolError, match=r"status\.state \(2\): expected an integer from 0 to 4, found 'x+\.\.\.$"):
        Status.from_map({**EXAMPLES.records["status"].to_map(), 2: "x" * 1000})


def test_largest_link_messages_fit_their_frames() -> None:
    offer = Request(id=U16, verb=OFFER, kind=255, sequence=U63, size=U32, offset=U32, data=bytes(OFFER_CHUNK_BYTES_MAX))
    assert len(offer.encode()) <= REQUEST_BYTES_MAX
    entries = [Entry(sequence=U63, size=U32, sha256=bytes(32))] * LIST_ENTRIES_MAX
    assert len(Response(id=U16, code=0, entries=entries).encode()) <= RESPONSE_BYTES_MAX
    piece = Response(id=U16, code=0, size=U32, offset=U32, data=bytes(READ_CHUNK_BYTES_MAX), text="x" * 160)
    assert len(piece.encode()) <= RESPONSE_BYTES_MAX
    keys = [bytes([number]) * 32 for number in range(HANDOVERS_MAX + 1)]
    handovers = [Handover(first_sequence=U63, public_key=key, signature=bytes(64)) for key in keys[1:]]
    history = KeyHistory(version=1, first_key=keys[0], handovers=handovers).encode()
    assert len(history) <= min(KEY_HISTORY_BYTES_MAX, READ_CHUNK_BYTES_MAX)
    largest = {"uint": lambda bound: bound, "bytes": bytes, "text": lambda bound: "x" * bound}
    fields = {name: largest[kind.rstrip("?")](bound) for _key, name, kind, bound in Status.FIELDS}
    status = Status(**fields).encode()
    assert len(status) <= min(STATUS_BYTES_MAX, READ_CHUNK_BYTES_MAX)


@given(st.sets(st.binary(min_size=16, max_size=16), max_size=40), st.binary(min_size=16, max_size=16))
def test_a_list_holds_what_was_put_in_and_nothing_else(stem_ids: set[bytes], other: bytes) -> None:
    made = list_opt_outs(1, 2, stem_ids)
    assert len(made) == len(stem_ids) and all(stem_id in made for stem_id in stem_ids)
    assert (other in made) == (other in stem_ids)


def test_longest_opt_out_list_fits_and_a_longer_one_has_no_place() -> None:
    ids = [number.to_bytes(16, "big") for number in range(OPT_OUTS_MAX + 1)]
    signed = sign_opt_outs(list_opt_outs(U63, UNIX_S_MAX, ids[1:]), bytes(16), lambda _message: bytes(64))
    assert len(signed) <= OPT_OUTS_BYTES_MAX
    assert len(open_opt_outs(signed, bytes(32), lambda *_arguments: True)) == OPT_OUTS_MAX
    with pytest.raises(LocalError, match="ids"):
        sign_opt_outs(list_opt_outs(1, 2, ids), bytes(16), lambda _message: bytes(64))


def test_longest_receipt_fits() -> None:
    receipt = sign_receipt(
        1 << PATH_HASHES_MAX,
        (1 << PATH_HASHES_MAX) - 1,
        [bytes(32)] * PATH_HASHES_MAX,
        bytes(32),
        bytes(16),
        lambda _message: bytes(64),
    )
    assert len(receipt) <= RECEIPT_BYTES_MAX
    assert parse_receipt(receipt).path == [bytes(32)] * PATH_HASHES_MAX


def test_values_of_our_own_that_do_not_fit_are_local_errors() -> None:
    usage = EXAMPLES.records["usage"]
    for field, value in (
        ("stems", [0, 1]),
        ("stems", array("I", [0, 1])),
        ("stems", array("H", bytes(2 * 1201))),
        ("tier", None),
        ("tier", True),
        ("pack", bytearray(32)),
        ("anchor_ms", None),
        ("end_frame", 1),
    ):
        before = getattr(usage, field)
        setattr(usage, field, value)
        with pytest.raises(LocalError):
            usage.encode()
        setattr(usage, field, before)
    for fields in ({"sequence": 1, "size": 1}, {"sequence": 1, "size": 1, "sha256": bytes(32), "colour": 1}):
        with pytest.raises(LocalError):
            Entry(**fields)

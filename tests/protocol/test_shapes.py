"""Receipts and answers taken apart by their shape are what the strict readers make of them, and so are refusals."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.protocol import answer_host, receipt_host
from amos.protocol.answer import ACCEPTED, Answer, decode_answer
from amos.protocol.answer_host import read_answer
from amos.protocol.cbor import dumps, loads
from amos.protocol.errors import ProtocolError
from amos.protocol.receipt import Receipt, parse_receipt
from amos.protocol.receipt_host import read_receipt
from amos.protocol.record import U63
from amos.protocol.shape_host import OtherShape
from amos.protocol.signing import sign_receipt

KEY = b"k" * 16


def receipt_of(size: int, index: int, hashes: int, key: bytes = KEY) -> bytes:
    path = [bytes([number]) * 32 for number in range(hashes)]
    return bytes(sign_receipt(size, index, path, bytes(32), key, lambda _message: b"s" * 64))


def told(receipt: Receipt) -> tuple[object, ...]:
    message = receipt.message
    about = message.protected, message.header, message.unprotected, message.payload, message.signature
    return receipt.tree_size, receipt.leaf_index, receipt.path, *about


def outcome(read: Callable[[bytes], object], data: bytes) -> object:
    """What it gives, or the sentence with which it refuses."""
    try:
        found = read(data)
    except ProtocolError as error:
        return type(error), str(error)
    return told(found) if isinstance(found, Receipt) else vars(found)


@pytest.mark.parametrize("hashes", [0, 1, 7, 8, 23, 24, 40])
@pytest.mark.parametrize(("size", "index"), [(1, 0), (24, 23), (300, 255), (70_000, 65_536), (1 << 40, (1 << 40) - 1)])
def test_a_receipt_is_read_by_its_shape(size: int, index: int, hashes: int) -> None:
    data = receipt_of(size, index, hashes)
    assert told(receipt_host._shaped(data)) == told(parse_receipt(data))


def answer_of(sequence: int, receipt: bytes) -> bytes:
    facts = {"device_id": b"d" * 16, "sequence": sequence, "receipt": receipt}
    return Answer(message_sha256=b"h" * 32, verdict=ACCEPTED, **facts).encode()


@pytest.mark.parametrize("sequence", [0, 1, 23, 24, 255, 256, 65_536, 1 << 32, U63])
@pytest.mark.parametrize("size", [1, 23, 24, 255, 256, 2048])
def test_an_answer_is_read_by_its_shape(sequence: int, size: int) -> None:
    data = answer_of(sequence, b"r" * size)
    assert vars(answer_host._accepting(data)) == vars(decode_answer(data))


@given(st.data())
def test_whatever_is_changed_is_read_or_refused_as_by_the_strict_readers(data: st.DataObject) -> None:
    receipt = receipt_of(300, 7, 3)
    for whole, quick, strict in (
        (receipt, read_receipt, parse_receipt),
        (answer_of(300, receipt), read_answer, decode_answer),
    ):
        at = data.draw(st.integers(0, len(whole)))
        cut = data.draw(st.integers(0, 3))
        changed = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + cut :]
        assert outcome(quick, changed) == outcome(strict, changed)


def test_another_header_or_proof_is_left_to_the_strict_reader() -> None:
    item = loads(receipt_of(300, 7, 3))
    protected, unprotected, payload, signature = item.value
    item.value = [dumps(loads(protected) | {395: 2}), unprotected, payload, signature]
    changed = dumps(item)
    with pytest.raises(OtherShape):
        receipt_host._shaped(changed)
    assert outcome(read_receipt, changed) == outcome(parse_receipt, changed)

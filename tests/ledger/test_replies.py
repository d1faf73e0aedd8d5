"""An answer that accepts is put together to the very bytes of the protocol's encoding."""

import pytest

from amos.protocol.answer import ACCEPTED, DUPLICATE, GAP, Answer, decode_answer
from amos_ledger.replies import encoded

FACTS = {"message_sha256": bytes(range(32)), "device_id": bytes(range(16)), "detail": None}


@pytest.mark.parametrize("sequence", [1, 23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, (1 << 63) - 1])
@pytest.mark.parametrize("receipt_bytes", [1, 23, 24, 255, 256, 700, 2000])
def test_what_is_accepted(sequence: int, receipt_bytes: int) -> None:
    answer = Answer(verdict=ACCEPTED, sequence=sequence, receipt=bytes(receipt_bytes), **FACTS)
    assert encoded(answer) == answer.encode() and decode_answer(encoded(answer)).sequence == sequence


def test_all_else() -> None:
    for facts in (
        FACTS | {"verdict": DUPLICATE, "sequence": 7, "receipt": bytes(500)},
        FACTS | {"verdict": ACCEPTED, "sequence": 7, "receipt": bytes(500), "detail": "why"},
        FACTS | {"verdict": GAP, "sequence": 7, "detail": "waits"},
        FACTS | {"verdict": GAP, "device_id": None},
    ):
        answer = Answer(**facts)
        assert encoded(answer) == answer.encode()

"""A segment on its way over MQTT: never inflated past its cap, never anything but the one segment."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.envelope_host import DEFLATED, PLAIN, unwrap, wrap
from amos.protocol.errors import MessageError
from amos.protocol.ledger_limits import ENVELOPE_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX
from protocol_examples import Examples


def deflated(content: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


@given(st.binary(min_size=1, max_size=2000) | st.integers(1, SEGMENT_BYTES_MAX).map(bytes))
def test_segment_comes_back_as_it_went(segment: bytes) -> None:
    payload = wrap(segment)
    assert len(payload) <= len(segment) + 1
    assert unwrap(payload) == segment


def test_shorter_form_is_sent() -> None:
    usage = Examples().messages["usage"]
    assert wrap(usage)[0] == DEFLATED
    assert wrap(usage[-64:])[0] == PLAIN  # a signature has nothing to deflate


def test_largest_segment_passes_both_ways() -> None:
    segment = bytes(SEGMENT_BYTES_MAX)
    assert unwrap(b"\x00" + segment) == segment
    assert unwrap(b"\x01" + deflated(segment)) == segment


def test_longer_segment_is_refused_both_ways() -> None:
    segment = bytes(SEGMENT_BYTES_MAX + 1)
    for payload in (b"\x00" + segment, b"\x01" + deflated(segment)):
        with pytest.raises(MessageError):
            unwrap(payload)


def test_bomb_is_refused_without_being_inflated() -> None:
    bomb = b"\x01" + deflated(bytes(15_000_000))
    assert len(bomb) <= ENVELOPE_BYTES_MAX
    tracemalloc.start()
    with pytest.raises(MessageError):
        unwrap(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * SEGMENT_BYTES_MAX


def test_unfinished_or_followed_deflate_is_refused() -> None:
    content = deflated(b"segment " * 50)
    for wrong in (content[:-1], content + b"\x00", content + content, content[: len(content) // 2]):
        with pytest.raises(MessageError):
            unwrap(b"\x01" + wrong)


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x01", b"\x02ab", b"\xffab", bytes(ENVELOPE_BYTES_MAX + 1)])
def test_what_is_no_envelope_is_refused(payload: bytes) -> None:
    with pytest.raises(MessageError):
        unwrap(payload)


@given(st.binary(max_size=300))
def test_random_bytes_meet_named_errors_only(payload: bytes) -> None:
    try:
        segment = unwrap(b"\x01" + payload)
    except MessageError:
        return
    assert len(segment) <= SEGMENT_BYTES_MAX

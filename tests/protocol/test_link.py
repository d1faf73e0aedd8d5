"""The line may bring anything: frames in any pieces, damage, and a player's link that never fails and never grows."""

from itertools import pairwise
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_strategies import record_examples

from amos.protocol.frames import CRC_BYTES, FrameReader, FrameWriter, frame, stuffed_bytes_max
from amos.protocol.limits import RECEIPT_BYTES_MAX, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX
from amos.protocol.link import OFFER, OFFERS, Request, decode_response
from amos.protocol.link_device import DeviceLink
from protocol_examples import Examples
from protocol_player import Player, fed
from stuffing import by_the_paper, stuffed, unstuffed

bodies = st.binary(min_size=1, max_size=REQUEST_BYTES_MAX) | st.integers(1, REQUEST_BYTES_MAX).map(bytes)


runs = st.lists(st.integers(0, 3) | st.integers(252, 256) | st.integers(507, 510), max_size=8)
plain_bytes = st.binary(max_size=1200) | runs.map(lambda sizes: b"\x00".join(b"\x2a" * size for size in sizes))


@given(plain_bytes)
def test_stuffing_is_as_the_paper_has_it_and_comes_back(data: bytes) -> None:
    encoded = stuffed(data)
    assert encoded == by_the_paper(data)
    assert 0 not in encoded and len(encoded) <= stuffed_bytes_max(len(data))
    assert unstuffed(encoded) == data


@given(st.lists(st.lists(plain_bytes, max_size=4), max_size=4))
def test_a_writer_gives_what_frame_gives(bodies: list[list[bytes]]) -> None:
    writer = FrameWriter(max((sum(map(len, parts)) for parts in bodies), default=0))
    for parts in bodies:
        body = b"".join(parts)
        assert (
            writer.write(parts) == frame(body) == by_the_paper(body + crc32(body).to_bytes(CRC_BYTES, "little")) + b"\0"
        )


@given(st.binary(min_size=250, max_size=250).map(lambda body: body.replace(b"\x00", b"\x01")))
def test_a_full_last_run_is_read_with_and_without_a_final_01(body: bytes) -> None:
    for size in (len(body), len(body) + 10):
        reader, wire = FrameReader(size), frame(body)[:-1]
        assert reader.feed(wire + b"\x00" + wire + b"\x01\x00") == [body] * (1 + (wire[0] == 255))


STATUS_REQUEST = Examples().messages["request-status"]


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(at % (len(stream) + 1) for at in cuts)})
    return [stream[start:end] for start, end in pairwise(edges)]


@given(
    st.lists(bodies | st.just(b""), max_size=6), st.lists(st.integers(0, 10_000), max_size=12), st.binary(max_size=30)
)
def test_pieces_give_what_the_whole_gives(parts: list[bytes], cuts: list[int], garbage: bytes) -> None:
    stream = garbage + b"\x00" + b"".join(frame(body) for body in parts)
    whole, pieces, bytewise = (FrameReader(REQUEST_BYTES_MAX) for _reader in range(3))
    expected = whole.feed(stream)
    assert expected[len(expected) - sum(map(bool, parts)) :] == [body for body in parts if body]
    assert [body for piece in cut(stream, cuts) for body in pieces.feed(piece)] == expected
    assert [body for at in range(len(stream)) for body in bytewise.feed(stream[at : at + 1])] == expected
    assert whole.damaged == pieces.damaged == bytewise.damaged


@given(bodies, st.integers(0, 1 << 20), st.integers(1, 255))
def test_damaged_frame_never_passes_and_the_next_one_does(body: bytes, at: int, change: int) -> None:
    damaged = bytearray(frame(body))
    at %= len(damaged) - 1
    damaged[at] ^= change
    reader = FrameReader(REQUEST_BYTES_MAX)
    assert reader.feed(bytes(damaged) + frame(b"next")) == [b"next"]
    assert reader.damaged


requests = record_examples("request").map(lambda request: frame(request.encode()))


@st.composite
def damaged_requests(draw: st.DrawFn) -> bytes:
    """A request's body changed, then framed well: what a checksum does not catch."""
    body = bytearray(draw(record_examples("request")).encode())
    for _change in range(draw(st.integers(1, 3))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return frame(bytes(body[: draw(st.integers(1, len(body)))]))


noise = st.binary(max_size=600) | st.integers(0, 5000).map(lambda size: b"\x55" * size)


@settings(max_examples=150)
@given(st.lists(requests | damaged_requests() | noise, max_size=12), st.lists(st.integers(0, 20_000), max_size=8))
def test_player_answers_or_is_silent_and_never_grows(parts: list[bytes], cuts: list[int]) -> None:
    link = DeviceLink(Player())
    whole_frames = sum(part.count(0) for part in parts)
    reader = FrameReader(RESPONSE_BYTES_MAX)
    answers = 0
    for piece in cut(b"".join(parts), cuts):
        for body in reader.feed(fed(link, piece)):
            assert decode_response(body).encode() == body
            answers += 1
        assert len(link._reader._buffer) <= REQUEST_BYTES_MAX + CRC_BYTES + 2
        assert len(link._offer) <= RECEIPT_BYTES_MAX
    assert reader.damaged == 0
    # Each frame gets one answer at most, and each piece one more for all its damage.
    assert answers <= whole_frames + len(cuts) + 1
    assert fed(link, b"\x00" + frame(STATUS_REQUEST))


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 18000), st.integers(0, 18000), st.binary(min_size=1, max_size=192)),
        max_size=30,
    )
)
def test_offers_in_any_order_never_grow_past_the_cap_of_their_kind(pieces: list[tuple[int, int, int, bytes]]) -> None:
    player = Player()
    link = DeviceLink(player)
    held_max = 0
    for kind, size, offset, data in pieces:
        request = Request(id=1, verb=OFFER, kind=kind, sequence=3, size=size, offset=offset, data=data)
        assert fed(link, frame(request.encode()))
        if kind in OFFERS and size <= OFFERS[kind][1]:
            held_max = OFFERS[kind][1]
        assert len(link._offer) <= held_max
    assert all(len(taken) <= OFFERS[kind][1] for kind, taken in player.taken)

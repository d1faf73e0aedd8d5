"""A pack over a line that loses, damages and repeats bytes, and stops anywhere: it comes through whole all the same."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.protocol.frames import frame
from amos.protocol.limits import REQUEST_BYTES_MAX, REQUEST_WIDE_BYTES_MAX
from amos.protocol.link import OK, OLD_SERIAL, WRONG_HASH, Response, decode_request
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_pack import PackToSend, SendPack
from amos.protocol.link_courier_talk import Conversation, LinkLost, RequestRefused, TransferError
from amos.protocol.link_device import DeviceLink
from pack_examples import Pack, Shelf
from protocol_player import fed

PACK = Pack(1, "abcdefg", 400)
Fault = tuple[str, int]
faults = st.lists(st.tuples(st.sampled_from(["flip", "cut", "double", "drop", "noise", "lose"]), st.integers(0, 9000)))


def spoilt(data: bytes, fault: str, at: int) -> bytes:
    at %= len(data)
    return {
        "flip": data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :],
        "cut": data[:at],
        "double": data + data,
        "drop": data[:at] + data[at + 1 :],
        "noise": data[:at] + b"\x00garbage\x00\xff" + data[at:],
        "lose": b"",
    }[fault]


class Line:
    """A shelf behind a line that spoils what passes as told, first up and then down, until it has no faults left."""

    def __init__(self, shelf: Shelf, up: list[Fault] = [], down: list[Fault] = []):  # noqa: B006 (only read)
        self.host = CourierLink(1)
        self.shelf = shelf
        self.now_ms = 0
        self.longest = 0
        self._up, self._down = list(up), list(down)

    def run(self, steps: object) -> object:
        talk = Conversation(steps)  # type: ignore[arg-type]
        talk.advance(self.now_ms)
        while not talk.done:
            request = self.host.outgoing(self.now_ms)
            self.longest = max(self.longest, len(request))
            answer = fed(self.shelf.link, self._pass(request, self._up))
            self.host.feed(self._pass(answer, self._down), self.now_ms)
            if not request:
                self.now_ms += 100
                self.host.tick(self.now_ms)
            self.shelf.packs.tidy()
            talk.advance(self.now_ms)
        return talk.result

    @staticmethod
    def _pass(data: bytes, faults: list[Fault]) -> bytes:
        return spoilt(data, *faults.pop(0)) if data and faults else data

    def send(self, pack: Pack, step: int = 1 << 20, blobs: dict[bytes, bytes] | None = None) -> SendPack:
        blobs = blobs or pack.blobs
        sending = SendPack(self.host, PackToSend(pack.signed), lambda name, at, size: blobs[name][at : at + size])

        def steps():  # type: ignore[no-untyped-def]
            while not (yield from sending.some(step)):
                assert sending.here_bytes <= pack.size_bytes()

        self.run(steps())
        return sending


@pytest.mark.parametrize("request_bytes", [REQUEST_BYTES_MAX, REQUEST_WIDE_BYTES_MAX])
@pytest.mark.parametrize("step", [1, 500, 1 << 20])
def test_a_pack_is_sent_once_in_steps_of_any_size(request_bytes: int, step: int) -> None:
    line = Line(Shelf(request_bytes_max=request_bytes))
    sending = line.send(PACK, step)
    assert line.shelf.is_whole(PACK) and line.shelf.play() == PACK.id
    assert sending.sent_bytes == sending.here_bytes == PACK.size_bytes()
    assert line.host.resent == line.host.damaged == 0
    # What does not fit into the input ring of a board is lost there.
    assert request_bytes > REQUEST_BYTES_MAX or line.longest <= 512
    again = line.send(PACK)
    assert again.sent_bytes == 0


@settings(deadline=None, max_examples=60)
@given(faults, faults, st.sampled_from([REQUEST_BYTES_MAX, REQUEST_WIDE_BYTES_MAX]))
def test_damage_is_a_delay(up: list[Fault], down: list[Fault], request_bytes: int) -> None:
    shelf = Shelf(request_bytes_max=request_bytes)
    line = Line(shelf, up, down)
    for _connection in range(20):
        try:
            line.send(PACK)
            break
        except (LinkLost, RequestRefused, TransferError):
            # The courier opens the line anew. What spoils it goes on where it was.
            line.host = CourierLink(1)
            shelf.link = DeviceLink(shelf, request_bytes)
    assert shelf.is_whole(PACK) and shelf.play() == PACK.id


def test_a_courier_that_sends_other_bytes_gives_up_by_name() -> None:
    line = Line(Shelf())
    wrong = {name: bytes(len(blob)) for name, blob in PACK.blobs.items()}
    with pytest.raises(RequestRefused) as caught:
        line.send(PACK, blobs=wrong)
    assert caught.value.code == WRONG_HASH
    short = {name: blob[:-1] for name, blob in PACK.blobs.items()}
    with pytest.raises(TransferError, match="expected"):
        Line(Shelf()).send(PACK, blobs=short)


def test_refusals_reach_the_courier() -> None:
    line = Line(Shelf())
    line.send(Pack(2))
    line.shelf.play()
    with pytest.raises(RequestRefused, match="expected above 2, found 1") as caught:
        line.send(Pack(1))
    assert caught.value.code == OLD_SERIAL


class Liar:
    """A player that answers every request the same, well formed."""

    def __init__(self, **answer: object):
        self.link = self.packs = self
        self._reader = DeviceLink(None)._reader
        self._answer = answer

    def serve(self, data: bytes, start: int, write: Callable[[bytes], None]) -> int:
        for body in self._reader.feed(data[start:]):
            write(frame(Response(id=decode_request(body).id, code=OK, **self._answer).encode()))
        return len(data)

    def tidy(self) -> None: ...


@pytest.mark.parametrize(
    "answer", [{}, {"offset": 0}, {"offset": 1 << 31, "length": 192}, {"offset": 0, "length": 0}, {"length": 192}]
)
def test_a_lying_player_wastes_no_more_than_a_while(answer: dict[str, object]) -> None:
    with pytest.raises((TransferError, RequestRefused)):
        Line(Liar(**answer)).send(PACK)  # type: ignore[arg-type]

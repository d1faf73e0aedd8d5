"""The courier's side of the link against the player's: every exchange, whole, in pieces, and over bad lines."""

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from listing import list_all
from sync_ledgers import path_of, root_of
from sync_players import LEDGER_KEY, LEDGER_SEED, FakePlayer

from amos import crypto
from amos.protocol.frames import frame
from amos.protocol.handover import Handover, KeyHistory, handover_message
from amos.protocol.limits import REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT, KEY_HISTORY, OK, UNKNOWN_SEQUENCE, Entry, Response
from amos.protocol.link_courier import TRIES_MAX, WINDOW_BYTES, WINDOW_REQUESTS, CourierLink
from amos.protocol.link_courier_call import LOGS_REQUESTS_MAX, identify, read_logs, read_status
from amos.protocol.link_courier_offer import offer_receipt
from amos.protocol.link_courier_proof import Proof, prove
from amos.protocol.link_courier_segment import read_segment
from amos.protocol.link_courier_talk import Conversation, LinkLost, Pause, RequestRefused, TransferError
from amos.protocol.link_device import DeviceLink
from amos.protocol.merkle import leaf_hash
from amos.protocol.signing import sign_receipt
from protocol_player import fed

SEED = b"d" * 32
NONCE = bytes(range(32))
SEGMENTS = [bytes([n]) * size for n, size in enumerate([1, 1023, 1024, 1025, 5000, 16384] + [300] * 14, 1)]


def a_player() -> FakePlayer:
    return FakePlayer(SEED, SEGMENTS)


def receipt_for(segment: bytes) -> bytes:
    leaves = [leaf_hash(b"genesis"), leaf_hash(segment), *[leaf_hash(bytes([n])) for n in range(9)]]
    return sign_receipt(
        len(leaves), 1, path_of(1, leaves), root_of(leaves), crypto.key_id(LEDGER_KEY),
        lambda message: crypto.sign(LEDGER_SEED, message),
    )  # fmt: skip


class Line:
    """A host and a device link, a simulated clock, and what the line does to bytes (`up` there, `down` back)."""

    def __init__(
        self,
        player: FakePlayer,
        up: Callable[[bytes], bytes] = bytes,
        down: Callable[[bytes], bytes] = bytes,
        piece: int = 4096,
        first_id: int = 1,
    ):
        self.host = CourierLink(first_id)
        self.device = DeviceLink(player)
        self.now_ms = 0
        self._up, self._down, self._piece = up, down, piece

    def run(self, steps: object, until_ms: int = 10_000_000) -> object:
        """Run one exchange to its end."""
        talk = Conversation(steps)  # type: ignore[arg-type]
        talk.advance(self.now_ms)
        while not talk.done:
            assert self.now_ms < until_ms, "expected an end"
            quiet = not self.turn()
            if quiet:
                self.now_ms += 100
                self.host.tick(self.now_ms)
            talk.advance(self.now_ms)
        return talk.result

    def turn(self) -> bool:
        """Carry what there is both ways, in pieces; whether there was anything."""
        request = self.host.outgoing(self.now_ms)
        answer = b"".join(fed(self.device, part) for part in self._parts(self._up(request)))
        for part in self._parts(self._down(answer)):
            self.host.feed(part, self.now_ms)
        return bool(request or answer)

    def _parts(self, data: bytes) -> list[bytes]:
        return [data[at : at + self._piece] for at in range(0, len(data), self._piece)]


def whole_exchange(host: CourierLink, segments: list[bytes], receipt: bytes):  # type: ignore[no-untyped-def]
    """Everything a courier does, once."""
    identity = yield from identify(host, NONCE)
    entries = yield from list_all(host, 1)
    read = []
    for entry in entries:
        read.append((yield from read_segment(host, entry)))
    assert read == segments
    yield from offer_receipt(host, len(segments), receipt)
    status, _raw = yield from read_status(host)
    return identity, status.last_receipted


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_everything_comes_through_in_pieces_of_any_size(piece: int) -> None:
    player = a_player()
    line = Line(player, piece=piece)
    identity, receipted = line.run(whole_exchange(line.host, SEGMENTS, receipt_for(SEGMENTS[-1])))  # type: ignore[misc]
    assert identity.device_id == player.device_id
    assert crypto.verify(identity.public_key, IDENTIFY_CONTEXT + NONCE, identity.signature)
    assert receipted == len(SEGMENTS)
    assert (line.host.damaged, line.host.stale, line.host.resent) == (0, 0, 0)


def handed_over(seeds: list[bytes], **wrong: bytes) -> FakePlayer:
    """A player that has had these keys, and signs with the last; `wrong` is what it says otherwise."""
    keys = [crypto.public_key(seed) for seed in seeds]
    device_id = crypto.key_id(keys[0])
    handovers = [
        Handover(
            first_sequence=number,
            public_key=key,
            signature=crypto.sign(seed, handover_message(device_id, number, key)),
        )
        for number, (seed, key) in enumerate(zip(seeds, keys[1:], strict=False), 2)
    ]
    player = FakePlayer(seeds[-1], SEGMENTS)
    player.device_id = device_id
    player.key_history = KeyHistory(version=1, first_key=keys[0], handovers=handovers).encode()
    for name, value in wrong.items():
        setattr(player, name, value)
    return player


SEEDS = [b"1" * 32, b"2" * 32, b"3" * 32]


@pytest.mark.parametrize("count", [2, 3])
def test_a_device_proves_a_key_that_its_first_one_leads_to(count: int) -> None:
    player = handed_over(SEEDS[:count])
    line = Line(player, piece=7)
    proof = line.run(prove(line.host, NONCE, crypto.verify))
    assert isinstance(proof, Proof) and proof.history is not None
    assert (proof.device_id, proof.public_key) == (crypto.key_id(crypto.public_key(SEEDS[0])), player.public_key)
    first = a_player()
    line = Line(first)
    proof = line.run(prove(line.host, NONCE, crypto.verify))
    assert isinstance(proof, Proof) and (proof.history, proof.device_id) == (None, first.device_id)


OTHERS = handed_over([b"4" * 32, SEEDS[1]])
LIARS = {
    "the id of another device": handed_over(SEEDS, device_id=OTHERS.device_id),
    "a history of another device": handed_over(SEEDS[:2], key_history=OTHERS.key_history or b""),
    "a history that ends before its key": handed_over(SEEDS, key_history=handed_over(SEEDS[:2]).key_history or b""),
    "a history by keys that it does not hold": handed_over(SEEDS[:2], seed=b"5" * 32),
    "no history": handed_over(SEEDS, key_history=None),  # type: ignore[arg-type]
    "a history that is none": handed_over(SEEDS, key_history=b"none"),
    "a signature changed": handed_over(SEEDS, key_history=(handed_over(SEEDS).key_history or b"")[:-1] + b"\x00"),
}


@pytest.mark.parametrize("told", LIARS)
def test_a_player_that_is_not_led_to_its_key_proves_nothing(told: str) -> None:
    line = Line(LIARS[told])
    assert line.run(prove(line.host, NONCE, crypto.verify)) is None


def test_a_player_of_an_older_firmware_has_its_first_key_or_none() -> None:
    player = handed_over(SEEDS)
    line = Line(player)
    del line.device._verbs[KEY_HISTORY]
    assert line.run(prove(line.host, NONCE, crypto.verify)) is None


class Spoiler:
    """Spoils the first bytes that pass as told, then lets everything through."""

    def __init__(self, faults: list[tuple[str, int]]):
        self._faults = list(faults)

    def __call__(self, data: bytes) -> bytes:
        if not data or not self._faults:
            return data
        fault, at = self._faults.pop(0)
        at %= len(data)
        if fault == "flip":
            return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        if fault == "cut":
            return data[:at]
        if fault == "double":
            return data + data
        if fault == "drop":
            return data[:at] + data[at + 1 :]
        if fault == "noise":
            return data[:at] + b"\x00garbage\x00\xff" + data[at:]
        return data


FAULTS = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "double", "drop", "noise", "none"]), st.integers(0, 5000)), max_size=12
)


@example(up=[("flip", 0), ("flip", 0), ("noise", 1)], down=[], piece=1)
@given(up=FAULTS, down=FAULTS, piece=st.sampled_from([1, 60, 4096]))
@settings(max_examples=60, deadline=None)
def test_damage_loss_and_doubling_change_nothing(
    up: list[tuple[str, int]], down: list[tuple[str, int]], piece: int
) -> None:
    few = SEGMENTS[:5]
    line = Line(FakePlayer(SEED, few), Spoiler(up), Spoiler(down), piece)
    try:
        _identity, receipted = line.run(whole_exchange(line.host, few, receipt_for(few[-1])))  # type: ignore[misc]
    except LinkLost:
        # One fault costs two tries at most: a frame cut short takes the next one with it.
        assert 2 * (len(up) + len(down)) >= TRIES_MAX
    else:
        assert receipted == len(few)


def test_no_more_in_flight_than_a_board_can_take() -> None:
    host = CourierLink(1)
    steps = read_segment(host, Entry(sequence=1, size=16000, sha256=bytes(32)))
    next(steps)
    assert host.outgoing(0)[1:].count(b"\x00") == WINDOW_REQUESTS
    assert host.outgoing(0) == b""
    big = CourierLink(1)
    offers = [offer_receipt(big, 1, bytes(range(1, 193))) for _ in range(5)]
    for offer in offers:
        next(offer)
    assert len(big.outgoing(0)) <= WINDOW_BYTES + 1


def test_a_request_frame_never_overruns_a_boards_ring() -> None:
    host = CourierLink(0xFFFF)
    next(offer_receipt(host, (1 << 63) - 1, bytes(2048)))
    assert len(host.outgoing(0)) <= REQUEST_BYTES_MAX + 8 <= 256


def test_what_an_earlier_connection_left_is_not_taken_for_an_answer() -> None:
    player = a_player()
    old = Line(player, first_id=100)
    talk = Conversation(identify(old.host, bytes(32)))
    talk.advance(0)
    old_answers = fed(old.device, old.host.outgoing(0))
    line = Line(player, first_id=7)
    fed(line.device, frame(b"half a request of before")[:9])
    line.host.feed(old_answers + old_answers[:11], 0)
    identity = line.run(identify(line.host, NONCE))
    assert crypto.verify(identity.public_key, IDENTIFY_CONTEXT + NONCE, identity.signature)  # type: ignore[attr-defined]
    assert line.host.stale >= 1


def test_a_damaged_request_is_sent_again_without_waiting_for_the_timeout() -> None:
    line = Line(a_player(), up=Spoiler([("flip", 5)]))
    line.run(identify(line.host, NONCE))
    assert line.now_ms == 0 and line.host.resent == 1


def logs_of(player: FakePlayer) -> object:
    line = Line(player)
    return line.run(read_logs(line.host))


def test_logs_come_whole_in_pieces() -> None:
    player = a_player()
    player.said = b"".join(b"line %d\n" % number for number in range(400))
    assert logs_of(player) == player.said
    assert logs_of(a_player()) == b""


def test_logs_that_make_no_sense_are_refused_and_endless_ones_end() -> None:
    player = a_player()
    for wrong in ((0, b"", 9), (9, b"12", 10), (0, b"12", 1)):
        player.read_logs = lambda _offset, _length, wrong=wrong: wrong  # type: ignore[method-assign, misc]
        with pytest.raises(TransferError, match="logs: expected"):
            logs_of(player)
    player.read_logs = lambda offset, _length: (offset, b"more", offset + 8)  # type: ignore[method-assign]
    assert logs_of(player) == b"more" * LOGS_REQUESTS_MAX


def test_silence_ends_in_a_lost_link() -> None:
    line = Line(a_player(), up=lambda _data: b"")
    with pytest.raises(LinkLost, match="expected an answer"):
        line.run(identify(line.host, NONCE))
    assert line.host.resent == TRIES_MAX - 1
    assert 30_000 < line.now_ms < 40_000


def test_a_player_that_restarts_during_an_offer_gets_it_from_the_start() -> None:
    player = a_player()
    line = Line(player)
    steps = offer_receipt(line.host, len(SEGMENTS), receipt_for(SEGMENTS[-1]))
    talk = Conversation(steps)
    talk.advance(0)
    line.turn()
    talk.advance(0)
    line.device = DeviceLink(player)
    while not talk.done:
        line.turn()
        talk.advance(0)
    assert talk.result is True
    assert player.last_receipted == len(SEGMENTS)


def test_a_refused_receipt_is_told() -> None:
    player = a_player()
    line = Line(player)
    assert line.run(offer_receipt(line.host, 3, receipt_for(SEGMENTS[4]))) is False
    assert (player.last_receipted, player.refused) == (0, 1)


def test_reading_resumes_where_the_last_connection_ended() -> None:
    player = a_player()
    entry = Entry(sequence=6, size=16384, sha256=hashlib.sha256(SEGMENTS[5]).digest())
    held = bytearray()
    first = Line(player)
    talk = Conversation(read_segment(first.host, entry, held))
    talk.advance(0)
    for _turn in range(2):
        first.turn()
        talk.advance(0)
    taken = len(held)
    assert 0 < taken < 16384

    asked: list[int] = []
    read = player.read_segment
    player.read_segment = lambda sequence, offset, length: asked.append(offset) or read(sequence, offset, length)  # type: ignore[method-assign,func-returns-value]
    second = Line(player)
    assert second.run(read_segment(second.host, entry, held)) == SEGMENTS[5]
    assert min(asked) == taken


def test_a_player_may_answer_less_than_was_asked_for() -> None:
    player = a_player()
    read = player.read_segment
    player.read_segment = lambda sequence, offset, length: (read(sequence, offset, length) or b"")[:100]  # type: ignore[method-assign]
    line = Line(player)
    entry = Entry(sequence=5, size=5000, sha256=hashlib.sha256(SEGMENTS[4]).digest())
    assert line.run(read_segment(line.host, entry)) == SEGMENTS[4]


def test_other_bytes_than_listed_are_refused_and_forgotten() -> None:
    line = Line(a_player())
    held = bytearray()
    entry = Entry(sequence=2, size=1023, sha256=bytes(32))
    with pytest.raises(TransferError, match="segment 2: expected SHA-256"):
        line.run(read_segment(line.host, entry, held))
    assert not held
    with pytest.raises(TransferError, match="segment 2: expected"):
        line.run(read_segment(line.host, Entry(sequence=2, size=1000, sha256=bytes(32)), held))


def test_a_refusal_carries_its_code() -> None:
    line = Line(a_player())
    with pytest.raises(RequestRefused, match="unknown sequence") as refused:
        line.run(read_segment(line.host, Entry(sequence=99, size=10, sha256=bytes(32))))
    assert refused.value.code == UNKNOWN_SEQUENCE


def test_oversize_garbage_and_foreign_frames_are_counted_and_passed_over() -> None:
    line = Line(a_player())
    line.host.feed(b"\x01" * (RESPONSE_BYTES_MAX + 100) + b"\x00", 0)
    line.host.feed(frame(b"no CBOR map"), 0)
    line.host.feed(frame(Response(id=9, code=OK).encode()), 0)
    assert (line.host.damaged, line.host.stale) == (2, 1)
    assert line.run(identify(line.host, NONCE))


def test_a_list_that_goes_backwards_is_refused() -> None:
    player = a_player()
    player.list_segments = lambda first: [(3, 10, bytes(32)), (2, 10, bytes(32))]  # type: ignore[method-assign]
    line = Line(player)
    with pytest.raises(TransferError, match="ascending"):
        line.run(list_all(line.host, 1))


def test_ids_wrap_around_without_zero() -> None:
    line = Line(a_player(), first_id=0xFFFE)
    for _ in range(4):
        line.run(identify(line.host, NONCE))
    assert line.host.stale == 0


def test_a_pause_ends_by_time_or_by_waking() -> None:
    def steps():  # type: ignore[no-untyped-def]
        yield pause
        yield Pause(1000)
        return "over"

    pause = Pause(1000)
    talk = Conversation(steps())
    talk.advance(0)
    pause.wake()
    talk.advance(10)
    talk.advance(1009)
    assert not talk.done
    talk.advance(1010)
    assert talk.result == "over"


def test_abandoned_reads_leave_no_request_behind() -> None:
    host = CourierLink(1)
    steps = read_segment(host, Entry(sequence=1, size=16000, sha256=bytes(32)))
    next(steps)
    host.outgoing(0)
    steps.close()
    # Those read ahead are cancelled; the awaited one is answered or times out on its own.
    host.tick(1_000_000)
    assert host.outgoing(1_000_000).count(b"\x00") <= 1

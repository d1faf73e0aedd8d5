"""Frames, and the player's side of the link, on every runtime."""

import binascii
import gc
import sys

from amos.log_ring import LogRing
from amos.protocol.cbor import dumps
from amos.protocol.errors import FrameError, LocalError, ProtocolError
from amos.protocol.frames import FrameReader, FrameWriter, frame, stuffed_bytes_max
from amos.protocol.limits import NAMES_MAX, READ_CHUNK_BYTES_MAX, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX
from amos.protocol.link import (
    BAD_FRAME,
    BAD_OFFER,
    BAD_REQUEST,
    CHALLENGE,
    FULL_STATUS,
    IDENTIFY,
    IDENTIFY_CONTEXT,
    INPUT,
    KEY_HISTORY,
    LIST,
    LOGS,
    NAMES,
    NOT_NOW,
    OFFER,
    OFFER_ANCHOR,
    OFFER_CHUNK_BYTES_MAX,
    OFFER_OPT_OUTS,
    OFFER_RECEIPT,
    OFFERS,
    OK,
    OUT_OF_ORDER,
    READ,
    SET_TIER,
    SOUNDING,
    STATUS,
    UNKNOWN_SEQUENCE,
    UNKNOWN_VERB,
    Entry,
    Request,
    decode_request,
    decode_response,
    decode_status,
)
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_call import read_names
from amos.protocol.link_courier_segment import read_segment
from amos.protocol.link_courier_talk import CODES, Conversation, TransferError
from amos.protocol.link_device import DeviceLink
from amos.protocol.link_name import ANNOUNCEMENTS, SLIDERS, Name
from amos.protocol.link_sounding import Sounding
from protocol_examples import NONCE
from protocol_player import Player, fed
from stuffing import by_the_paper, stuffed, unstuffed

LOG_BYTES_MAX = 4096

# Of the paper and its usual tests: plain, encoded.
RUN_254 = bytes(range(1, 255))
COBS_VECTORS = (
    (b"", b"\x01"),
    (b"\x00", b"\x01\x01"),
    (b"\x00\x00", b"\x01\x01\x01"),
    (b"\x11\x22\x00\x33", b"\x03\x11\x22\x02\x33"),
    (b"\x11\x22\x33\x44", b"\x05\x11\x22\x33\x44"),
    (b"\x11\x00\x00\x00", b"\x02\x11\x01\x01\x01"),
    (RUN_254, b"\xff" + RUN_254),
    (b"\x00" + RUN_254, b"\x01\xff" + RUN_254),
    (RUN_254 + b"\xff", b"\xff" + RUN_254 + b"\x02\xff"),
    (RUN_254 + b"\x00", b"\xff" + RUN_254 + b"\x01\x01"),
)


class Line:
    """A courier that asks one request at a time."""

    def __init__(self):
        self.player = Player()
        self.link = DeviceLink(self.player)

    def responses(self, data: bytes) -> list:
        return [decode_response(body) for body in FrameReader(RESPONSE_BYTES_MAX).feed(fed(self.link, data))]

    def ask(self, **fields):
        (response,) = self.responses(frame(Request(**fields).encode()))
        assert response.id == fields["id"]
        return response

    def answer_to(self, body: bytes):
        (response,) = self.responses(frame(body))
        return response


def test_stuffing_vectors_both_ways():
    for plain, encoded in COBS_VECTORS:
        assert stuffed(plain) == encoded
        assert unstuffed(encoded) == plain
    assert unstuffed(b"\xff" + RUN_254 + b"\x01") == RUN_254  # as some encoders end


def test_stuffing_around_every_edge_is_as_the_paper_has_it():
    edges = [at + more for at in (0, 254, 508, 762, 1016) for more in range(-3, 4) if at + more >= 0]
    for filler in (b"\x00", b"\x01", b"\x00\x07", bytes(range(256))):
        for length in edges:
            plain = (filler * (length // len(filler) + 1))[:length]
            encoded = by_the_paper(plain)
            assert stuffed(plain) == encoded and b"\x00" not in encoded
            assert len(encoded) <= stuffed_bytes_max(length)
            assert unstuffed(encoded) == plain
    for run in (253, 254, 255, 507, 508, 509):  # a run of so many, and a zero at every place before and after
        for before in (b"", b"\x00", b"\x05\x00"):
            for after in (b"", b"\x00", b"\x00\x05"):
                plain = before + b"\x09" * run + after
                assert stuffed(plain) == by_the_paper(plain) and unstuffed(stuffed(plain)) == plain


def test_one_frame_after_the_other_is_written_as_each_alone():
    writer = FrameWriter(600)
    for parts in (
        (bytes(600),),
        (b"\x01" * 600,),
        (b"short",),
        (b"a", bytearray(b"\x00b"), b"", bytes(range(256)) * 2),
    ):
        body = b"".join([bytes(part) for part in parts])
        assert bytes(writer.write(parts)) == frame(body)
        checksum = (binascii.crc32(body) & 0xFFFFFFFF).to_bytes(4, "little")
        assert frame(body) == by_the_paper(body + checksum) + b"\x00"
    try:
        writer.write((bytes(300), bytes(301)))
    except LocalError:
        assert bytes(writer.write((b"next",))) == frame(b"next")
        return
    raise AssertionError("expected a LocalError")


def test_bad_stuffing_is_refused():
    for encoded in (b"\x02", b"\x05abc", b"\x00", b"\x02a\x00\x01", b"\xff" + bytes(3)):
        try:
            unstuffed(encoded)
        except FrameError:
            continue
        raise AssertionError(encoded)


def test_frames_arrive_whole_in_any_pieces():
    bodies = [b"a", b"\x00", bytes(200), bytes(range(1, 240)), b"last"]
    stream = b"\x00\x00" + b"".join(frame(body) for body in bodies) + b"\x00"
    for size in (1, 2, 3, 7, 64, len(stream)):
        reader = FrameReader(REQUEST_BYTES_MAX)
        found = []
        for at in range(0, len(stream), size):
            found += reader.feed(stream[at : at + size])
        assert found == bodies
        assert reader.damaged == 0


def test_a_damaged_frame_is_dropped_and_the_next_one_is_not():
    good = frame(b"good")
    body = b"the body of a frame"
    whole = frame(body)
    for at in range(len(whole) - 1):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        reader = FrameReader(REQUEST_BYTES_MAX)
        found = reader.feed(bytes(damaged) + good)
        # A byte that became the delimiter makes two broken frames of one.
        assert found == [b"good"], at
        assert 1 <= reader.damaged <= 2
        assert reader.last_error
    for length in range(1, len(whole) - 1):
        reader = FrameReader(REQUEST_BYTES_MAX)
        assert reader.feed(whole[:length] + b"\x00" + good) == [b"good"]


def test_an_endless_frame_takes_no_memory_and_ends_at_the_next_delimiter():
    reader = FrameReader(REQUEST_BYTES_MAX)
    for _piece in range(1000):
        assert reader.feed(b"\x55" * 500) == []
        assert len(reader._buffer) <= REQUEST_BYTES_MAX + 16
    assert reader.feed(b"\x00" + frame(b"good")) == [b"good"]
    assert reader.damaged == 1


def test_the_longest_body_passes_and_a_longer_one_does_not():
    for filler in (b"\x00", b"\x01"):
        reader = FrameReader(REQUEST_BYTES_MAX)
        assert reader.feed(frame(filler * REQUEST_BYTES_MAX)) == [filler * REQUEST_BYTES_MAX]
        assert reader.feed(frame(filler * (REQUEST_BYTES_MAX + 8))) == []
        assert reader.damaged == 1


def test_every_verb_is_answered():
    line = Line()
    identity = line.ask(id=1, verb=IDENTIFY, nonce=NONCE)
    assert (identity.code, identity.device_id, identity.voices) == (OK, line.player.device_id, 8)
    assert identity.signature.startswith(IDENTIFY_CONTEXT + NONCE)
    status = decode_status(line.ask(id=2, verb=STATUS).data)
    # A courier of 0.1.0 knows no further fields, and refuses a status that has any.
    assert (status.next_sequence, status.output_kind, status.pace) == (2, None, None)
    status = decode_status(line.ask(id=2, verb=FULL_STATUS).data)
    assert (status.next_sequence, status.output_kind, status.pace) == (2, 1, 1)
    told = line.ask(id=8, verb=KEY_HISTORY)
    assert (told.code, told.data) == (OK, None)  # it has its first key
    line.player.key_history = bytes(1000)
    assert line.ask(id=9, verb=KEY_HISTORY).data == bytes(1000)
    entries = line.ask(id=3, verb=LIST, sequence=0).entries
    assert [(entry.sequence, entry.size) for entry in entries] == [(3, 2560), (4, 4)]
    assert line.ask(id=4, verb=LIST, sequence=5).entries == []
    assert line.ask(id=5, verb=SET_TIER, value=2).code == OK
    assert line.ask(id=6, verb=INPUT, nonce=NONCE, kind=16, value=-5).code == OK
    assert line.player.taken == [2, (NONCE, 16, -5)]
    refused = line.ask(id=7, verb=SET_TIER, value=-1)
    assert (refused.code, refused.text) == (NOT_NOW, "tier: expected 1 or 2")


def test_a_segment_is_read_in_pieces():
    line = Line()
    whole = line.player.segments[3]
    read = b""
    while len(read) < len(whole):
        piece = line.ask(id=1, verb=READ, sequence=3, offset=len(read), length=READ_CHUNK_BYTES_MAX)
        assert (piece.code, piece.size, piece.offset) == (OK, len(whole), len(read))
        read += piece.data
    assert read == whole
    for offset, length in ((2560, 1), (0xFFFFFFFF, 1024), (0, 0)):
        nothing = line.ask(id=2, verb=READ, sequence=3, offset=offset, length=length)
        assert (nothing.code, nothing.size, nothing.data) == (OK, 2560, None)
    assert line.ask(id=3, verb=READ, sequence=9, offset=0, length=1).code == UNKNOWN_SEQUENCE


def test_a_segment_that_is_not_what_was_listed_is_forgotten():
    line = Line()
    link, held = CourierLink(1), bytearray()
    entry = Entry(sequence=3, size=2560, sha256=bytes(32))
    talk = Conversation(read_segment(link, entry, held))
    try:
        for _turn in range(20):
            talk.advance(0)
            link.feed(fed(line.link, link.outgoing(0)), 0)
    except TransferError as error:
        assert "expected SHA-256" in str(error)
        assert talk.done and held == b""
        return
    raise AssertionError("expected a TransferError")


def offer(line, receipt: bytes, offset: int, length: int = OFFER_CHUNK_BYTES_MAX, sequence: int = 3):
    piece = receipt[offset : offset + length]
    return line.ask(
        id=1, verb=OFFER, kind=OFFER_RECEIPT, sequence=sequence, size=len(receipt), offset=offset, data=piece
    )


def test_a_receipt_is_offered_in_pieces():
    line = Line()
    receipt = b"good" + bytes(500)
    assert [offer(line, receipt, at).offset for at in (0, 192, 384)] == [192, 384, 504]
    assert line.player.taken == [(3, receipt)]


def test_an_offer_resumes_where_the_player_stands():
    line = Line()
    receipt = b"good" + bytes(500)
    offer(line, receipt, 0)
    for at in (0, 192):
        again = offer(line, receipt, at)  # the answer was lost
        assert again.code == OK
    repeated = offer(line, receipt, 192)
    assert (repeated.code, repeated.offset) == (OUT_OF_ORDER, 384)
    other = offer(line, receipt, 192, sequence=4)
    assert (other.code, other.offset) == (OUT_OF_ORDER, 0)
    assert [offer(line, receipt, at, 180).code for at in (0, 180, 360)] == [OK, OK, OK]
    assert line.player.taken == [(3, receipt)]


def test_lists_and_anchors_are_offered_as_receipts_are():
    line = Line()
    for kind, name in ((OFFER_OPT_OUTS, "opt-outs"), (OFFER_ANCHOR, "anchor")):
        whole = b"good" + bytes(400)
        for at in (0, 192, 384):
            piece = whole[at : at + 192]
            answer = line.ask(id=1, verb=OFFER, kind=kind, sequence=0, size=len(whole), offset=at, data=piece)
            assert answer.code == OK
        assert line.player.taken.pop() == (name, whole)
    assert line.ask(id=1, verb=CHALLENGE).data == bytes(range(16))


def test_what_a_board_has_no_memory_for_is_refused_and_the_link_goes_on():
    line = Line()

    def no_room(*_arguments):
        raise MemoryError

    line.player.take_opt_outs = line.player.set_tier = no_room
    refused = line.ask(id=1, verb=OFFER, kind=OFFER_OPT_OUTS, sequence=0, size=4, offset=0, data=b"good")
    assert (refused.code, refused.text) == (BAD_OFFER, "expected room in memory, found none")
    assert line.ask(id=2, verb=SET_TIER, value=1).code == NOT_NOW
    assert offer(line, b"good", 0).code == OK


def test_an_answer_that_a_board_has_no_memory_for_is_refused_and_the_link_goes_on():
    line = Line()
    write, tried = line.link._writer.write, []

    def no_room_once(parts):
        tried.append(parts)
        if len(tried) == 1:
            raise MemoryError
        return write(parts)

    line.link._writer.write = no_room_once
    refused = line.ask(id=3, verb=SET_TIER, value=1)
    assert (refused.id, refused.code, refused.text) == (3, NOT_NOW, "expected room in memory, found none")
    assert line.ask(id=4, verb=SET_TIER, value=1).code == OK


def test_a_bad_offer_is_refused_in_printable_letters():
    line = Line()
    refused = offer(line, b"evil", 0)
    assert (refused.code, refused.text) == (BAD_OFFER, "receipt: expected good, found ?vil?")
    assert line.ask(id=1, verb=OFFER, kind=9, sequence=1, size=1, offset=0, data=b"x").code == BAD_OFFER
    for kind in OFFERS:
        name, bytes_max = OFFERS[kind]
        refused = line.ask(id=1, verb=OFFER, kind=kind, sequence=1, size=bytes_max + 1, offset=0, data=b"x")
        assert (refused.code, refused.text) == (BAD_OFFER, "expected a %s of at most %d bytes" % (name, bytes_max))
        assert line.ask(id=1, verb=OFFER, kind=kind, sequence=1, size=1, offset=0, data=b"x").code == BAD_OFFER
    too_long = line.ask(id=1, verb=OFFER, kind=1, sequence=1, size=1, offset=0, data=b"xy")
    assert too_long.code == OUT_OF_ORDER
    assert line.player.taken == []


def test_damage_and_nonsense_are_answered_by_name():
    line = Line()
    (answer,) = line.responses(b"\x05garbage\x00")
    assert (answer.id, CODES[answer.code]) == (0, CODES[BAD_FRAME])
    for body in (b"\xff", b"\x80", b"\xa0", Request(id=1, verb=STATUS).encode() + b"\x00"):
        (answer,) = line.responses(frame(body))
        assert (answer.id, answer.code) == (0, BAD_REQUEST)
    assert line.ask(id=9, verb=200).code == UNKNOWN_VERB
    first, second = line.responses(b"\x07oops\x00" + frame(Request(id=5, verb=STATUS).encode()))
    assert (first.code, second.id, second.code) == (BAD_FRAME, 5, OK), "in their order"


def test_one_request_is_served_at_a_time_however_many_came():
    line, written, at = Line(), [], 0
    wire = frame(Request(id=1, verb=SET_TIER, value=1).encode())
    data = b"\x00\x00" + wire + b"\x07oops\x00" + wire + wire[:3]
    ends = (2 + len(wire), 8 + len(wire), 8 + 2 * len(wire), len(data))
    for number, end in enumerate(ends):
        at = line.link.serve(data, at, lambda answer: written.append(bytes(answer)))
        assert (at, len(written)) == (end, min(number + 1, 3))
        assert line.link.within == (end == len(data))
    assert line.player.taken == [1, 1] and line.link.damaged == 1
    assert line.link.serve(wire, 3, lambda answer: written.append(bytes(answer))) == len(wire)
    assert line.player.taken == [1, 1, 1] and not line.link.within
    for answer in written:
        assert answer.find(b"\x00") == len(answer) - 1  # one frame, and whole


def test_an_answer_leaves_little_garbage_whatever_is_in_it():
    if not hasattr(gc, "mem_alloc"):
        return  # CPython frees at once
    line, left = Line(), []
    asked = frame(Request(id=1, verb=READ, sequence=3, offset=0, length=READ_CHUNK_BYTES_MAX).encode())
    for filler in (b"\x00", b"\x01", b"\x00\x07"):
        line.player.segments[3] = filler * READ_CHUNK_BYTES_MAX
        line.link.serve(asked, 0, len)
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        line.link.serve(asked, 0, len)
        left.append(gc.mem_alloc() - before - READ_CHUNK_BYTES_MAX)  # the player's own copy of a piece
        gc.enable()
    assert max(left) - min(left) < 1000, left
    words = 2 if sys.maxsize > 1 << 32 else 1
    assert max(left) < words * 5 * READ_CHUNK_BYTES_MAX, left


def test_a_request_carries_what_its_verb_needs_and_no_more():
    for fields in (
        {"verb": IDENTIFY},
        {"verb": IDENTIFY, "nonce": bytes(15)},
        {"verb": STATUS, "sequence": 1},
        {"verb": LIST},
        {"verb": READ, "sequence": 1, "offset": 0},
        {"verb": READ, "sequence": 1, "offset": 0, "length": READ_CHUNK_BYTES_MAX + 1},
        {"verb": INPUT, "kind": 1, "value": 1},
        {"verb": INPUT, "nonce": NONCE, "kind": 1, "value": 1 << 31},
    ):
        keys = {name: key for key, name, _kind, _bound in Request.FIELDS}
        body = {keys[name]: fields[name] for name in fields}
        body[1] = 1
        try:
            decode_request(dumps(body))
        except ProtocolError:
            continue
        raise AssertionError(fields)
    longest = Request(
        id=65535,
        verb=OFFER,
        kind=255,
        sequence=(1 << 63) - 1,
        size=0xFFFFFFFF,
        offset=0xFFFFFFFF,
        data=bytes(OFFER_CHUNK_BYTES_MAX),
    )
    assert len(longest.encode()) <= REQUEST_BYTES_MAX


def test_logs_are_read_by_offset():
    line = Line()
    line.player.said = b"one\ntwo\n"
    answer = line.ask(id=9, verb=LOGS, offset=4, length=1024)
    assert (answer.code, answer.offset, answer.size, answer.data) == (OK, 4, 8, b"two\n")
    answer = line.ask(id=9, verb=LOGS, offset=8, length=1024)
    assert (answer.code, answer.offset, answer.size, answer.data) == (OK, 8, 8, None)


def test_what_sounds_is_told_while_a_session_plays():
    line = Line()
    answer = line.ask(id=9, verb=SOUNDING)
    assert (answer.code, answer.data) == (NOT_NOW, None) and "while a session plays" in answer.text
    line.player.sounds = True
    told = Sounding.decode(line.ask(id=9, verb=SOUNDING).data)
    assert (told.section, list(told.stems), told.volume_q15) == ("bloom", list(range(32)), 16423)
    assert (list(told.sliders), told.acts, told.volume_min, told.volume_max) == ([-32768], None, None, None)


def test_names_are_told_in_answers_that_fit_and_only_of_kinds_that_are_known():
    line = Line()
    # As many as a score has, as long and with bounds as wide as they come: no byte of a letter is ASCII.
    longest = [
        Name(name=chr(0x3B1 + number) * 32, lo_q15=-(1 << 31), hi_q15=(1 << 31) - 1) for number in range(2 * NAMES_MAX)
    ]
    line.player.named[SLIDERS] = longest
    assert len(Request(id=65535, verb=NAMES, kind=255, offset=0xFFFFFFFF).encode()) <= REQUEST_BYTES_MAX
    told = []
    while len(told) < len(longest):
        answer = line.ask(id=65535, verb=NAMES, kind=SLIDERS, offset=len(told))
        assert (answer.code, answer.offset, answer.size, answer.pack) == (OK, len(told), len(longest), bytes(32))
        assert len(answer.names) == NAMES_MAX and len(answer.encode()) <= RESPONSE_BYTES_MAX
        told += answer.names
    assert [(one.name, one.lo_q15, one.hi_q15) for one in told] == [
        (one.name, one.lo_q15, one.hi_q15) for one in longest
    ]
    for kind, offset, count in ((SLIDERS, 32, 32), (SLIDERS, 0xFFFFFFFF, 32), (ANNOUNCEMENTS, 0, 0)):
        answer = line.ask(id=1, verb=NAMES, kind=kind, offset=offset)
        assert (answer.code, answer.size, answer.names) == (OK, count, [])
    for kind in (0, 3, 255):
        answer = line.ask(id=1, verb=NAMES, kind=kind, offset=0)
        assert (answer.code, answer.names) == (NOT_NOW, None) and "kind 1 or 2" in answer.text
    for low, high in ((1, None), (None, 1), (1, 1), (2, 1)):
        body = {1: 1, 2: OK, 15: [{1: "x", 2: low, 3: high}]}
        body[15][0] = {key: value for key, value in body[15][0].items() if value is not None}
        try:
            decode_response(dumps(body))
        except ProtocolError:
            continue
        raise AssertionError((low, high))


def names_of(tell):
    """What a courier makes of the names that `tell(offset)` gives: (pack, count, names)."""
    line = Line()
    line.player.names = lambda _kind, offset: tell(offset)
    host = CourierLink(1)
    talk = Conversation(read_names(host, SLIDERS))
    for _turn in range(100):
        host.feed(fed(line.link, host.outgoing(0)), 0)
        talk.advance(0)
        if talk.done:
            return [one.name for one in talk.result]
    raise AssertionError("no end")


def test_a_courier_reads_names_whole_and_of_one_pack():
    names = [Name(name="name %d" % number) for number in range(20)]
    assert names_of(lambda offset: (bytes(32), 20, names[offset : offset + 9])) == [one.name for one in names]
    assert names_of(lambda _offset: (bytes(32), 0, [])) == []
    turns = []

    def changing(offset):
        turns.append(offset)
        pack = b"a" * 32 if len(turns) == 1 else b"b" * 32
        return pack, 4, [Name(name="%s%d" % (chr(pack[0]), offset + number)) for number in range(2)]

    assert names_of(changing) == ["b0", "b1", "b2", "b3"]
    for wrong in (
        lambda _offset: (bytes(32), 9, []),
        lambda _offset: (bytes(32), 1, names[:2]),
        lambda _offset: (bytes(32), 0xFFFFFFFF, names[:16]),
        lambda offset: (bytes([offset % 251]) * 32, 9, names[:1]),
    ):
        try:
            names_of(wrong)
        except TransferError as error:
            assert "names: expected" in str(error)
            continue
        raise AssertionError("taken")


def test_a_value_that_is_no_whole_number_is_no_request():
    line = Line()
    head = dumps({1: 7, 2: SET_TIER})[1:]
    # value, as a float of each size: 1.0, 0.5, infinity, not a number; and undefined, text, a number of nine bytes.
    for value in ("f93c00", "f93800", "f97c00", "f97e00", "fa7f800000", "fb7ff8000000000000", "f7", "6131"):
        body = b"\xa3" + head + b"\x0a" + binascii.unhexlify(value)
        answer = line.answer_to(body)
        assert (answer.id, answer.code) == (0, BAD_REQUEST), value
    answer = line.answer_to(b"\xa3" + head + b"\x0a" + binascii.unhexlify("1b0000000100000000"))
    assert answer.code == BAD_REQUEST and line.player.taken == []
    assert line.answer_to(b"\xa3" + head + b"\x0a\x02").code == OK


class Ticks:
    def __init__(self):
        self.ms = 0

    def now_ms(self):
        return self.ms


def test_what_a_player_said_is_kept_within_its_bound_and_read_whole_lines_first():
    clock = Ticks()
    said = LogRing(clock)
    assert said.read(0, 1024) == (0, b"")
    said.note("start")
    clock.ms = 61002
    said.note("two\nlines")
    assert said.read(0, 1024) == (0, b"      0.000  start\n     61.002  two lines\n")
    assert said.read(5, 9) == (5, b" 0.000  s") and said.read(said.end, 9) == (said.end, b"")
    assert said.read(said.end + 100, 9) == (said.end, b"")
    for number in range(500):
        said.note("line %d é %s" % (number, "x" * number))
    first, data = said.read(0, 1 << 20)
    assert first + len(data) == said.end and 3500 < len(data) <= LOG_BYTES_MAX
    lines = data.split(b"\n")
    assert lines.pop() == b"" and all(line[7:8] == b"." and len(line) < 240 for line in lines)
    pieces, offset = b"", 0
    while offset < said.end:
        offset, piece = said.read(offset, 100)
        assert 1 <= len(piece) <= 100
        pieces += piece
        offset += len(piece)
    assert pieces == data

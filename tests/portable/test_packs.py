"""Packs over the link into a player's store: taken, resumed, refused by name, never half, never backwards."""

from amos.edges.blob_memory import MemoryFolder
from amos.packs.kept_state import NONE, KeptState, load_kept_state
from amos.packs.partials import Partials
from amos.packs.store import TRIES_MAX
from amos.protocol.cbor import dumps
from amos.protocol.errors import ProtocolError
from amos.protocol.link import (
    ACTIVATE,
    BAD_FRAME,
    BAD_MANIFEST,
    BAD_OFFER,
    BAD_SCORE,
    BEGIN,
    BLOB_CONTENT,
    BLOB_MANIFEST,
    BUSY,
    FINISH,
    INCOMPLETE,
    NOT_BEGUN,
    NOT_LISTED,
    OK,
    OLD_SERIAL,
    OUT_OF_ORDER,
    PUT,
    STORAGE_FAILED,
    STORAGE_FULL,
    WRONG_BOARD,
    WRONG_HASH,
)
from pack_examples import Pack, Shelf, sha256

RESERVE_BYTES = 1 << 20

PARTIAL_BYTES_MAX = 64 << 20
PARTIALS_MAX = 4


def test_a_pack_comes_in_and_becomes_active():
    pack, shelf = Pack(), Shelf()
    assert shelf.send(pack) == OK
    assert shelf.store.pending == pack.id and shelf.is_whole(pack)
    assert shelf.ask(ACTIVATE, sha256=pack.id).code == OK  # again: its answer was lost
    assert shelf.play() == pack.id
    assert shelf.store.pending is None and shelf.store.serial == 1
    assert Shelf(shelf.folder).play() == pack.id
    assert shelf.ask(ACTIVATE, sha256=pack.id).code == OK


def test_pieces_are_idempotent_and_say_where_they_stand():
    pack, shelf = Pack(), Shelf()
    shelf.send_blob(BLOB_MANIFEST, pack.signed)
    name = sorted(pack.blobs)[0]
    blob = pack.blobs[name]
    assert shelf.ask(PUT, offset=0, data=b"x").code == NOT_BEGUN
    begun = shelf.ask(BEGIN, kind=BLOB_CONTENT, size=len(blob), sha256=name)
    assert (begun.code, begun.offset, begun.length) == (OK, 0, 192)
    for offset, length, code, held in ((0, 50, OK, 50), (0, 50, OK, 50), (20, 60, OK, 80), (81, 9, OUT_OF_ORDER, 80)):
        answer = shelf.ask(PUT, offset=offset, data=blob[offset : offset + length])
        assert (answer.code, answer.offset) == (code, held)
    assert shelf.ask(PUT, offset=len(blob) - 1, data=b"xy").code == BAD_OFFER
    assert shelf.ask(FINISH, sha256=name).code == INCOMPLETE
    assert shelf.ask(FINISH, sha256=bytes(32)).code == NOT_BEGUN
    assert shelf.send_blob(BLOB_CONTENT, blob) == OK
    assert shelf.ask(FINISH, sha256=name).code == OK
    assert shelf.ask(BEGIN, kind=BLOB_CONTENT, size=len(blob), sha256=name).offset == len(blob)


def test_a_blob_resumes_at_any_byte_after_a_reboot():
    pack = Pack(names="abcdefg", frames=80)
    name, blob = sorted(pack.blobs.items())[0]
    for until in range(0, len(blob), 23):
        shelf = Shelf()
        shelf.send_blob(BLOB_MANIFEST, pack.signed)
        shelf.send_blob(BLOB_CONTENT, blob, until=until)
        again = Shelf(shelf.folder)
        assert again.send_blob(BLOB_CONTENT, blob) == NOT_LISTED  # it knows no manifest yet
        assert again.send_blob(BLOB_MANIFEST, pack.signed) == OK
        assert again.ask(BEGIN, kind=BLOB_CONTENT, size=len(blob), sha256=name).offset == until
        assert again.send(pack) == OK and again.is_whole(pack)


def test_blobs_of_another_pack_need_not_come_again():
    first, second = Pack(1, "abcdefg"), Pack(2, "abcdefx")
    shelf = Shelf()
    assert shelf.send(first) == OK and shelf.play() == first.id
    shelf.send_blob(BLOB_MANIFEST, second.signed)
    begun = [shelf.ask(BEGIN, kind=BLOB_CONTENT, size=len(blob), sha256=name) for name, blob in second.blobs.items()]
    assert [answer.offset for answer in begun].count(0) == 1
    next_door = Shelf(MemoryFolder(next_door={"blobs/" + name.hex(): blob for name, blob in first.blobs.items()}))
    next_door.send_blob(BLOB_MANIFEST, first.signed)
    for name, blob in first.blobs.items():
        assert next_door.ask(BEGIN, kind=BLOB_CONTENT, size=len(blob), sha256=name).offset == len(blob)
        assert next_door.ask(FINISH, sha256=name).code == OK
    assert next_door.ask(ACTIVATE, sha256=first.id).code == OK


def test_what_no_pack_needs_is_removed_bit_by_bit():
    first, second, third = Pack(1, "abcdefg"), Pack(2, "xyzdefg"), Pack(3, "abcdefg", frames=200)
    shelf = Shelf()
    for pack in (first, second):
        assert shelf.send(pack) == OK and shelf.play() == pack.id
    shelf.send_blob(BLOB_MANIFEST, third.signed)
    shelf.send_blob(BLOB_CONTENT, sorted(third.blobs.items())[0][1], until=10)
    before = len(shelf.folder.files)
    shelf.packs.tidy()
    shelf.packs.tidy()
    assert len(shelf.folder.files) == before - 1
    for _turn in range(50):
        shelf.packs.tidy()
    assert shelf.is_whole(second) and not shelf.is_whole(first)
    kept = {"blobs/" + name.hex() for name in second.blobs} | {"blobs/" + second.id.hex(), "blobs/" + third.id.hex()}
    left = {name for name in shelf.folder.files if name.startswith("blobs/")}
    assert left == kept
    assert shelf.send(third) == OK and shelf.play() == third.id


def test_every_refusal_has_its_name():
    def first_answer(pack, shelf=None):
        shelf = shelf or Shelf()
        code = shelf.send(pack)
        assert shelf.store.pending is None
        return code

    good = Pack()
    assert first_answer(Pack(seed=b"s" * 32)) == BAD_MANIFEST
    assert first_answer(Pack(voices=9)) == WRONG_BOARD
    assert first_answer(Pack(score=b"\xa0")) == BAD_SCORE
    assert first_answer(Pack(voices=7)) == BAD_SCORE
    assert first_answer(Pack(rate_hz=44100)) == BAD_SCORE
    assert first_answer(Pack(names="abcdef")) == BAD_SCORE  # a stem less than the score counts
    shelf = Shelf()
    assert shelf.ask(BEGIN, kind=BLOB_MANIFEST, size=1 << 20, sha256=bytes(32)).code == BAD_MANIFEST
    assert shelf.ask(BEGIN, kind=BLOB_MANIFEST, size=0, sha256=bytes(32)).code == BAD_MANIFEST
    assert shelf.ask(BEGIN, kind=7, size=1, sha256=bytes(32)).code == BAD_OFFER
    assert shelf.ask(ACTIVATE, sha256=good.id).code == NOT_BEGUN
    assert shelf.send_blob(BLOB_MANIFEST, b"x" * 100) == BAD_MANIFEST
    assert shelf.send_blob(BLOB_MANIFEST, good.signed, name=bytes(32)) == WRONG_HASH
    assert shelf.send_blob(BLOB_MANIFEST, good.signed) == OK
    name, blob = sorted(good.blobs.items())[0]
    assert shelf.ask(BEGIN, kind=BLOB_CONTENT, size=len(blob) + 1, sha256=name).code == NOT_LISTED
    assert shelf.send_blob(BLOB_CONTENT, b"not listed") == NOT_LISTED
    assert shelf.send_blob(BLOB_CONTENT, bytes(len(blob)), name=name) == WRONG_HASH
    assert shelf.ask(ACTIVATE, sha256=good.id).code == INCOMPLETE
    assert shelf.send(good) == OK


def test_there_is_no_way_back_to_an_older_serial():
    shelf = Shelf()
    fifth = Pack(5)
    assert shelf.send(fifth) == OK and shelf.play() == fifth.id
    for _life in range(2):
        assert shelf.send(Pack(4)) == OLD_SERIAL
        assert shelf.send(Pack(5, name="another of the same number")) == OLD_SERIAL
        assert shelf.send(fifth) == OK and shelf.store.pending is None
        shelf = Shelf(shelf.folder)
        assert shelf.play() == fifth.id
    # Neither by having been there before, as the manifest of a pack that is kept.
    sixth = Pack(6)
    assert shelf.send(sixth) == OK and shelf.play() == sixth.id
    assert shelf.send(fifth) == OLD_SERIAL


def test_a_newer_pack_takes_the_place_of_one_that_waits():
    shelf = Shelf()
    assert shelf.send(Pack(1)) == OK and shelf.play()
    second, third = Pack(2, "abcdexy"), Pack(3, "abcdexz")
    assert shelf.send(second) == OK and shelf.send(third) == OK
    assert shelf.send(Pack(1)) == OLD_SERIAL  # what plays meanwhile is old already
    assert shelf.play() == third.id and shelf.send(second) == OLD_SERIAL


def test_a_pack_that_cannot_be_played_is_given_up():
    shelf = Shelf()
    first, second = Pack(1), Pack(2, "abcdefx")
    assert shelf.send(first) == OK and shelf.play() == first.id
    assert shelf.send(second) == OK
    shelf.store.refuse(second.id, BAD_SCORE, "score: expected better")
    assert shelf.play() == first.id
    answer = shelf.ask(ACTIVATE, sha256=second.id)
    assert (answer.code, answer.text) == (BAD_SCORE, "score: expected better")
    # One that brings the player down is tried a few times, not for ever.
    shelf = Shelf(shelf.folder)
    assert shelf.play() == first.id and shelf.send(second) == OK
    for _start in range(TRIES_MAX):
        shelf = Shelf(shelf.folder)
        shelf.store.begin_life()
        assert shelf.store.choices() == [second.id, first.id]
    shelf = Shelf(shelf.folder)
    shelf.store.begin_life()
    assert shelf.store.choices() == [first.id] and shelf.store.pending is None


def test_a_full_or_failing_storage_is_named_and_loses_nothing():
    pack = Pack(frames=2000)
    shelf = Shelf()
    shelf.folder.room = RESERVE_BYTES + pack.size_bytes() // 2
    assert shelf.send(pack) == STORAGE_FULL
    shelf.folder.room = RESERVE_BYTES * 2
    assert shelf.send(pack) == OK
    pack = Pack(names="abcdefg", frames=50)
    for after in range(40):
        shelf = Shelf()
        shelf.folder.fail_at = after
        code = shelf.send(pack)
        if shelf.folder.operations <= after:
            break
        assert code in (STORAGE_FAILED, OK), code
        assert code == OK or shelf.send(pack) == OK
        assert shelf.play() == pack.id and shelf.is_whole(pack)
    # Without room while it writes, whatever the medium had said.
    pack = Pack(frames=2000)
    shelf = Shelf()
    shelf.folder.free_bytes = lambda: 1 << 40
    shelf.folder.room = 3000
    assert shelf.send(pack) == STORAGE_FULL
    shelf.folder.room = None
    assert shelf.send(pack) == OK


def half_sent(shelf, count, size=2000):
    """Announce manifests that nobody signed, and send half of each."""
    for number in range(count):
        data = number.to_bytes(4, "big") * (size // 4)
        assert shelf.send_blob(BLOB_MANIFEST, data, until=size // 2) == OK


def test_half_sent_blobs_fill_no_medium_whoever_restarts():
    shelf = Shelf()
    for _life in range(3):
        half_sent(shelf, 40)
        assert len(shelf.folder.names("incoming")) <= PARTIALS_MAX
        shelf = Shelf(shelf.folder.after_cut(lambda _name: True))
    crowded = Shelf(MemoryFolder({"incoming/" + sha256(bytes((n,))).hex(): bytes(9) for n in range(100)}))
    half_sent(crowded, 1)
    assert len(crowded.folder.names("incoming")) <= PARTIALS_MAX, "what an earlier life let in goes too"


class WideFolder:
    """Two parts of half of what may lie there and a byte, without their bytes."""

    def __init__(self):
        self.parts = [("a", PARTIAL_BYTES_MAX // 2 + 1), ("b", PARTIAL_BYTES_MAX // 2 + 1)]

    def incoming(self):
        return self.parts

    def free_bytes(self):
        return 1 << 40

    def remove(self, name):
        self.parts = [part for part in self.parts if "incoming/" + part[0] != name]


def test_parts_of_many_bytes_go_the_oldest_first_and_unlisted_before_listed():
    for listed, left in (("", "b"), ("a", "a"), ("ab", "b")):
        folder = WideFolder()
        assert Partials(folder).make_room("c", lambda name, listed=listed: name in listed, 0)
        assert [name for name, _size in folder.parts] == [left]


def test_what_an_accepted_manifest_lists_outlives_what_nobody_signed():
    pack, shelf = Pack(1), Shelf()
    assert shelf.send_blob(BLOB_MANIFEST, pack.signed) == OK
    blob = pack.blobs[max(pack.blobs, key=lambda name: len(pack.blobs[name]))]
    assert shelf.send_blob(BLOB_CONTENT, blob, until=len(blob) // 2) == OK
    half_sent(shelf, 10)
    assert shelf.ask(BEGIN, kind=BLOB_CONTENT, size=len(blob), sha256=sha256(blob)).offset == len(blob) // 2
    assert shelf.send(pack) == OK and shelf.is_whole(pack)


def test_old_parts_make_room_before_a_blob_is_refused_and_a_full_medium_keeps_none():
    pack, shelf = Pack(1), Shelf()
    half_sent(shelf, 3, 8000)
    shelf.folder.room = RESERVE_BYTES + pack.size_bytes() + len(pack.signed) + 1000
    assert shelf.send(pack) == OK and shelf.is_whole(pack)
    shelf = Shelf()
    shelf.folder.free_bytes = lambda: 1 << 40  # whatever it says, it is full before the blob is whole
    shelf.folder.room = 3000
    assert shelf.send_blob(BLOB_MANIFEST, bytes(8000)) == STORAGE_FULL
    assert not shelf.folder.names("incoming"), "the little room that there is belongs to play"


def test_a_slow_medium_makes_it_busy_not_wrong():
    pack, shelf = Pack(names="abcdefg", frames=20), Shelf()
    shelf.folder.busy = 3
    assert shelf.ask(BEGIN, kind=BLOB_MANIFEST, size=len(pack.signed), sha256=pack.id).offset == 0
    at = 0
    while at < len(pack.signed):
        at = shelf.ask(PUT, offset=at, data=pack.signed[at : at + 192]).offset
    assert [shelf.ask(FINISH, sha256=pack.id).code for _try in range(4)] == [BUSY, BUSY, BUSY, OK]
    assert shelf.send(pack) == OK
    # Another blob that begins meanwhile waits, too.
    other = Shelf()
    other.folder.busy = 2
    name = sha256(b"x")
    other.ask(BEGIN, kind=BLOB_MANIFEST, size=len(pack.signed), sha256=pack.id)
    for at in range(0, len(pack.signed), 192):
        other.ask(PUT, offset=at, data=pack.signed[at : at + 192])
    assert other.ask(FINISH, sha256=pack.id).code == BUSY
    assert other.ask(BEGIN, kind=BLOB_MANIFEST, size=1, sha256=name).code == BUSY
    assert other.ask(BEGIN, kind=BLOB_MANIFEST, size=1, sha256=name).offset == 0


def test_a_spoilt_manifest_in_the_store_comes_anew():
    pack, shelf = Pack(), Shelf()
    shelf.send_blob(BLOB_MANIFEST, pack.signed)
    again = Shelf(shelf.folder)
    again.folder.files["blobs/" + pack.id.hex()][50] ^= 1
    assert again.send(pack) == OK and again.play() == pack.id


def test_a_spoilt_blob_comes_again_and_the_pack_begins_anew():
    shelf, pack = Shelf(), Pack(1)
    assert shelf.send(pack) == OK and shelf.play() == pack.id
    (spoilt, *_others) = [name for name in sorted(pack.blobs) if len(pack.blobs[name]) == 600]
    shelf.folder.files["blobs/" + spoilt.hex()][:] = bytes(600)
    shelf.store.spoilt = [spoilt]
    assert not shelf.is_whole(pack) and shelf.store.pending is None
    for _again in range(2):
        assert shelf.send(pack) == OK
        assert shelf.is_whole(pack) and shelf.store.pending == pack.id
    assert shelf.play() == pack.id and shelf.store.serial == 1
    shelf.store.spoilt = []  # its opener's list, anew
    assert shelf.send(pack) == OK and shelf.store.pending is None


def test_a_wide_line_takes_larger_pieces_and_a_narrow_one_refuses_them():
    wide = Shelf(request_bytes_max=8240)
    pack = Pack(frames=5000)
    wide.send_blob(BLOB_MANIFEST, pack.signed)
    name = max(pack.blobs, key=lambda name: len(pack.blobs[name]))
    assert wide.ask(BEGIN, kind=BLOB_CONTENT, size=10000, sha256=name).length == 8192
    assert wide.ask(PUT, offset=0, data=pack.blobs[name][:8192]).offset == 8192
    assert wide.send(pack) == OK
    assert Shelf().ask(PUT, offset=0, data=bytes(240)).code == BAD_FRAME


def test_the_whole_record_of_two_holds():
    folder = MemoryFolder()
    assert load_kept_state(folder).generation == 0
    one, two = KeptState(7, 3, b"a" * 32, b"b" * 32, 2), KeptState(8, 4, b"c" * 32)
    one.store(folder)
    two.store(folder)
    assert load_kept_state(folder).active == b"c" * 32
    newer = bytes(folder.files["record.0"])
    for at in range(len(newer)):
        folder.files["record.0"] = bytearray(newer)
        folder.files["record.0"][at] ^= 4
        found = load_kept_state(folder)
        assert (found.generation, found.serial, found.active, found.pending, found.tries) == (
            7,
            3,
            b"a" * 32,
            b"b" * 32,
            2,
        )
    assert KeptState().pending == NONE


def test_a_manifest_of_another_kind_is_no_error_of_ours():
    shelf = Shelf()
    for junk in (dumps({1: 2}), b"\xd2", bytes(2000)):
        assert shelf.send_blob(BLOB_MANIFEST, junk) == BAD_MANIFEST
    try:
        shelf.store.open(bytes(32))
    except ProtocolError:
        return
    raise AssertionError("opened nothing")

"""Power cuts and failures at every operation of a pack's way in, with every outcome: the old pack or the new one.

A life: a pack plays; another is sent, activated, taken at its section, and what it does not need is removed.
"""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.edges.blob_memory import MemoryFolder, PowerCut
from amos.protocol.link import BLOB_CONTENT, BLOB_MANIFEST, OK, WRONG_HASH
from pack_examples import Pack, Shelf

OLD, NEW, NEWER = Pack(1, "abcdefg", 40), Pack(2, "abcdxyz", 40), Pack(3, "abcdefz", 40)
OUTCOMES = {"kept": True, "lost": False, "garbage": b"\x55" * 50, "empty": b""}


def a_playing_shelf() -> Shelf:
    shelf = Shelf()
    assert shelf.send(OLD) == OK and shelf.play() == OLD.id
    return Shelf(MemoryFolder({name: bytes(data) for name, data in shelf.folder.files.items()}))


def change_packs(shelf: Shelf) -> None:
    """What happens in the life that is cut."""
    shelf.store.begin_life()
    assert shelf.play() == OLD.id
    assert shelf.send(NEW) == OK
    assert shelf.play() == NEW.id
    for _turn in range(10):
        shelf.packs.tidy()


def operations() -> int:
    shelf = a_playing_shelf()
    change_packs(shelf)
    return shelf.folder.operations


OPERATIONS = operations()


def check_next_life(folder: MemoryFolder) -> None:
    """The next start plays the old pack or the new one, whole; and the transfer goes on to its end."""
    shelf = Shelf(folder)
    shelf.store.begin_life()
    plays = shelf.play()
    assert plays in (OLD.id, NEW.id)
    assert shelf.is_whole(OLD if plays == OLD.id else NEW)
    sent = shelf.send(NEW)
    if sent == WRONG_HASH:  # what the cut spoilt comes anew
        sent = shelf.send(NEW)
    assert sent == OK and shelf.play() == NEW.id and shelf.is_whole(NEW)
    assert shelf.store.serial == 2
    assert shelf.send(NEWER) == OK and shelf.play() == NEWER.id
    for _turn in range(60):
        shelf.packs.tidy()
    assert shelf.is_whole(NEWER) and len(shelf.folder.files) == len(NEWER.blobs) + 3


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_cut_at_any_operation_leaves_a_pack_to_play(outcome: str) -> None:
    for cut_at, share in product(range(OPERATIONS), (0, 1, 2)):
        shelf = a_playing_shelf()
        shelf.folder.cut_at, shelf.folder.share = cut_at, share
        with pytest.raises(PowerCut):
            change_packs(shelf)
        check_next_life(shelf.folder.after_cut(lambda _name: OUTCOMES[outcome]))


def test_a_failure_at_any_operation_is_no_more_than_a_delay() -> None:
    for fail_at, share in product(range(OPERATIONS), (0, 1, 2)):
        shelf = a_playing_shelf()
        shelf.folder.fail_at, shelf.folder.share = fail_at, share
        shelf.store.begin_life()
        assert shelf.play() == OLD.id
        try:
            if shelf.send(NEW) != OK:
                assert shelf.send(NEW) == OK
            assert shelf.play() == NEW.id
        except OSError:
            assert shelf.store.playing[0] == NEW.id  # it plays; the next start will note it
        for _turn in range(10):
            shelf.packs.tidy()
        assert shelf.is_whole(NEW)
        check_next_life(shelf.folder)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from([OLD, NEW, NEWER])),
        st.tuples(st.just("part"), st.sampled_from([OLD, NEW, NEWER]), st.integers(0, 90), st.integers(0, 7)),
        st.tuples(st.just("wrong"), st.sampled_from([OLD, NEW, NEWER]), st.integers(0, 7)),
        st.just(("section",)),
        st.tuples(st.just("tidy"), st.integers(1, 9)),
        st.just(("reboot",)),
        st.tuples(st.just("cut"), st.integers(0, 6), st.integers(0, 2), st.sampled_from(sorted(OUTCOMES))),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(steps)
def test_whatever_happens_serials_only_rise_and_there_is_a_pack(script: list) -> None:
    shelf = a_playing_shelf()
    assert shelf.play() == OLD.id
    serials = {pack.id: pack.serial for pack in (OLD, NEW, NEWER)}
    by_id = {pack.id: pack for pack in (OLD, NEW, NEWER)}
    highest, outcome = 1, "kept"

    def section() -> None:
        nonlocal highest
        plays = shelf.play()
        assert plays is not None and shelf.is_whole(by_id[plays])
        assert serials[plays] >= highest
        highest = serials[plays]

    for name, *rest in script:
        try:
            if name == "send":
                shelf.send(rest[0])
            elif name == "part":
                pack, until, number = rest
                shelf.send_blob(BLOB_MANIFEST, pack.signed)
                shelf.send_blob(BLOB_CONTENT, sorted(pack.blobs.items())[number][1], until=until)
            elif name == "wrong":
                pack, number = rest
                shelf.send_blob(BLOB_MANIFEST, pack.signed)
                sha256, blob = sorted(pack.blobs.items())[number]
                assert shelf.send_blob(BLOB_CONTENT, bytes(len(blob)), name=sha256) != OK or sha256 in holds(shelf)
            elif name == "section":
                section()
            elif name == "tidy":
                for _turn in range(rest[0]):
                    shelf.packs.tidy()
            elif name == "reboot":
                shelf = Shelf(shelf.folder)
                section()
            else:
                shelf.folder.cut_at = shelf.folder.operations + rest[0]
                shelf.folder.share, outcome = rest[1], rest[2]
        except PowerCut:
            found = OUTCOMES[outcome]
            shelf = Shelf(shelf.folder.after_cut(lambda _name, found=found: found))
            section()
    shelf.folder.cut_at = None
    section()


def holds(shelf: Shelf) -> set[bytes]:
    return {bytes.fromhex(name) for name in shelf.folder.names("blobs")}

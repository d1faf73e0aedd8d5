"""A pack over a socket: as it is, or from a file that the player reads itself; and with peers that know neither."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from test_pack_link import Line

from amos.edges.local_files_host import LocalFiles
from amos.protocol.frames import FrameReader, frame
from amos.protocol.limits import FETCH_BYTES, REQUEST_WIDE_BYTES_MAX, RESPONSE_BYTES_MAX, STREAM_BYTES_MAX
from amos.protocol.link import (
    BAD_OFFER,
    BEGIN_STREAM,
    BLOB_CONTENT,
    BLOB_MANIFEST,
    BUSY,
    FETCH,
    NOT_BEGUN,
    OK,
    OUT_OF_ORDER,
    STREAM,
    UNKNOWN_VERB,
    Request,
    Response,
    decode_response,
)
from amos.protocol.link_courier_pack import PackToSend, SendPack
from amos.protocol.link_stream_host import StreamLink
from pack_examples import Pack, Shelf, sha256
from protocol_player import fed

PACK = Pack(1, "abcdefg", 200_000)
"""Stems of 400 KB: several streams each, and more than one file's piece."""


class SocketShelf(Shelf):
    """A player's store behind a socket's link."""

    def __init__(self, files: LocalFiles | None = None) -> None:
        super().__init__(request_bytes_max=REQUEST_WIDE_BYTES_MAX)
        self.link = StreamLink(self, REQUEST_WIDE_BYTES_MAX, files or LocalFiles())

    def stream(self, offset: int, size: int, raw: bytes) -> list[Response]:
        request = frame(Request(id=9, verb=STREAM, offset=offset, size=size).encode())
        answers = FrameReader(RESPONSE_BYTES_MAX).feed(fed(self.link, request + raw))
        return [decode_response(body) for body in answers]

    def begin(self, pack: Pack, blob: bytes) -> Response:
        assert self.send_blob(BLOB_MANIFEST, pack.signed) == OK
        return self.ask(BEGIN_STREAM, kind=BLOB_CONTENT, size=len(blob), sha256=sha256(blob))


def shelved(folder: Path, pack: Pack) -> Callable[[bytes], bytes]:
    """Where each blob of it lies."""
    for name, blob in pack.blobs.items():
        (folder / name.hex()).write_bytes(blob)
    return lambda name: bytes(folder / name.hex())


def sent(line: Line, pack: Pack, path: Callable[[bytes], bytes | None], step: int = 1 << 20) -> SendPack:
    blobs = pack.blobs
    sending = SendPack(line.host, PackToSend(pack.signed), lambda name, at, size: blobs[name][at : at + size], path)

    def steps():  # type: ignore[no-untyped-def]
        while not (yield from sending.more(step)):
            pass

    line.run(steps())
    assert sending.sent_bytes == pack.size_bytes() and line.shelf.store.pending == pack.id
    return sending


def largest(pack: Pack) -> bytes:
    return max(pack.blobs.values(), key=len)


@pytest.mark.parametrize("step", [1, 100_000, 1 << 20])
def test_a_pack_is_streamed_as_it_is(step: int) -> None:
    line = Line(SocketShelf())
    sent(line, PACK, lambda _name: None, step)
    assert line.longest <= 3 * (STREAM_BYTES_MAX + 200)
    assert line.shelf.folder.used() >= PACK.size_bytes()


def test_a_pack_is_fetched_from_where_it_lies(tmp_path: Path) -> None:
    line = Line(SocketShelf())
    sent(line, PACK, shelved(tmp_path, PACK))
    assert line.longest < 2000, "nothing of a stem went over the line"


@pytest.mark.parametrize("kind", ["absent", "fifo", "folder", "short", "relative", "device", "unreadable"])
def test_what_cannot_be_fetched_is_sent(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "blob"
    if kind == "fifo":
        os.mkfifo(there)
    elif kind == "folder":
        there.mkdir()
    elif kind == "short":
        there.write_bytes(largest(PACK)[:-1])
    elif kind == "unreadable":  # which root's own eyes would not notice
        there.write_bytes(largest(PACK))
        monkeypatch.setattr(os, "pread", lambda *_: (_ for _ in ()).throw(PermissionError(13, "denied")))
    path = {"relative": b"blob", "device": b"/dev/zero"}.get(kind, bytes(there))
    line = Line(SocketShelf())
    sent(line, PACK, lambda _name: path)


def test_a_file_of_other_bytes_is_found_out_and_the_right_ones_are_sent(tmp_path: Path) -> None:
    path = shelved(tmp_path, PACK)
    victim = Path(os.fsdecode(path(sha256(largest(PACK)))))
    victim.write_bytes(bytes(victim.stat().st_size))
    line = Line(SocketShelf())
    blobs = PACK.blobs
    sending = SendPack(line.host, PackToSend(PACK.signed), lambda name, at, size: blobs[name][at : at + size], path)
    line.run(sending.some(1 << 30))
    assert line.shelf.store.pending == PACK.id and sending.sent_bytes == PACK.size_bytes() + len(largest(PACK))


def test_a_file_that_hangs_holds_up_nobody_else() -> None:
    class Hanging(LocalFiles):
        def read(self, path: bytes, size: int, offset: int, length: int) -> bytes | None:
            return None

    shelf = SocketShelf(Hanging())
    blob = largest(PACK)
    assert shelf.begin(PACK, blob).offset == 0
    for _ask in range(3):
        assert shelf.ask(FETCH, data=b"/somewhere").code == BUSY
    (answer,) = shelf.stream(0, 1000, blob[:1000])
    assert (answer.code, answer.offset) == (OK, 1000)


def test_one_piece_of_a_file_is_under_way_at_a_time(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(bytes(FETCH_BYTES))
    files = LocalFiles()
    with pytest.raises(OSError, match="expected one of 5 bytes"):
        while files.read(bytes(tmp_path / "fifo"), 5, 0, 5) is None:
            pass
    path = bytes(tmp_path / "file")
    while (piece := files.read(path, FETCH_BYTES, 10, 100)) is None:
        pass
    assert piece == bytes(100)


def test_a_stream_that_cannot_be_taken_is_passed_over_and_named() -> None:
    shelf, blob = SocketShelf(), largest(PACK)
    (answer,) = shelf.stream(0, 50, bytes(50))
    assert answer.code == NOT_BEGUN
    assert shelf.ask(FETCH, data=b"/x").code == NOT_BEGUN
    assert shelf.begin(PACK, blob).size == STREAM_BYTES_MAX
    (answer,) = shelf.stream(10, 50, bytes(50))
    assert (answer.code, answer.offset) == (OUT_OF_ORDER, 0)
    size = STREAM_BYTES_MAX + 1
    (answer,) = shelf.stream(0, size, bytes(size))
    assert answer.code == BAD_OFFER
    (answer,) = shelf.stream(0, 0, b"")
    assert (answer.code, answer.offset) == (OK, 0)
    request = frame(Request(id=3, verb=99).encode())
    passed = fed(shelf.link, frame(Request(id=9, verb=STREAM, offset=0, size=20).encode()) + blob[:20] + request)
    answers = [decode_response(body) for body in FrameReader(RESPONSE_BYTES_MAX).feed(passed)]
    assert [(answer.id, answer.code) for answer in answers] == [(9, OK), (3, UNKNOWN_VERB)]


def test_a_stream_in_pieces_of_any_size_counts_as_within() -> None:
    shelf, blob = SocketShelf(), largest(PACK)
    shelf.begin(PACK, blob)
    data = frame(Request(id=9, verb=STREAM, offset=0, size=3000).encode()) + blob[:3000]
    said = b""
    for at in range(0, len(data), 7):
        assert not said
        said += fed(shelf.link, data[at : at + 7])
        assert shelf.link.within == (at + 7 < len(data))
    (body,) = FrameReader(RESPONSE_BYTES_MAX).feed(said)
    assert decode_response(body).offset == 3000


def test_peers_of_before_go_on_with_what_they_know(tmp_path: Path) -> None:
    old_player = Line(Shelf(request_bytes_max=REQUEST_WIDE_BYTES_MAX))
    sent(old_player, PACK, shelved(tmp_path, PACK))
    old_courier = SocketShelf()
    assert old_courier.send_blob(BLOB_MANIFEST, PACK.signed) == OK
    for blob in PACK.blobs.values():
        assert old_courier.send_blob(BLOB_CONTENT, blob) == OK

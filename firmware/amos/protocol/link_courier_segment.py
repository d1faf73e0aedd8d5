"""Sealed segments over the link: which there are, and their bytes, checked against the list (SPEC section 7)."""

import hashlib

from amos.protocol.limits import READ_CHUNK_BYTES_MAX, SEGMENT_BYTES_MAX
from amos.protocol.link import LIST, READ, Entry, Request, Response
from amos.protocol.link_courier import WINDOW_REQUESTS, CourierLink, Ticket
from amos.protocol.link_courier_talk import Pause, TransferError, checked, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator


def list_page(link: CourierLink, first: int) -> "Generator[Ticket | Pause, Response | None, list[Entry]]":
    """Up to `LIST_ENTRIES_MAX` sealed segments from sequence `first` on, ascending; empty when there is none."""
    response = checked(LIST, (yield link.submit(Request(id=0, verb=LIST, sequence=first))))
    need(LIST, response, ("entries",))
    entries = response.entries or []
    expected = first
    for entry in entries:
        if entry.sequence < expected or not 1 <= entry.size <= SEGMENT_BYTES_MAX:
            raise TransferError(
                "list: expected ascending sequences from %d and 1 to %d bytes, found %d of %d bytes"
                % (first, SEGMENT_BYTES_MAX, entry.sequence, entry.size)
            )
        expected = entry.sequence + 1
    return entries


def read_segment(
    link: CourierLink, entry: Entry, held: "bytearray | None" = None
) -> "Generator[Ticket | Pause, Response | None, bytes]":
    """The bytes of a listed segment, SHA-256 checked.

    `held` collects what came; pass the same one again after an interruption, and the reading resumes where it ended.
    Raises `TransferError` and empties `held` when the whole is not what the list announced.
    """
    held = bytearray() if held is None else held
    ahead: list[tuple[int, int, Ticket]] = []
    try:
        while len(held) < entry.size:
            _read_ahead(link, entry, len(held), ahead)
            offset, length, ticket = ahead.pop(0)
            response = checked(READ, (yield ticket))
            data = response.data or b""
            if response.size != entry.size or response.offset != offset or not 1 <= len(data) <= length:
                raise TransferError(
                    "segment %d: expected %d bytes at %d of %d, found %d at %s of %s"
                    % (entry.sequence, length, offset, entry.size, len(data), response.offset, response.size)
                )
            held.extend(data)
            if len(data) < length:  # a player may answer less; what was asked further on no longer fits
                link.cancel([later for _offset, _length, later in ahead])
                ahead.clear()
    except TransferError:
        held[:] = b""
        raise
    finally:
        link.cancel([later for _offset, _length, later in ahead])
    if hashlib.sha256(held).digest() != entry.sha256:
        held[:] = b""
        raise TransferError("segment %d: expected SHA-256 %s" % (entry.sequence, entry.sha256.hex()))
    return bytes(held)


def _read_ahead(link: CourierLink, entry: Entry, offset: int, ahead: "list[tuple[int, int, Ticket]]") -> None:
    if ahead:
        offset = ahead[-1][0] + ahead[-1][1]
    while offset < entry.size and len(ahead) < WINDOW_REQUESTS:
        length = min(READ_CHUNK_BYTES_MAX, entry.size - offset)
        request = Request(id=0, verb=READ, sequence=entry.sequence, offset=offset, length=length)
        ahead.append((offset, length, link.submit(request)))
        offset += length

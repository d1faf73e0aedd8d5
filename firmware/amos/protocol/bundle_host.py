"""A bundle: what a courier without a network gives another to carry, and what comes back, as a file (SPEC section 17).

Used on hosts only. `BundleWriter` gives bytes to write, `BundleReader` takes them as they were read, in pieces of any
size. A bundle is not signed, and who carries it is not trusted: what is in it is signed where that matters, and
who takes it treats each item as if a broker had brought it.
"""

import hashlib

from amos.protocol.cbor import dumps
from amos.protocol.errors import MessageError
from amos.protocol.ledger_limits import (
    BUNDLE_BYTES_MAX,
    BUNDLE_CONTENT_BYTES_MAX,
    BUNDLE_ITEM_BYTES_MAX,
    BUNDLE_ITEMS_MAX,
)
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U8, U32, U63, UNIX_S_MAX, Record

VERSION = 1
COURIER_BYTES = 8

END = 0
USAGE = 1
TIME = 2
TOOK = 3
ANSWER = 4
DOCUMENT = 5

KINDS = ("end", "usage", "time", "took", "answer", "document")

_NEEDED = {
    END: ("content", "count"),
    USAGE: ("device_id", "content"),
    TIME: ("device_id", "content"),
    TOOK: ("device_id", "count"),
    ANSWER: ("device_id", "content"),
    DOCUMENT: ("content", "name"),
}


class BundleHeader(Record):
    """The first item: who made the bundle, as it says. `courier` tells couriers of one site apart; `unix_s` is by a
    clock that nobody vouches for."""

    NAME = "bundle"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "site", "slug", SMALL_TEXT_BYTES_MAX),
        (3, "courier", "bytes", COURIER_BYTES),
        (4, "unix_s", "uint", UNIX_S_MAX),
        (5, "part", "uint", U32),
    )

    version: int
    site: str
    courier: bytes
    unix_s: int
    part: int

    def fault(self) -> "str | None":
        return None if self.version == VERSION else "version: expected %d, found %d" % (VERSION, self.version)


class BundleItem(Record):
    """One thing that is carried. `site` is where the device's segments came from, as their bundle said."""

    NAME = "bundle-item"
    FIELDS = (
        (1, "kind", "uint", U8),
        (2, "device_id", "bytes?", 16),
        (3, "content", "blob?", BUNDLE_CONTENT_BYTES_MAX),
        (4, "count", "uint?", U63),
        (5, "name", "text?", SMALL_TEXT_BYTES_MAX),
        (6, "site", "slug?", SMALL_TEXT_BYTES_MAX),
    )

    kind: int
    device_id: "bytes | None"
    content: "bytes | None"
    count: "int | None"
    name: "str | None"
    site: "str | None"

    def fault(self) -> "str | None":
        for name in _NEEDED.get(self.kind, ()):
            if getattr(self, name) is None:
                return "%s: expected one in an item of kind %s" % (name, KINDS[self.kind])
        return None


class BundleWriter:
    """Each method returns bytes for the end of the file."""

    def __init__(self) -> None:
        self.size = 0
        self.items = 0
        self._sha256 = hashlib.sha256()

    def header(self, header: BundleHeader) -> bytes:
        """To begin with."""
        return self._framed(header.encode())

    def add(self, item: BundleItem) -> bytes:
        """One item more."""
        self.items += 1
        return self._framed(item.encode())

    def end(self) -> bytes:
        """The end mark: a file without it is torn."""
        # After `digest` a hash takes no more bytes on MicroPython.
        framed = dumps(BundleItem(kind=END, content=self._sha256.digest(), count=self.items).encode())
        self.size += len(framed)
        return framed

    def _framed(self, encoded: bytes) -> bytes:
        framed = dumps(encoded)
        self.size += len(framed)
        self._sha256.update(framed)
        return framed


class BundleReader:
    """`feed` what was read, then `finish`. Both raise `MessageError` or `CborError`; nothing that a bundle says is
    known to be whole before `finish` returns."""

    def __init__(self) -> None:
        self.header: BundleHeader | None = None
        self._held = bytearray()
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._count = 0
        self._ended = False

    def feed(self, data: bytes) -> list[BundleItem]:
        """The items that these bytes complete, the end mark excepted."""
        self._size += len(data)
        if self._size > BUNDLE_BYTES_MAX:
            raise MessageError("bundle: expected at most %d bytes" % BUNDLE_BYTES_MAX)
        self._held += data
        items, at = [], 0
        while (frame := _frame(self._held, at)) is not None:
            start, end = frame
            item = self._take(bytes(self._held[start:end]))
            if not self._ended:
                self._sha256.update(self._held[at:end])
            at = end
            if item is not None:
                items.append(item)
        del self._held[:at]
        return items

    def finish(self) -> BundleHeader:
        """The file ended here."""
        if self.header is None or not self._ended or self._held:
            raise MessageError("bundle: expected an end mark at its end, found none: it is torn")
        return self.header

    def _take(self, encoded: bytes) -> "BundleItem | None":
        if self._ended:
            raise MessageError("bundle: expected the end after its end mark")
        if self.header is None:
            self.header = BundleHeader.decode(encoded)
            return None
        item: BundleItem = BundleItem.decode(encoded)
        if item.kind != END:
            self._count += 1
            if self._count > BUNDLE_ITEMS_MAX:
                raise MessageError("bundle: expected at most %d items" % BUNDLE_ITEMS_MAX)
            return item
        if item.content != self._sha256.digest() or item.count != self._count:
            raise MessageError("bundle: expected what its end mark says, found other bytes: it is damaged")
        self._ended = True
        return None


def _frame(data: bytearray, at: int) -> "tuple[int, int] | None":
    """(start, end) of the content of the byte string at `at`; None until it is all there."""
    if at >= len(data):
        return None
    first = data[at]
    width = {24: 1, 25: 2}.get(first & 31, 0)
    if first >> 5 != 2 or first & 31 > 25:
        raise MessageError("bundle: expected byte strings of at most %d bytes" % BUNDLE_ITEM_BYTES_MAX)
    if at + 1 + width > len(data):
        return None
    size = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else first & 31
    if size > BUNDLE_ITEM_BYTES_MAX:
        raise MessageError("bundle: expected items of at most %d bytes, found %d" % (BUNDLE_ITEM_BYTES_MAX, size))
    if width and size < (24 if width == 1 else 256):
        raise MessageError("bundle: expected the shortest length of an item")
    start = at + 1 + width
    return (start, start + size) if start + size <= len(data) else None

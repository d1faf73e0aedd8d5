"""The CBOR subset (RFC 8949 §4.2.1, core deterministic encoding).

Integers of 64 bits, byte and text strings, arrays, maps with integer keys, tags, false, true, null. No floats, no
indefinite lengths. Decoding accepts the one canonical encoding of a value and nothing else.

Hosts use it too. cbor2 has to be fenced in to be as strict (its semantic tags neutralised, the result walked and
encoded anew), and then takes 58 us for a segment where this takes 68, with far more code behind the bytes of
strangers. The tests hold the two against each other.
"""

from amos.compat import const
from amos.protocol.errors import CborError, LocalError
from amos.protocol.limits import CBOR_DEPTH_MAX

_GATHERED_BYTES_MAX = const(64)
"""Byte strings up to a signature's size are copied; longer ones stay where they are."""


class Pieces:
    """A byte string in pieces, one after the other: what is large is hashed, signed and stored where it lies. `len` is
    that of the whole."""

    __slots__ = ("_size", "parts")

    def __init__(self, parts: list):
        self.parts = parts
        self._size = sum([len(part) for part in parts])

    def __len__(self) -> int:
        return self._size

    def after(self, first) -> "Pieces":
        """These, and one more before them."""
        parts = [first]
        parts.extend(self.parts)
        return Pieces(parts)

    def join(self) -> bytes:
        return b"".join([part if isinstance(part, bytes) else bytes(part) for part in self.parts])


class Tag:
    """A tagged value: `number` (RFC 8949 §3.4) and the tagged item `value`."""

    __slots__ = ("number", "value")

    def __init__(self, number: int, value):
        self.number = number
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Tag) and self.number == other.number and self.value == other.value

    def __hash__(self):
        return hash(self.number)

    def __repr__(self):
        return "Tag(%d, %r)" % (self.number, self.value)


class _Gathered:
    """As the list of an item's parts, but without an object for each of the small ones, which most are."""

    def __init__(self) -> None:
        self.parts: list = []
        self._small = None

    def append(self, part) -> None:
        if not isinstance(part, bytes) or len(part) > _GATHERED_BYTES_MAX:
            self._small = None
            self.parts.append(part)
        elif self._small is None:
            self._small = bytearray(part)
            self.parts.append(self._small)
        else:
            self._small.extend(part)

    def extend(self, parts: list) -> None:
        for part in parts:
            self.append(part)


def _head(major: int, argument: int) -> bytes:
    top = major << 5
    if argument < 24:
        return bytes((top | argument,))
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * size):
            return bytes((top | code,)) + argument.to_bytes(size, "big")
    raise LocalError("integer: expected at most 64 bits, found %d" % argument)


def _encode(item, parts) -> None:
    if item is None:
        parts.append(b"\xf6")
    elif item is True:
        parts.append(b"\xf5")
    elif item is False:
        parts.append(b"\xf4")
    elif isinstance(item, int):
        parts.append(_head(0, item) if item >= 0 else _head(1, -1 - item))
    elif isinstance(item, (bytes, bytearray, memoryview)):
        parts.append(_head(2, len(item)))
        parts.append(item)
    elif isinstance(item, Pieces):
        parts.append(_head(2, len(item)))
        parts.extend(item.parts)
    elif isinstance(item, str):
        text = item.encode()
        parts.append(_head(3, len(text)))
        parts.append(text)
    elif isinstance(item, (list, tuple)):
        parts.append(_head(4, len(item)))
        for element in item:
            _encode(element, parts)
    elif isinstance(item, dict):
        _encode_map(item, parts)
    elif isinstance(item, Tag):
        parts.append(_head(6, item.number))
        _encode(item.value, parts)
    else:
        raise LocalError("value: expected a type of the CBOR subset, found %r" % (item,))


def _encode_map(item: dict, parts) -> None:
    entries = []
    for key in item:
        if not isinstance(key, int) or key is True or key is False:
            raise LocalError("map key: expected an integer, found %r" % (key,))
        entries.append((_head(0, key) if key >= 0 else _head(1, -1 - key), item[key]))
    entries.sort(key=lambda entry: entry[0])
    parts.append(_head(5, len(entries)))
    for key_bytes, value in entries:
        parts.append(key_bytes)
        _encode(value, parts)


def dump_pieces(item) -> Pieces:
    """The canonical encoding of `item`, in which its large byte strings and all its views are where they were. Raises
    `LocalError` for a type or integer outside the subset."""
    gathered = _Gathered()
    _encode(item, gathered)
    return Pieces(gathered.parts)


def dumps(item) -> bytes:
    """As `dump_pieces`, in one piece."""
    parts: list = []
    _encode(item, parts)
    return Pieces(parts).join()


def _text(utf8: bytes) -> "str | None":
    """The text, or None when the bytes are not UTF-8 as RFC 3629 has it."""
    try:
        text = str(utf8, "utf-8")
    except (UnicodeError, ValueError):
        return None
    if len(text) < len(utf8):
        # MicroPython accepts overlong forms, surrogates and characters beyond U+10FFFF.
        codes = [ord(letter) for letter in text]
        if max(codes) > 0x10FFFF or any(0xD800 <= code <= 0xDFFF for code in codes):
            return None
        if sum(1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF) for code in codes) != len(utf8):
            return None
    return text


class _Reader:
    """Walks the bytes once; every read is bounds-checked, every length is checked against what is left."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def need(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise CborError("offset %d: expected %d more bytes, found %d" % (self.at, count, len(self.data) - self.at))

    def take(self, count: int):
        self.need(count)
        piece = bytes(self.data[self.at : self.at + count])
        self.at += count
        return piece

    def head(self):
        """(major type, additional information, argument); refuses non-minimal and indefinite."""
        start = self.at
        self.need(1)
        first = self.data[start]
        self.at = start + 1
        info = first & 31
        if info < 24:
            return first >> 5, info, info
        if info > 27:
            raise CborError("offset %d: expected a definite length, found 0x%02x" % (start, first))
        size = 1 << (info - 24)
        argument = int.from_bytes(self.take(size), "big")
        if first >> 5 != 7 and (argument < 24 if size == 1 else argument < 1 << (4 * size)):
            raise CborError("offset %d: expected the shortest integer, found %d in %d bytes" % (start, argument, size))
        return first >> 5, info, argument

    def item(self, depth: int):
        start = self.at
        major, info, argument = self.head()
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if major == 2:
            return self.take(argument)
        if major == 3:
            text = _text(self.take(argument))
            if text is None:
                raise CborError("offset %d: expected UTF-8 text" % start)
            return text
        if major == 7:
            if info == 20:
                return False
            if info == 21:
                return True
            if info == 22:
                return None
            raise CborError("offset %d: expected false, true or null, found simple or float %d" % (start, info))
        if depth >= CBOR_DEPTH_MAX:
            raise CborError("offset %d: expected at most %d levels of nesting" % (start, CBOR_DEPTH_MAX))
        if major == 4:
            if argument > len(self.data) - self.at:
                raise CborError("offset %d: expected %d elements, found the end" % (start, argument))
            return [self.item(depth + 1) for _ in range(argument)]
        if major == 5:
            return self.map(argument, depth)
        return Tag(argument, self.item(depth + 1))

    def map(self, count: int, depth: int) -> dict:
        if count > len(self.data) - self.at:
            raise CborError("offset %d: expected %d entries, found the end" % (self.at, count))
        result: dict = {}
        previous = -1
        for _ in range(count):
            start = self.at
            major, _info, argument = self.head()
            if major > 1:
                raise CborError("offset %d: expected an integer key, found major type %d" % (start, major))
            # As the encoded keys are ordered: the shortest integers of a type by value, all of type 0 before type 1.
            order = argument if major == 0 else (1 << 64) + argument
            if order <= previous:
                raise CborError("offset %d: expected keys once and ascending" % start)
            previous = order
            result[argument if major == 0 else -1 - argument] = self.item(depth + 1)
        return result


def loads(data):
    """The one item that `data` encodes. Raises `CborError` for anything but its canonical encoding."""
    reader = _Reader(data)
    item = reader.item(0)
    if reader.at != len(data):
        raise CborError("offset %d: expected the end, found %d more bytes" % (reader.at, len(data) - reader.at))
    return item

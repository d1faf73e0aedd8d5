"""Chance, the same on every runtime, and what it does to bytes and to decoded CBOR: valid in, nearly valid out."""

from amos.protocol.cbor import Tag, dumps, loads
from amos.protocol.cose import TAG_SIGN1, sign
from amos.protocol.errors import CborError, LocalError

MASK = 0xFFFFFFFF
EDGES = (0, 1, 23, 24, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2147483647, 2147483648)
EDGES += (4294967295, 4294967296, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
NEARBY = (-65, -64, -2, -1, 1, 2, 64, 65)
PIECES = (
    b"",
    b"\0",
    b"\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x80",
    b"\xbf",
    b"\x9f",
    b"\x1b" + b"\xff" * 8,
    b"\xf6",
)
TEXTS = ("", "a", "a" * 65, "a" * 4000, "\0", "é", "\u20ac" * 30, "../../x", "amos/1/+/#", " ", "-1")


class Chance:
    """xorshift (Marsaglia 2003), 32 bits. `seed` is any integer."""

    def __init__(self, seed: int):
        self._state = (seed * 2654435761 + 0x9E3779B9) & MASK or 1
        for _ in range(4):
            self.word()

    def word(self) -> int:
        """0 .. 2**32 - 1."""
        state = self._state
        state ^= (state << 13) & MASK
        state ^= state >> 17
        state ^= (state << 5) & MASK
        self._state = state
        return state

    def below(self, end: int) -> int:
        """0 .. end - 1, for `end` far below 2**32."""
        return self.word() % end

    def percent(self, share: int) -> bool:
        return self.word() % 100 < share

    def pick(self, items):
        return items[self.word() % len(items)]

    def bytes(self, count: int) -> bytes:
        return b"".join([self.word().to_bytes(4, "little") for _ in range((count + 3) // 4)])[:count]


def spoil(chance: Chance, data: bytes, others=()) -> bytes:
    """One to four changes of the bytes: flip, set, insert, delete, repeat, cut, or go on as another message does."""
    data = bytes(data)
    for _ in range(1 + chance.below(4) * chance.below(2)):
        at = chance.below(len(data) + 1)
        end = min(len(data), at + 1 + chance.below(8))
        what = chance.below(9)
        if what <= 2 and at < len(data):
            data = data[:at] + bytes((data[at] ^ 1 << chance.below(8),)) + data[at + 1 :]
        elif what == 3:
            data = data[:at] + chance.pick(PIECES) + data[end:]
        elif what == 4:
            data = data[:at] + chance.bytes(1 + chance.below(8)) + data[at:]
        elif what == 5:
            data = data[:at] + data[end:]
        elif what == 6:
            data = data[:end] + data[at:]
        elif what == 7:
            data = data[:at]
        elif others:
            other = chance.pick(others)
            data = data[:at] + other[min(at, chance.below(len(other) + 1)) :]
    return data


def strange(chance: Chance, value):
    """Something else in place of a decoded value: mostly of its kind and at the edge of it, sometimes of another."""
    if chance.percent(15):
        return chance.pick((None, True, 0, -1, b"", "", [], {}, Tag(chance.pick((0, 18, 64, 69, 78, 2**64 - 1)), b"")))
    if isinstance(value, bool) or value is None:
        return chance.pick((True, False, None, 1))
    if isinstance(value, int):
        near = value + chance.pick(NEARBY)
        return near if chance.percent(40) and -(2**64) <= near < 2**64 else chance.pick((1, -1)) * chance.pick(EDGES)
    if isinstance(value, bytes):
        if chance.percent(20):
            return value * chance.below(4)
        return spoil(chance, value) if len(value) else chance.bytes(chance.below(40))
    if isinstance(value, str):
        return chance.pick(TEXTS) if chance.percent(60) else value + chance.pick(TEXTS)
    if isinstance(value, Tag):
        number = chance.pick((value.number, 64, 69, 70, 78, 18))
        return Tag(number, strange(chance, value.value))
    if isinstance(value, list):
        at = chance.below(len(value) + 1)
        return chance.pick((value[:at], value + value[:at], value[::-1], value[:at] + value[at + 1 :], [value]))
    return {key: value[key] for key in sorted(value) if chance.percent(80)}


def _places(item, found: list, depth: int) -> None:
    """(container, key) of everything inside a decoded item."""
    if isinstance(item, Tag):
        found.append((item, None))
        _places(item.value, found, depth + 1)
    elif isinstance(item, (list, dict)):
        for key in sorted(item) if isinstance(item, dict) else range(len(item)):
            found.append((item, key))
            _places(item[key], found, depth + 1)


def _copy(item):
    if isinstance(item, Tag):
        return Tag(item.number, _copy(item.value))
    if isinstance(item, list):
        return [_copy(element) for element in item]
    return {key: _copy(item[key]) for key in item} if isinstance(item, dict) else item


def twist(chance: Chance, item):
    """A decoded item with one to three values replaced, dropped, added or moved; the original stays as it is."""
    item = _copy(item)
    for _ in range(1 + chance.below(3) * chance.below(2)):
        places: list = []
        _places(item, places, 0)
        if not places or chance.percent(3):
            return strange(chance, item)
        container, key = chance.pick(places)
        if isinstance(container, Tag):
            container.value = strange(chance, container.value)
        elif isinstance(container, dict) and chance.percent(20):
            if chance.percent(50):
                del container[key]
            else:
                container[chance.pick((0, 99, -1, key + 1, 2**64 - 1))] = container[key]
        elif chance.percent(15):
            other, other_key = chance.pick(places)
            container[key] = _copy(other.value if isinstance(other, Tag) else other[other_key])
        else:
            container[key] = strange(chance, container[key])
    return item


def encoded(item) -> bytes:
    """Canonical CBOR; nothing where a twist left what has no encoding."""
    try:
        return dumps(item)
    except LocalError:
        return b""


def twisted(chance: Chance, data: bytes) -> bytes:
    """Encoded CBOR, its structure changed; its bytes, where it is none."""
    try:
        return encoded(twist(chance, loads(data)))
    except CborError:
        return spoil(chance, data)


def resigned(chance: Chance, payload: bytes, typ: str, kid: bytes, sign_message) -> bytes:
    """A COSE_Sign1 over any payload; now and then of another type, by another name, or with a broken wrapping."""
    if chance.percent(94):
        return sign(payload, typ, kid, sign_message)
    if chance.percent(50):
        return sign(payload, chance.pick((typ + "x", "", "amos-usage+cose", "amos-manifest+cose")), kid, sign_message)
    return encoded(Tag(TAG_SIGN1, twist(chance, [b"\xa0", {}, payload, bytes(64)])))

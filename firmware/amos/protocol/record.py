"""Messages as tables: a `Record` names its fields once, and is checked the same way coming in and going out.

A field is `(key, name, kind, bound)`. Kinds:

    uint     integer 0 .. bound
    int      integer -bound-1 .. bound
    bool     true or false
    bytes    exactly `bound` bytes
    blob     1 .. bound bytes
    text     UTF-8 text of 1 .. bound bytes
    slug     1 .. bound of the letters a-z, digits, - and _: fit for a topic and a file name
    B H I i  column: `array` of that type code or a view of one, at most `bound` items, as a typed array (RFC 8746 §2.1)
    records  list of at most bound[1] records of class bound[0], each as a map
    uints    list of at most bound[1] integers 0 .. bound[0]
    blobs    list of at most bound[1] byte strings of 1 .. bound[0] bytes

A kind with `?` is optional: its value None is an absent key.
"""

from array import array

from amos.protocol.cbor import Pieces, Tag, dump_pieces, dumps, loads
from amos.protocol.errors import LocalError, MessageError

U8 = (1 << 8) - 1
U16 = (1 << 16) - 1
U32 = (1 << 32) - 1

U63 = (1 << 63) - 1
"""The bound of every count in a message: the largest integer of SQLite, where ledger and courier keep them."""

U64 = (1 << 64) - 1

UNIX_S_MAX = 253_402_300_799
UNIX_MS_MAX = UNIX_S_MAX * 1000 + 999
"""The last moment of the year 9999, and of every calendar that we compute with."""

_ARRAY_TAGS = {"B": 64, "H": 69, "I": 70, "i": 78}
_ITEM_BYTES = {"B": 1, "H": 2, "I": 4, "i": 4}

_LABEL = "%s.%s (%d)"
"""How an error names a field: record, name, key. Put together only when there is one."""


def _is_int(value) -> bool:
    return isinstance(value, int) and value is not True and value is not False


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _scalar_fault(kind: str, bound, value):
    """What was expected of a scalar, or None when `value` is right."""
    if kind == "uint":
        return None if _is_int(value) and 0 <= value <= bound else "an integer from 0 to %d" % bound
    if kind == "int":
        good = _is_int(value) and -bound - 1 <= value <= bound
        return None if good else "an integer from %d to %d" % (-bound - 1, bound)
    if kind == "bool":
        return None if value is True or value is False else "true or false"
    if kind == "bytes":
        return None if isinstance(value, bytes) and len(value) == bound else "%d bytes" % bound
    if kind == "blob":
        return None if isinstance(value, bytes) and 1 <= len(value) <= bound else "1 to %d bytes" % bound
    if kind == "text":
        # Counted before it is encoded: a character is a byte or more.
        good = isinstance(value, str) and 1 <= len(value) <= bound and len(value.encode()) <= bound
        return None if good else "text of 1 to %d bytes" % bound
    if kind == "slug":
        good = isinstance(value, str) and 1 <= len(value) <= bound and all(_in_slug(letter) for letter in value)
        return None if good else "1 to %d of the letters a-z, digits, - and _" % bound
    return None


def _in_slug(letter: str) -> bool:
    return "a" <= letter <= "z" or "0" <= letter <= "9" or letter in "-_"


_LIST_ITEM_KINDS = {"uints": "uint", "blobs": "blob"}


def _list_fault(kind: str, bound, value):
    item_bound, count_max = bound
    if not isinstance(value, (list, tuple)) or len(value) > count_max:
        return "a list of at most %d" % count_max
    if kind == "records":
        return None
    for item in value:
        fault = _scalar_fault(_LIST_ITEM_KINDS[kind], item_bound, item)
        if fault:
            return "only items of " + fault
    return None


class Record:
    """A message with fields as in `FIELDS`; every field is an attribute. Construct with keywords."""

    NAME = "record"
    FIELDS: tuple = ()
    KEYS_OF_1 = 0
    KEYS_OF_2 = U16
    KEYS_OF_3 = U16
    """In a format of several versions: the last key of the first, of the second and of the third."""

    def __init__(self, **values) -> None:
        for _key, name, kind, _bound in self.FIELDS:
            if name in values:
                setattr(self, name, values.pop(name))
            elif kind.endswith("?"):
                if not hasattr(self, name):  # what its class has as None takes no room in each of them
                    setattr(self, name, None)
            else:
                raise LocalError("%s.%s: expected a value, found none" % (self.NAME, name))
        if values:
            raise LocalError("%s: expected no field %s" % (self.NAME, sorted(values)))

    def fault(self) -> "str | None":
        """A sentence when the fields contradict each other, else None. Records override it."""
        return None

    def to_map(self, content=bytes) -> dict:
        """The map with integer keys. `content(column)` are a column's bytes. Raises `LocalError` for a value the format
        cannot hold."""
        result = {}
        for key, name, kind, bound in self.FIELDS:
            value = getattr(self, name)
            if value is None and kind.endswith("?"):
                continue
            kind = kind.rstrip("?")
            if kind in _ARRAY_TAGS:
                is_column = isinstance(value, (array, memoryview))
                items = content(value) if is_column else b""
                if not is_column or len(value) > bound or len(items) != len(value) * _ITEM_BYTES[kind]:
                    raise LocalError("%s.%s: expected an array %s of at most %d" % (self.NAME, name, kind, bound))
                result[key] = Tag(_ARRAY_TAGS[kind], items)
                continue
            fault = _list_fault(kind, bound, value) if kind[-1] == "s" and kind != "bytes" else None
            fault = fault or _scalar_fault(kind, bound, value)
            if fault:
                raise LocalError("%s.%s: expected %s, found %s" % (self.NAME, name, fault, _shown(value)))
            result[key] = [item.to_map() for item in value or ()] if kind == "records" else value
        fault = self.fault()
        if fault:
            raise LocalError("%s: %s" % (self.NAME, fault))
        return result

    def encode(self) -> bytes:
        """Canonical CBOR of `to_map`."""
        return dumps(self.to_map())

    def encode_pieces(self, content) -> Pieces:
        """As `encode`, with the columns' bytes as `content(column)` gives them."""
        return dump_pieces(self.to_map(content))

    @classmethod
    def from_map(cls, item):
        """The record of a decoded map. Raises `MessageError` naming the field, what was expected and what came."""
        if not isinstance(item, dict):
            raise MessageError("%s: expected a map, found %s" % (cls.NAME, _shown(item)))
        left = dict(item)
        values = {}
        for key, name, kind, bound in cls.FIELDS:
            if key in left:
                values[name] = _take((cls.NAME, name, key), kind.rstrip("?"), bound, left.pop(key))
            elif not kind.endswith("?"):
                raise MessageError(_LABEL % (cls.NAME, name, key) + ": expected a value, found none")
        if left:
            raise MessageError("%s: expected no further fields, found %s" % (cls.NAME, _shown(sorted(left))))
        record = cls(**values)
        fault = record.fault()
        if fault:
            raise MessageError("%s: %s" % (cls.NAME, fault))
        return record

    @classmethod
    def decode(cls, data: bytes):
        """The record that `data` encodes. Raises `CborError` or `MessageError`. Cap the size before calling."""
        return cls.from_map(loads(data))


def _take(label: tuple, kind: str, bound, value):
    if kind in _ARRAY_TAGS:
        return _column(label, kind, bound, value)
    if kind == "records":
        fault = _list_fault(kind, bound, value)
        if fault is None:
            return [bound[0].from_map(item) for item in value]
    elif kind in _LIST_ITEM_KINDS:
        fault = _list_fault(kind, bound, value)
    else:
        fault = _scalar_fault(kind, bound, value)
    if fault:
        raise MessageError(_LABEL % label + ": expected %s, found %s" % (fault, _shown(value)))
    return value


def _column(label: tuple, typecode: str, count_max: int, value):
    tag = _ARRAY_TAGS[typecode]
    if not isinstance(value, Tag) or value.number != tag or not isinstance(value.value, bytes):
        raise MessageError(_LABEL % label + ": expected a typed array (tag %d), found %s" % (tag, _shown(value)))
    size = _ITEM_BYTES[typecode]
    count = len(value.value)
    if count % size or count // size > count_max:
        found = ": expected up to %d items of %d bytes, found %d bytes" % (count_max, size, count)
        raise MessageError(_LABEL % label + found)
    return array(typecode, value.value)

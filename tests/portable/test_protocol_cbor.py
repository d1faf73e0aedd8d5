"""The CBOR subset on every runtime: one encoding of a value, and no other is taken."""

from binascii import hexlify, unhexlify

from amos.protocol.cbor import Tag, dumps, loads
from amos.protocol.errors import CborError, LocalError
from amos.protocol.limits import CBOR_DEPTH_MAX

# Of RFC 8949 appendix A, and of our own where it has nothing.
VECTORS = (
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (255, "18ff"),
    (256, "190100"),
    (65535, "19ffff"),
    (65536, "1a00010000"),
    (1000000, "1a000f4240"),
    (4294967295, "1affffffff"),
    (4294967296, "1b0000000100000000"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-1, "20"),
    (-24, "37"),
    (-25, "3818"),
    (-100, "3863"),
    (-1000, "3903e7"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"", "40"),
    (b"\x01\x02\x03\x04", "4401020304"),
    ("", "60"),
    ("IETF", "6449455446"),
    ('"\\', "62225c"),
    ("\xfc", "62c3bc"),
    ("\u6c34", "63e6b0b4"),
    ("\U00010151", "64f0908591"),
    ("\U0010ffff", "64f48fbfbf"),
    ("\ud7ff\ue000", "66ed9fbfee8080"),
    ([], "80"),
    ([1, [2, 3], [4, 5]], "8301820203820405"),
    (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ({}, "a0"),
    ({1: 2, 3: 4}, "a201020304"),
    ({-1: 1, 256: 2, 0: 3, 24: 4, -25: 5, 10: 6, -18446744073709551616: 7}, None),
    (Tag(1, 1363896240), "c11a514b67b0"),
    (Tag(23, b"\x01\x02\x03\x04"), "d74401020304"),
    (Tag(18446744073709551615, None), "dbfffffffffffffffff6"),
)

REFUSED = (
    "",
    "1800",  # not the shortest
    "1817",
    "190017",
    "1900ff",
    "1a0000ffff",
    "1b00000000ffffffff",
    "3817",
    "5801ff",
    "980100",
    "b8010000",
    "d80100",
    "18",  # cut short
    "1901",
    "1b00000000000000",
    "41",
    "5affffffff00",
    "5bffffffffffffffff00",
    "62c3",
    "81",
    "9affffffff",
    "9bffffffffffffffff00",
    "a1",
    "a101",
    "bbffffffffffffffff0101",
    "c1",
    "1c",  # reserved
    "1d",
    "1e",
    "3c",
    "5c",
    "fc",
    "1f",  # indefinite
    "5f4100ff",
    "7f6100ff",
    "9fff",
    "bf0000ff",
    "ff",
    "f93c00",  # floats
    "fa47c35000",
    "fb3ff199999999999a",
    "f0",  # other simple values
    "f7",
    "f814",
    "f820",
    "f8ff",
    "a200010002",  # a key twice
    "a201000000",  # keys descending
    "a220000000",
    "a1616100",  # keys that are no integers
    "a1f400",
    "a1410000",
    "a1c10000",
    "0000",  # more than one item
    "a000",
    "61ff",  # not UTF-8
    "6180",
    "62c328",
    "62c080",
    "62c1bf",
    "63e08080",
    "63e09f80",
    "63eda080",
    "63edbfbf",
    "64f08080af",
    "64f4908080",
    "64f7bfbfbf",
    "65f888808080",
)


def equal(left, right) -> bool:
    """Equal, and true is not 1."""
    return left == right and type(left) is type(right)


def test_values_and_their_one_encoding():
    for value, text in VECTORS:
        encoded = dumps(value)
        assert text is None or hexlify(encoded) == text.encode(), (value, hexlify(encoded))
        assert equal(loads(encoded), value), value


def test_maps_are_ordered_by_the_bytes_of_their_keys():
    encoded = dumps({-1: 0, 256: 0, 0: 0, 24: 0, -25: 0, 23: 0, 255: 0})
    assert hexlify(encoded) == b"a70000170018180018ff00190100002000381800"


def test_every_other_encoding_is_refused():
    for text in REFUSED:
        try:
            value = loads(unhexlify(text))
        except CborError as error:
            assert str(error), text
            continue
        raise AssertionError("%s is taken for %r" % (text, value))


def test_every_message_cut_short_is_refused():
    encoded = dumps({1: [b"abc", "d\xe9f", {-5: Tag(64, bytes(30))}], 2: 1 << 60, 3: None})
    for length in range(len(encoded)):
        try:
            loads(encoded[:length])
        except CborError:
            continue
        raise AssertionError(length)


def test_nesting_ends_at_its_limit():
    for wrap in (lambda inner: [inner], lambda inner: {0: inner}, lambda inner: Tag(6, inner)):
        item = None
        for _level in range(CBOR_DEPTH_MAX):
            item = wrap(item)
        assert loads(dumps(item)) == item
        try:
            loads(dumps(wrap(item)))
        except CborError:
            continue
        raise AssertionError("nested too deep")
    for opening in (b"\x81", b"\xa1\x00", b"\xc1"):
        try:
            loads(opening * 5000)
        except CborError:
            continue
        raise AssertionError("nested without end")


def test_what_has_no_encoding_is_refused():
    for item in (1 << 64, -(1 << 64) - 1, 1.5, {"a": 1}, {True: 1}, {None: 1}, [object()], {1, 2}):
        try:
            dumps(item)
        except LocalError:
            continue
        raise AssertionError(item)


def test_any_buffer_is_taken():
    encoded = dumps([1, b"ab", "c"])
    for buffer in (bytearray(encoded), memoryview(encoded)):
        assert loads(buffer) == [1, b"ab", "c"]
    assert dumps(bytearray(b"ab")) == dumps(memoryview(b"ab")) == dumps(b"ab")
    assert dumps((1, 2)) == dumps([1, 2])

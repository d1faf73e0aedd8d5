"""The heads of CBOR items that receipts and their answers have many of. Pure; the tests hold them against the codec."""


def uint(number: int) -> bytes:
    """An integer from 0 on."""
    return _head(0x00, number)


def bytes_head(size: int) -> bytes:
    """What stands before a byte string of this size."""
    return _head(0x40, size)


def array_head(count: int) -> bytes:
    """What stands before so many items."""
    return _head(0x80, count)


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes((kind | number,))
    if number < 0x100:
        return bytes((kind | 24, number))
    if number < 0x1_0000:
        return bytes((kind | 25,)) + number.to_bytes(2, "big")
    if number < 0x1_0000_0000:
        return bytes((kind | 26,)) + number.to_bytes(4, "big")
    return bytes((kind | 27,)) + number.to_bytes(8, "big")

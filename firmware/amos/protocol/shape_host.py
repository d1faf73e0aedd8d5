"""Heads of canonical CBOR items at known places, for readers that know what shape to expect."""


class OtherShape(Exception):
    """The bytes are not of the shape that was tried; nothing is said about whether they are good."""


def argument(data: bytes, at: int, major: int) -> "tuple[int, int]":
    """(argument, where the head ends) of an item of this major type. Raises `OtherShape` unless one begins there, in
    its shortest encoding."""
    if at >= len(data) or data[at] >> 5 != major:
        raise OtherShape
    info = data[at] & 31
    if info < 24:
        return info, at + 1
    size = 1 << (info - 24) if info <= 27 else 0
    end = at + 1 + size
    value = int.from_bytes(data[at + 1 : end], "big")
    if not size or end > len(data) or value < (24 if size == 1 else 1 << (4 * size)):
        raise OtherShape
    return value, end

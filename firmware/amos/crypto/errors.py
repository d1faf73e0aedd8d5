"""Named errors of the crypto functions: a caller's mistake, never a property of bytes from outside."""


class CryptoError(ValueError):
    """An argument has no place in Ed25519 or SHA-512."""


class ArgumentTypeError(CryptoError):
    """An argument is not bytes, bytearray or memoryview."""


class KeyLengthError(CryptoError):
    """A seed or public key is not 32 bytes long."""


def checked_piece(field: str, value):
    """`value`, which has to be bytes, bytearray or memoryview."""
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise ArgumentTypeError("%s: expected bytes, found %s" % (field, type(value).__name__))
    return value


def checked_bytes(field: str, value) -> bytes:
    """`value` as bytes; refuses what `bytes()` would convert, such as an int."""
    return bytes(checked_piece(field, value))


def checked_key(field: str, value) -> bytes:
    """`value` as 32 bytes; `field` names it in the error."""
    key = checked_bytes(field, value)
    if len(key) != 32:
        raise KeyLengthError("%s: expected 32 bytes, found %d" % (field, len(key)))
    return key

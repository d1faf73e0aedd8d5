"""A pairing code on its way through the broker, which must not read it: sealed for the operator (SPEC section 19)."""

from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

from amos.protocol.errors import MessageError
from amos.protocol.pairing_host import CODE_DIGITS, SALT_BYTES


def is_code(text: str) -> bool:
    """Whether it is six digits."""
    return len(text) == CODE_DIGITS and text.isascii() and text.isdigit()


def seal(code: str, salt: bytes, operator_key: bytes) -> bytes:
    """For who has the secret key of `operator_key` (Ed25519, 32 bytes); other bytes each time. Raises `ValueError` for
    a key that is none."""
    try:
        public = VerifyKey(operator_key).to_curve25519_public_key()
    except (CryptoError, RuntimeError):
        raise ValueError(f"operator's key: expected a point of Ed25519, found {operator_key.hex()[:16]}") from None
    return bytes(SealedBox(public).encrypt(code.encode() + salt))


def unseal(sealed: bytes, operator_seed: bytes) -> tuple[str, bytes]:
    """(code, salt). Raises `MessageError` for what was sealed for another key, or is no code."""
    try:
        opened = SealedBox(SigningKey(operator_seed).to_curve25519_private_key()).decrypt(sealed)
    except CryptoError:
        raise MessageError("pairing.sealed: expected what was sealed for this operator's key") from None
    code, salt = opened[:CODE_DIGITS].decode("latin-1"), opened[CODE_DIGITS:]
    if not is_code(code) or len(salt) != SALT_BYTES:
        raise MessageError(f"pairing.sealed: expected {CODE_DIGITS} digits and a salt")
    return code, salt

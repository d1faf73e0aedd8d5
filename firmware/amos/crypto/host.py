"""Ed25519 and SHA-512 by PyNaCl (libsodium) and hashlib; CPython only. Same results and errors as the portable code."""

import hashlib

from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from amos.crypto.errors import checked_bytes, checked_key, checked_piece

_KEY_PAIRS_KEPT = 8
"""Of the keys that a process signs with: making one takes as long as signing."""


_key_pairs: dict[bytes, tuple[bytes, bytes]] = {}


def _key_pair(seed: bytes) -> tuple[bytes, bytes]:
    """(public, secret as libsodium has it)."""
    pair = _key_pairs.get(seed)
    if pair is None:
        if len(_key_pairs) >= _KEY_PAIRS_KEPT:
            _key_pairs.clear()
        pair = _key_pairs[seed] = crypto_sign_seed_keypair(seed)
    return pair


def public_key(seed: bytes) -> bytes:
    """The 32-byte public key of a 32-byte seed. Raises `KeyLengthError` or `ArgumentTypeError`."""
    return _key_pair(checked_key("seed", seed))[0]


def sign(seed: bytes, *message: bytes) -> bytes:
    """The 64-byte signature of `message`, in as many pieces as it has. Raises `KeyLengthError` or
    `ArgumentTypeError`."""
    secret = _key_pair(checked_key("seed", seed))[1]
    return crypto_sign(b"".join(checked_piece("message", piece) for piece in message), secret)[:crypto_sign_BYTES]


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s over `message`; False, too, for wrong lengths. Raises `ArgumentTypeError`."""
    public = checked_bytes("public", public)
    message = checked_bytes("message", message)
    signature = checked_bytes("signature", signature)
    if len(public) != 32 or len(signature) != crypto_sign_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


def sha512(*parts: bytes) -> bytes:
    """The 64-byte digest of `parts` (bytes-like) one after the other. Raises `ArgumentTypeError`."""
    digest = hashlib.sha512()
    for part in parts:
        digest.update(checked_piece("data", part))
    return digest.digest()

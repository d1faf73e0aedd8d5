"""Ed25519 (RFC 8032 §5.1) for runtimes without a library. Pure, portable, variable time: see the package.

Multiples of the base point come from a table of 256 points (`base_table.py`): 32 additions and 15 doublings.
Verification multiplies the public key with a sliding window of five binary digits, computes R and compares its
encoding; it accepts and refuses exactly what libsodium's `crypto_sign_verify_detached` does.
"""

from amos.compat import const
from amos.crypto.base_table import BASE_TABLE
from amos.crypto.edwards import (
    IDENTITY,
    L,
    P,
    add_affine,
    add_cached,
    decode,
    double,
    encode,
    encode_pair,
    negate,
    to_cached,
)
from amos.crypto.errors import checked_bytes, checked_key
from amos.crypto.sha512_portable import sha512

_Y_MASK = const((1 << 255) - 1)

# y of the eight points whose order divides 8; 0 and the last two belong to two points each.
_SMALL_ORDER_Y = (
    0,
    1,
    P - 1,
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
)

# What the last seed expands to: (seed, scalar, prefix, public key). A player has one key, and computing its public key
# is half the work of a signature.
_expanded = None


def _multiply_base(scalar: int) -> tuple:
    """`scalar` times the base point, by the columns described in `make_base_table.py`."""
    # The digits ±1 that sum to the scalar: bit i of this number set means digit i is +1.
    digits = (scalar + (1 << 256) - 1) * ((L + 1) // 2) % L
    # Transpose the 8 rows of 32 bits into 32 columns of 8 bits, four columns at a time: multiplying copies a nibble to
    # distances 0, 7, 14 and 21, so that masking leaves its bit i at distance 8·i.
    lanes = [0, 0, 0, 0, 0, 0, 0, 0]
    for position, byte in enumerate(digits.to_bytes(32, "little")):
        row = position >> 2
        lane = (position & 3) << 1
        lanes[lane] |= ((byte & 15) * 0x204081 & 0x01010101) << row
        lanes[lane + 1] |= ((byte >> 4) * 0x204081 & 0x01010101) << row
    columns = b"".join([lane.to_bytes(4, "little") for lane in lanes])
    point = IDENTITY
    for column in range(15, -1, -1):
        if column < 15:
            point = double(point)
        point = _add_entry(point, 0, columns[column])
        point = _add_entry(point, 128, columns[column + 16])
    return point


def _add_entry(point: tuple, first: int, digits: int) -> tuple:
    """`point` plus or minus the entry, in the half of the table from `first` on, that stands for 8 digits ±1."""
    read = int.from_bytes
    if digits & 128:
        at = 96 * (first + digits - 128)
        return add_affine(
            point,
            read(BASE_TABLE[at : at + 32], "little"),
            read(BASE_TABLE[at + 32 : at + 64], "little"),
            read(BASE_TABLE[at + 64 : at + 96], "little"),
        )
    at = 96 * (first + 127 - digits)
    return add_affine(
        point,
        read(BASE_TABLE[at + 32 : at + 64], "little"),
        read(BASE_TABLE[at : at + 32], "little"),
        -read(BASE_TABLE[at + 64 : at + 96], "little"),
    )


def _multiply(scalar: int, point: tuple) -> tuple:
    """`scalar` (from 0 to below 2^255) times any point: odd multiples up to 15, and a digit in about six of the binary
    ones."""
    twice = to_cached(double(point))
    odd = [point]
    for _ in range(7):
        odd.append(add_cached(odd[-1], twice))
    positive = [to_cached(multiple) for multiple in odd]
    negative = [to_cached(negate(multiple)) for multiple in odd]
    digits = bytearray(256)  # 16 more than each: a list of them wants 1 KB in one piece, which a full heap may not have
    count = 0
    while scalar:
        digit = 0
        if scalar & 1:
            digit = scalar & 31
            if digit > 15:
                digit -= 32
            scalar -= digit
        digits[count] = digit + 16
        count += 1
        scalar >>= 1
    total = IDENTITY
    while count:
        count -= 1
        digit = digits[count] - 16
        total = double(total)
        if digit > 0:
            total = add_cached(total, positive[digit >> 1])
        elif digit < 0:
            total = add_cached(total, negative[-digit >> 1])
    return total


def _expand(seed: bytes) -> tuple:
    """The secret scalar and the prefix of RFC 8032 §5.1.5, steps 1 and 2."""
    digest = sha512(seed)
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:]


def public_key(seed: bytes) -> bytes:
    """The 32-byte public key of a 32-byte seed (RFC 8032 §5.1.5). Raises `KeyLengthError` or `ArgumentTypeError`."""
    global _expanded
    seed = checked_key("seed", seed)
    known = _expanded
    if known is not None and known[0] == seed:
        return known[3]
    scalar, prefix = _expand(seed)
    public = encode(_multiply_base(scalar))
    _expanded = (seed, scalar, prefix, public)
    return public


def sign(seed: bytes, *message: bytes) -> bytes:
    """The 64-byte signature of `message`, in as many pieces as it has (RFC 8032 §5.1.6). Raises `KeyLengthError` or
    `ArgumentTypeError`."""
    global _expanded
    seed = checked_key("seed", seed)
    known = _expanded
    if known is not None and known[0] == seed:
        _, scalar, prefix, public = known
        nonce = int.from_bytes(sha512(prefix, *message), "little") % L
        commitment = encode(_multiply_base(nonce))
    else:
        scalar, prefix = _expand(seed)
        nonce = int.from_bytes(sha512(prefix, *message), "little") % L
        commitment, public = encode_pair(_multiply_base(nonce), _multiply_base(scalar))
        _expanded = (seed, scalar, prefix, public)
    challenge = int.from_bytes(sha512(commitment, public, *message), "little")
    return commitment + ((nonce + challenge * scalar) % L).to_bytes(32, "little")


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s over `message` (RFC 8032 §5.1.7, without the cofactor).

    False, too, for wrong lengths, S not below the group order, and a key or R that is not canonical or of small order.
    Raises `ArgumentTypeError` when an argument is not bytes.
    """
    public = checked_bytes("public", public)
    message = checked_bytes("message", message)
    signature = checked_bytes("signature", signature)
    if len(public) != 32 or len(signature) != 64:
        return False
    commitment = signature[:32]
    response = int.from_bytes(signature[32:], "little")
    if response >= L or _has_small_order(public) or _has_small_order(commitment):
        return False
    point = decode(public)
    if point is None:
        return False
    challenge = int.from_bytes(sha512(commitment, public, message), "little") % L
    found = add_cached(_multiply_base(response), to_cached(_multiply(challenge, negate(point))))
    return encode(found) == commitment


def _has_small_order(encoded: bytes) -> bool:
    """Whether 32 bytes encode, canonically or not, a point whose order divides 8."""
    return (int.from_bytes(encoded, "little") & _Y_MASK) % P in _SMALL_ORDER_Y

"""Points of edwards25519 (RFC 8032 §5.1): addition, doubling, encoding. Pure, integers only, variable time.

A point is a tuple (X, Y, Z, E, H) of integers, with x = X/Z, y = Y/Z and x·y = E·H/Z: the coordinate T = E·H of the
source below is left as its factors, because a doubling does not need it. A *cached* point is the second operand of an
addition, prepared: (y + x, y - x, 2·d·x·y) with Z = 1, or (Y + X, Y - X, 2·d·T, 2·Z). Formulas: Hisil, Wong, Carter,
Dawson, "Twisted Edwards Curves Revisited" (2008), §3, with a = -1; they hold for any two points, equal or not.

Only products are reduced modulo p; sums stay a few bits longer (and may be negative), which costs less than reducing.
"""

from amos.compat import const

P = const((1 << 255) - 19)  # the field
L = const((1 << 252) + 27742317777372353535851937790883648493)  # order of the base point
_D = const(37095705934669439343138083508754565189542113879843219016388785533085940283555)
D2 = const(16295367250680780974490674513165176452449235426866156013048779062215315747161)
ROOT_OF_MINUS_ONE = const(19681161376707505956807079304988542015446066515923890162744021073123829784752)

_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960

IDENTITY = (0, 1, 1, 0, 1)
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X, _BASE_Y)


def add_affine(point: tuple, plus: int, minus: int, product: int) -> tuple:
    """`point` plus the cached affine point (plus, minus, product); seven multiplications."""
    x, y, z, e, h = point
    a = (y - x) * minus % P
    b = (y + x) * plus % P
    c = e * h % P * product % P
    d = z + z
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % P, g * h % P, f * g % P, e, h


def add_cached(point: tuple, cached: tuple) -> tuple:
    """`point` plus a cached projective point; eight multiplications."""
    x, y, z, e, h = point
    plus, minus, product, doubled_z = cached
    a = (y - x) * minus % P
    b = (y + x) * plus % P
    c = e * h % P * product % P
    d = z * doubled_z % P
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % P, g * h % P, f * g % P, e, h


def double(point: tuple) -> tuple:
    """`point` plus itself; seven multiplications."""
    x, y, z, _, _ = point
    a = x * x % P
    b = y * y % P
    c = z * z % P
    e = (x + x) * y % P
    g = b - a
    h = b + a
    f = c + c - g
    return e * f % P, g * h % P, f * g % P, e, h


def negate(point: tuple) -> tuple:
    """Minus `point`."""
    x, y, z, e, h = point
    return -x, y, z, -e, h


def to_cached(point: tuple) -> tuple:
    """`point` as the second operand of `add_cached`."""
    x, y, z, e, h = point
    return y + x, y - x, e * h % P * D2 % P, z + z


def invert(value: int) -> int:
    """1/value modulo p, for a value that p does not divide; extended Euclid, faster than Fermat's power."""
    high, low = P, value % P
    before, now = 0, 1
    while low > 1:
        quotient, rest = divmod(high, low)
        high, low = low, rest
        before, now = now, before - quotient * now
    return now % P


def encode_pair(first: tuple, second: tuple) -> tuple:
    """Both points' 32-byte encodings (RFC 8032 §5.1.2) for one inversion."""
    z1, z2 = first[2], second[2]
    inverse = invert(z1 * z2)
    return _encode_affine(first, inverse * z2 % P), _encode_affine(second, inverse * z1 % P)


def encode(point: tuple) -> bytes:
    """The point's 32-byte encoding (RFC 8032 §5.1.2)."""
    return _encode_affine(point, invert(point[2]))


def _encode_affine(point: tuple, inverse_of_z: int) -> bytes:
    x = point[0] * inverse_of_z % P
    y = point[1] * inverse_of_z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(encoded: bytes):
    """The point that 32 bytes encode (RFC 8032 §5.1.3), or None when y is not canonical or no point has it."""
    number = int.from_bytes(encoded, "little")
    sign = number >> 255
    y = number & ((1 << 255) - 1)
    if y >= P:
        return None
    u = y * y - 1
    v = _D * y * y % P + 1
    v3 = v * v * v
    x = u * v3 * pow(u * v3 * v3 * v % P, (P - 5) // 8, P) % P
    error = v * x * x % P
    if error != u % P:
        if error != -u % P:
            return None
        x = x * ROOT_OF_MINUS_ONE % P
    if x == 0 and sign:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x, y

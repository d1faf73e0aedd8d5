"""Ed25519 in the style of the code in RFC 8032 §6: an oracle for small tests, and the yardstick of the speed figures.

Points are multiplied bit by bit with one addition formula, the public key is computed anew for every signature, and
nothing is remembered. Runs on CPython and MicroPython; the hash is an argument because MicroPython's hashlib has none.
"""

# MicroPython runs this too, so it is typed no further than that allows.
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, allow-any-generics
# mypy: disable-error-code="attr-defined,no-any-return,var-annotated"

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493


def _inverse(x: int) -> int:
    return pow(x, P - 2, P)


D = -121665 * _inverse(121666) % P
_ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def point_add(p: tuple, q: tuple) -> tuple:
    """The sum of two points in extended coordinates (X, Y, Z, T)."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f, g * h, f * g, e * h)


def point_mul(s: int, p: tuple) -> tuple:
    """`s` times `p`, by double and add."""
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        s >>= 1
    return q


def point_equal(p: tuple, q: tuple) -> bool:
    """Whether two points are the same, whatever their Z."""
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def recover_x(y: int, sign: int):
    """x of the point with this y and this lowest bit of x, or None."""
    if y >= P:
        return None
    x2 = (y * y - 1) * _inverse(D * y * y + 1) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * _ROOT_OF_MINUS_ONE % P
    if (x * x - x2) % P != 0:
        return None
    if (x & 1) != sign:
        x = P - x
    return x


_BASE_Y = 4 * _inverse(5) % P
_BASE_X = recover_x(_BASE_Y, 0)
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def point_compress(p: tuple) -> bytes:
    """32 bytes: y, and the lowest bit of x on top."""
    z_inverse = _inverse(p[2])
    x = p[0] * z_inverse % P
    y = p[1] * z_inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def point_decompress(encoded: bytes):
    """The point of 32 bytes, or None."""
    y = int.from_bytes(encoded, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    x = recover_x(y, sign)
    if x is None:
        return None
    return (x, y, 1, x * y % P)


def _secret_expand(seed: bytes, sha512) -> tuple:
    digest = sha512(seed)
    a = int.from_bytes(digest[:32], "little")
    a &= (1 << 254) - 8
    a |= 1 << 254
    return a, digest[32:]


def public_key(seed: bytes, sha512) -> bytes:
    """The 32-byte public key of a seed."""
    a, _ = _secret_expand(seed, sha512)
    return point_compress(point_mul(a, BASE))


def sign(seed: bytes, message: bytes, sha512) -> bytes:
    """The 64-byte signature of `message`."""
    a, prefix = _secret_expand(seed, sha512)
    public = point_compress(point_mul(a, BASE))
    r = int.from_bytes(sha512(prefix + message), "little") % L
    commitment = point_compress(point_mul(r, BASE))
    h = int.from_bytes(sha512(commitment + public + message), "little") % L
    s = (r + h * a) % L
    return commitment + s.to_bytes(32, "little")


def verify(public: bytes, message: bytes, signature: bytes, sha512) -> bool:
    """Whether s·B = R + h·A, as RFC 8032 §6 checks it: neither small orders nor cofactor are looked at."""
    point = point_decompress(public)
    commitment = point_decompress(signature[:32])
    if point is None or commitment is None:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    h = int.from_bytes(sha512(signature[:32] + public + message), "little") % L
    return point_equal(point_mul(s, BASE), point_add(commitment, point_mul(h, point)))

"""Our Ed25519 and SHA-512 against libsodium, hashlib, the reference style, and public vectors."""

import hashlib
import os
import subprocess
from math import isqrt
from pathlib import Path
from types import ModuleType

import ed25519_vectors as vectors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.crypto import ed25519, edwards, host, make_base_table, sha512_constants
from amos.crypto.base_table import BASE_TABLE
from amos.crypto.sha512_portable import sha512
from amos_tools.bench import ed25519_reference as reference
from test_crypto import RFC8032_VECTORS

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT.parent / "shared" / "vectors"  # public test vectors beside the project; not part of it

seeds = st.binary(min_size=32, max_size=32)
scalars = st.one_of(st.integers(0, edwards.L - 1), st.integers(0, 300), st.integers(edwards.L - 300, edwards.L - 1))
needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="no public vectors beside the project")


def _torsion_points() -> list[tuple[int, ...]]:
    """The eight points whose order divides 8, in the reference's coordinates, starting with the neutral one."""
    y = 2
    while True:
        point = reference.point_decompress(y.to_bytes(32, "little"))
        y += 1
        if point is None:
            continue
        torsion = reference.point_mul(edwards.L, point)
        if not reference.point_equal(reference.point_mul(4, torsion), (0, 1, 1, 0)):
            return [reference.point_mul(i, torsion) for i in range(8)]


TORSION = _torsion_points()


@settings(deadline=None)
@given(seeds, st.binary(max_size=300))
def test_signs_as_libsodium(seed: bytes, message: bytes) -> None:
    assert ed25519.public_key(seed) == host.public_key(seed)
    assert ed25519.sign(seed, message) == host.sign(seed, message)


@settings(max_examples=40, deadline=None)
@given(seeds, st.binary(max_size=300), st.integers(0, 511))
def test_each_accepts_the_other_and_refuses_a_flipped_bit(seed: bytes, message: bytes, bit: int) -> None:
    public = host.public_key(seed)
    signature = host.sign(seed, message)
    flipped = bytearray(signature)
    flipped[bit >> 3] ^= 1 << (bit & 7)
    for verify in (ed25519.verify, host.verify):
        assert verify(public, message, signature)
        assert not verify(public, message, bytes(flipped))


@settings(deadline=None)
@given(
    st.one_of(st.binary(min_size=32, max_size=32), st.binary(max_size=40)),
    st.binary(max_size=20),
    st.one_of(st.binary(min_size=64, max_size=64), st.binary(max_size=70)),
)
def test_any_bytes_get_the_same_answer(public: bytes, message: bytes, signature: bytes) -> None:
    assert ed25519.verify(public, message, signature) is host.verify(public, message, signature)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 7), st.integers(0, 7), scalars, scalars, st.integers(0, 99))
def test_keys_and_commitments_with_a_small_component_get_the_same_answer(
    of_key: int, of_commitment: int, secret: int, nonce: int, number: int
) -> None:
    """Whether such a signature verifies depends on its hash; both must agree, or players and hosts would disagree."""
    key = reference.point_add(reference.point_mul(secret, reference.BASE), TORSION[of_key])
    commitment = reference.point_add(reference.point_mul(nonce, reference.BASE), TORSION[of_commitment])
    public = reference.point_compress(key)
    message = bytes([number])
    signed = reference.point_compress(commitment)
    challenge = int.from_bytes(hashlib.sha512(signed + public + message).digest(), "little") % edwards.L
    signature = signed + ((nonce + challenge * secret) % edwards.L).to_bytes(32, "little")
    assert ed25519.verify(public, message, signature) is host.verify(public, message, signature)


@pytest.mark.parametrize("sign_bit", [0, 1])
@pytest.mark.parametrize("y", [*range(20), *range(edwards.P - 3, edwards.P + 19)])
def test_keys_at_the_edges_of_the_field_get_the_same_answer(y: int, sign_bit: int) -> None:
    public = (y | sign_bit << 255).to_bytes(32, "little")
    for commitment in (public, (1).to_bytes(32, "little"), reference.point_compress(reference.BASE)):
        for response in (0, 1):
            signature = commitment + response.to_bytes(32, "little")
            assert ed25519.verify(public, b"", signature) is host.verify(public, b"", signature)


@needs_vectors
@pytest.mark.parametrize("implementation", [ed25519, host], ids=["own", "host"])
def test_public_vectors(implementation: ModuleType) -> None:
    wycheproof = vectors.wycheproof(str(VECTORS))
    speccheck = vectors.speccheck(str(VECTORS))
    assert (len(wycheproof), len(speccheck)) == (151, 12)
    assert vectors.wrong_answers(wycheproof + speccheck, implementation.verify) == []


@needs_vectors
@pytest.mark.parametrize(("interpreter", "stride", "count"), [("micropython", 1, 163), ("micropython_armhf", 5, 33)])
def test_public_vectors_on_micropython(
    interpreter: str, stride: int, count: int, request: pytest.FixtureRequest
) -> None:
    """All of them on the 64-bit build; a fifth on the emulated 32-bit one, where each takes 50 ms."""
    script = ROOT / "tests" / "crypto" / "ed25519_vectors.py"
    done = subprocess.run(
        [*request.getfixturevalue(interpreter), str(script), str(VECTORS), str(stride)],
        env={**os.environ, "MICROPYPATH": str(ROOT / "firmware")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout.strip(), done.stderr) == (f"{count} cases, wrong: []", "")


def test_the_reference_meets_the_vectors_of_rfc8032() -> None:
    for vector in RFC8032_VECTORS:
        seed, public, message, signature = map(bytes.fromhex, vector)
        assert reference.public_key(seed, sha512) == public
        assert reference.sign(seed, message, sha512) == signature
        assert reference.verify(public, message, signature, sha512)
        assert not reference.verify(public, message + b"\x00", signature, sha512)


@settings(deadline=None)
@given(scalars, scalars)
def test_points_are_multiplied_and_added_as_by_the_reference(first: int, second: int) -> None:
    a = ed25519._multiply_base(first)
    expected = reference.point_mul(first, reference.BASE)
    assert edwards.encode(a) == reference.point_compress(expected)
    b = ed25519._multiply(second, a)
    other = reference.point_mul(second, expected)
    assert edwards.encode(b) == reference.point_compress(other)
    total = edwards.add_cached(a, edwards.to_cached(b))
    assert edwards.encode_pair(total, edwards.negate(b)) == (
        reference.point_compress(reference.point_add(expected, other)),
        edwards.encode(edwards.add_cached(edwards.IDENTITY, edwards.to_cached(edwards.negate(b)))),
    )
    assert edwards.encode(edwards.add_cached(total, edwards.to_cached(edwards.negate(b)))) == edwards.encode(a)


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_decoding_is_the_inverse_of_encoding(encoded: bytes) -> None:
    point = edwards.decode(encoded)
    assert (point is None) == (reference.point_decompress(encoded) is None)
    assert point is None or edwards.encode(point) == encoded


def test_decoding_refuses_a_second_encoding_of_a_point() -> None:
    for y in range(19):
        assert edwards.decode((edwards.P + y).to_bytes(32, "little")) is None
    for y in (1, edwards.P - 1):  # x = 0 has no negative
        assert edwards.decode(y.to_bytes(32, "little")) is not None
        assert edwards.decode((y | 1 << 255).to_bytes(32, "little")) is None


@settings(deadline=None)
@given(st.integers(1, edwards.P - 1))
def test_inverse(value: int) -> None:
    assert edwards.invert(value) == pow(value, -1, edwards.P)


def test_curve_constants_follow_from_their_definitions() -> None:
    p = edwards.P
    assert p == 2**255 - 19
    assert -121665 * pow(121666, -1, p) % p == edwards._D
    assert 2 * edwards._D % p == edwards.D2
    assert pow(edwards.ROOT_OF_MINUS_ONE, 2, p) == p - 1
    assert edwards.encode(edwards.BASE) == (4 * pow(5, -1, p) % p).to_bytes(32, "little")
    small = {int.from_bytes(reference.point_compress(point), "little") & ((1 << 255) - 1) for point in TORSION}
    assert set(ed25519._SMALL_ORDER_Y) == small


def test_the_table_is_what_its_generator_makes() -> None:
    assert make_base_table.make_base_table() == BASE_TABLE
    path = Path(make_base_table.__file__).with_name("base_table.py")
    assert make_base_table.module_source(BASE_TABLE) == path.read_text()


def _cube_root(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


def test_sha512_constants_are_roots_of_primes() -> None:
    primes = [n for n in range(2, 410) if all(n % divisor for divisor in range(2, n))]
    assert len(primes) == 80
    squares = [isqrt(prime << 128) & (1 << 64) - 1 for prime in primes[:8]]
    cubes = [_cube_root(prime << 192) & (1 << 64) - 1 for prime in primes]
    assert b"".join(root.to_bytes(8, "big") for root in squares) == sha512_constants.INITIAL_STATE
    assert b"".join(root.to_bytes(8, "big") for root in cubes) == sha512_constants.ROUND_CONSTANTS


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_sha512_as_hashlib(parts: list[bytes]) -> None:
    assert sha512(*parts) == hashlib.sha512(b"".join(parts)).digest()
    assert host.sha512(*parts) == hashlib.sha512(b"".join(parts)).digest()

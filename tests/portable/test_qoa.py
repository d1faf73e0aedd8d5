"""QOA decoded the same on every runtime: bits that no encoder would write, and what an encoder did write."""

import hashlib
from array import array

from amos.compat import MICROPYTHON
from amos.sound import qoa

SLICES = 30
WILD_SHA256 = "ec758d603a37b037352fc31ab8e04c8411b9f576e17c5aec57b27c1a39872b50"


def kernels() -> list:
    """The kernels of this runtime."""
    if MICROPYTHON:
        from amos.sound import qoa_viper

        return [qoa, qoa_viper]
    return [qoa]


def bits(count: int, seed: int) -> bytes:
    """Bytes of a linear congruential generator."""
    found = bytearray(count)
    for i in range(count):
        seed = (seed * 25173 + 13849) & 0xFFFF
        found[i] = seed >> 8
    return bytes(found)


def wild() -> bytes:
    """States and slices of two channels, with weights that make the sum wrap at 32 bits."""
    return b"\x80\x00\x7f\xff" * 4 + b"\x7f\xff\x80\x00" * 4 + b"\xff" * 80 + bits(16 * SLICES - 80, 1)


def decoded(kernel, data: bytes, turns: tuple) -> bytes:
    """The samples of `data`, `turns` slices at a time."""
    out = bytearray(4 * qoa.SLICE_FRAMES * sum(turns))
    for channel in (0, 1):
        state = array("i", bytes(32))
        kernel.load_state(state, data, 16 * channel)
        done = 0
        for slices in turns:
            at = 32 + 8 * channel + 16 * done
            kernel.decode(state, data, at, slices, 2, out, 2 * qoa.SLICE_FRAMES * done + channel)
            done += slices
    return bytes(out)


def sha256_of(data: bytes) -> str:
    return "".join(["%02x" % byte for byte in hashlib.sha256(data).digest()])


def test_any_bits_decode_the_same_everywhere():
    for kernel in kernels():
        whole = decoded(kernel, wild(), (SLICES,))
        assert sha256_of(whole) == WILD_SHA256, (kernel, sha256_of(whole))
        assert decoded(kernel, wild(), (1, 7, 0, 22)) == whole


def test_mono_and_stereo_slices_are_the_same_slices():
    data = wild()
    for kernel in kernels():
        stereo = decoded(kernel, data, (SLICES,))
        mono = bytearray(2 * qoa.SLICE_FRAMES * SLICES)
        state = array("i", bytes(32))
        kernel.load_state(state, data, 16)
        slices = b"".join([data[40 + 16 * i : 48 + 16 * i] for i in range(SLICES)])
        kernel.decode(state, slices, 0, SLICES, 1, mono, 0)
        assert all([mono[2 * i : 2 * i + 2] == stereo[4 * i + 2 : 4 * i + 4] for i in range(len(mono) // 2)])


def test_sizes_are_those_of_the_format():
    assert (qoa.file_bytes(1, 1), qoa.file_bytes(5120, 1), qoa.file_bytes(5121, 2)) == (40, 2080, 4200)
    assert qoa.frame_offset(2, 2) == 8 + 2 * 4136
    assert qoa.frame_header(44100, 5120, 2) == b"\x02\x00\xac\x44\x14\x00\x10\x28"
    assert qoa.RESIDUALS[8 * 15 + 6] == 14336 and qoa.RESIDUALS[8 + 3] == -18

"""The fade at the edges of sound is the same on every runtime."""

import hashlib
from binascii import hexlify

from amos.sound.ramp import ramped

PCM = bytes([(n * n * 7 + n) & 255 for n in range(4 * 600)])
SHA256 = {
    (600, True): b"bfab8bf4279a387e",
    (600, False): b"cd554379d8e003cd",
    (64, True): b"62aef6e308cc8306",
    (64, False): b"e3738510a74779ad",
}


def test_a_faded_block_is_the_same_everywhere_and_a_copy():
    for frames, rising in SHA256:
        block = bytearray(PCM[: 4 * frames])
        faded = ramped(memoryview(block), rising)
        digest = hexlify(hashlib.sha256(bytes(faded)).digest())
        assert digest[:16] == SHA256[frames, rising], (frames, rising, digest)
        assert block == PCM[: 4 * frames]

"""Ed25519 and SHA-512 on every runtime: our own code, and what `amos.crypto` chooses."""

from binascii import unhexlify

from amos import crypto
from amos.compat import MICROPYTHON
from amos.crypto import ed25519, sha512_plain
from amos.crypto.edwards import L, P
from amos.crypto.key_text import key_of_hex
from amos.crypto.sha512_portable import sha512

# Of RFC 8032 §7.1: seed, public key, message, signature.
RFC8032_VECTORS = (
    (  # TEST 1
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (  # TEST 2
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (  # TEST 3
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
    (  # TEST 1024
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f77b1"
        "e355f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d"
        "658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1998bd177e93a"
        "7363c344fe6b199ee5d02e82d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e"
        "06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc10"
        "3b6621fcde2beca1231d206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed1"
        "85ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d"
        "502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f270"
        "88d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc2732e69485bbc9c90bfbd62481d9089b"
        "eccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5555a7a569d80c3414a8d0859dc65a46128ba"
        "b27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51addd3b75a2b1ae0784504df543af8969b"
        "e3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb7"
        "51fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb038dda0847dd988d"
        "cda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34df"
        "f7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7"
        "984a74d37145986780fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e4"
        "88acba6b965610b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac09"
        "43bf6686b64b2579376504ccc493d97e6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5f"
        "b93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f161"
        "0e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380d"
        "b2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef68d3a101e8a3b8ca"
        "c60c905c15fc910840b94c00a0b9d0",
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b"
        "5e8fcd4f681e30a6ac00a9704a188a03",
    ),
    (  # TEST SHA(abc)
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
        "454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
        "3dca179c138ac17ad9bef1177331a704",
    ),
)

SEED = bytes(range(32))

# On MicroPython the package's functions are our own, and one of the two is enough.
IMPLEMENTATIONS = (ed25519,) if MICROPYTHON else (ed25519, crypto)


def _raises(expected, function, *arguments) -> bool:
    try:
        function(*arguments)
    except expected:
        return True
    return False


def _pattern(length) -> bytes:
    return bytes([(i * i * 7 + i * 3) & 255 for i in range(length)])


def _flipped(data, bit) -> bytes:
    changed = bytearray(data)
    changed[bit >> 3] ^= 1 << (bit & 7)
    return bytes(changed)


def test_the_package_chooses_by_runtime():
    assert (crypto.sign is ed25519.sign) == MICROPYTHON
    assert (crypto.verify is ed25519.verify) == MICROPYTHON
    assert (crypto.public_key is ed25519.public_key) == MICROPYTHON
    assert (crypto.sha512 is sha512) == MICROPYTHON


def test_rfc8032_vectors():
    for vector in RFC8032_VECTORS:
        seed, public, message, signature = [unhexlify(text) for text in vector]
        for implementation in IMPLEMENTATIONS:
            assert implementation.public_key(seed) == public
            assert implementation.sign(seed, message) == signature
            assert implementation.verify(public, message, signature) is True


def test_the_remembered_seed_never_leaks_into_another():
    vectors = [[unhexlify(text) for text in vector] for vector in RFC8032_VECTORS[:2]]
    for seed, _, message, signature in (vectors[0], vectors[0], vectors[1], vectors[0]):
        assert ed25519.sign(seed, message) == signature
    for seed, public, _, _ in (vectors[1], vectors[1], vectors[0]):
        assert ed25519.public_key(seed) == public


def test_a_flipped_bit_anywhere_is_refused():
    message = b"a reading"
    public = crypto.public_key(SEED)
    signature = crypto.sign(SEED, message)
    for implementation in IMPLEMENTATIONS:
        assert implementation.verify(public, message, signature) is True
        for bit in range(0, 512, 73):
            assert implementation.verify(public, message, _flipped(signature, bit)) is False
        for bit in (0, 100, 255):
            assert implementation.verify(_flipped(public, bit), message, signature) is False
        assert implementation.verify(public, _flipped(message, 40), signature) is False
        assert implementation.verify(public, message + b"\x00", signature) is False


def test_wrong_lengths_are_refused_without_an_error():
    public = crypto.public_key(SEED)
    signature = crypto.sign(SEED, b"")
    for implementation in IMPLEMENTATIONS:
        for wrong in (b"", signature[:63], signature + b"\x00", signature[:32]):
            assert implementation.verify(public, b"", wrong) is False
        for wrong in (b"", public[:31], public + b"\x00"):
            assert implementation.verify(wrong, b"", signature) is False


def test_a_second_s_for_the_same_signature_is_refused():
    public = crypto.public_key(SEED)
    signature = crypto.sign(SEED, b"")
    s = int.from_bytes(signature[32:], "little")
    for implementation in IMPLEMENTATIONS:
        for multiple in (1, 2, 8):
            malleated = signature[:32] + (s + multiple * L).to_bytes(32, "little")
            assert implementation.verify(public, b"", malleated) is False


def test_keys_and_commitments_of_small_order_are_refused():
    # With the neutral point as key or as both, S = 0 satisfies the equation for every message.
    order_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
    for y in (0, 1, P - 1, P, P + 1, order_8, P - order_8, 1 | 1 << 255, 1 << 255):
        public = y.to_bytes(32, "little")
        for commitment in (public, b"\x01" + bytes(31)):
            for implementation in IMPLEMENTATIONS:
                assert implementation.verify(public, b"any", commitment + bytes(32)) is False
    public = crypto.public_key(SEED)
    for implementation in IMPLEMENTATIONS:
        assert implementation.verify(public, b"any", b"\x01" + bytes(63)) is False


def test_keys_that_are_no_point_are_refused():
    signature = crypto.sign(SEED, b"")
    for y in (2, P + 3, (1 << 255) - 1, (1 << 256) - 1):  # 2 has no x; the others are not below p
        for implementation in IMPLEMENTATIONS:
            assert implementation.verify(y.to_bytes(32, "little"), b"", signature) is False


def test_wrong_arguments_have_named_errors():
    for implementation in IMPLEMENTATIONS:
        for wrong in (b"", bytes(31), bytes(33), bytes(64)):
            assert _raises(crypto.KeyLengthError, implementation.public_key, wrong)
            assert _raises(crypto.KeyLengthError, implementation.sign, wrong, b"")
        for wrong in ("0" * 32, 32, None, [0] * 32):
            assert _raises(crypto.ArgumentTypeError, implementation.public_key, wrong)
            assert _raises(crypto.ArgumentTypeError, implementation.sign, SEED, wrong)
            assert _raises(crypto.ArgumentTypeError, implementation.verify, wrong, b"", bytes(64))
            assert _raises(crypto.ArgumentTypeError, implementation.verify, bytes(32), wrong, bytes(64))
            assert _raises(crypto.ArgumentTypeError, implementation.verify, bytes(32), b"", wrong)
    for function in (crypto.sha512, sha512):
        assert _raises(crypto.ArgumentTypeError, function, "text")
        assert _raises(crypto.ArgumentTypeError, function, b"", 3)
    assert _raises(crypto.KeyLengthError, crypto.key_id, bytes(31))
    assert _raises(crypto.ArgumentTypeError, crypto.key_id, 32)


def test_any_bytes_like_argument_serves():
    for implementation in IMPLEMENTATIONS:
        public = implementation.public_key(bytearray(SEED))
        signature = implementation.sign(memoryview(SEED), bytearray(b"row"))
        assert signature == implementation.sign(SEED, b"row")
        assert implementation.verify(memoryview(public), memoryview(b"row"), bytearray(signature)) is True


def test_key_id_is_the_head_of_the_sha256():
    assert crypto.key_id(bytes(32)) == unhexlify("66687aadf862bd776c8fc18b8e9f8e20")


def test_sha512_known_answers():
    # FIPS 180-4's examples (NIST, "SHA512.pdf"): one block, two blocks; and the empty message.
    rows = [bytes([first + i for i in range(8)]) for first in range(97, 111)]  # abcdefgh, bcdefghi, ... nopqrstu
    two_blocks = b"".join(rows)
    for message, digest in (
        (
            b"",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
            "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ),
        (
            b"abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            two_blocks,
            "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
            "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
        ),
    ):
        assert sha512(message) == unhexlify(digest)
        assert crypto.sha512(message) == unhexlify(digest)


def test_sha512_of_every_length_around_the_block_borders():
    # Each digest goes into the next message, so that one known answer (by hashlib) covers lengths 0 to 263.
    chain = b""
    pattern = _pattern(200)
    for length in range(200):
        chain = sha512(chain + pattern[:length])
    assert chain == unhexlify(
        "2da91bda86b16c96de0ea85d71f90eb57307268d300311df04497c078b5eae49"
        "ee0fb4b3f9a555772beb25eb92386f0d268d93fc86263510b780b8eabd80f877"
    )


def test_sha512_of_parts_is_that_of_the_whole():
    whole = _pattern(300)
    expected = sha512(whole)
    for first in (0, 1, 127, 128, 129, 256, 300):
        for second in (first, min(300, first + 1), min(300, first + 128), 300):
            assert sha512(whole[:first], whole[first:second], whole[second:]) == expected


if MICROPYTHON:
    from array import array

    def test_sha512_in_viper_carries_as_the_plain_one():
        try:
            from amos.crypto import sha512_viper
        except SyntaxError:  # no native code on this port
            return
        for fill in (0, 0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0x00010001):
            viper = array("I", [fill] * sha512_viper.WORK_WORDS)
            plain = array("I", [fill] * sha512_plain.WORK_WORDS)
            data = b"\x00" + bytes([fill & 255]) * 128 + _pattern(128)
            sha512_viper.compress(viper, data, 1, 2)
            sha512_plain.compress(plain, data, 1, 2)
            assert list(viper)[:16] == list(plain)[:16]


def test_a_key_is_64_hex_digits_and_nothing_else():
    digits = "00ff" * 15 + "aBcD"
    assert key_of_hex(digits) == b"\x00\xff" * 15 + b"\xab\xcd"
    for text in (
        "",
        digits[:-1],
        digits + "0",
        " " + digits[1:],
        digits[:2] + " " + digits[3:],
        "g" * 64,
        None,
        64 * b"0",
    ):
        assert key_of_hex(text) is None, text

"""Checkpoints: own encoding against an independent reading of the note with PyNaCl, and strict decoding."""

import base64
import hashlib

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from amos.crypto import public_key, sign, verify
from amos.protocol.checkpoint_host import (
    Checkpoint,
    check_origin,
    note_key_id,
    open_checkpoint,
    sign_checkpoint,
    verifier_key,
)
from amos.protocol.errors import MessageError, SignatureError

SEED = bytes(range(32))
KEY = public_key(SEED)
HEAD = Checkpoint("ledger.example/amos", 20852163, hashlib.sha256(b"root").digest())
NOTE = sign_checkpoint(HEAD, KEY, lambda message: sign(SEED, message))


def opened(note: bytes) -> Checkpoint:
    return open_checkpoint(note, HEAD.origin, KEY, verify)


def independent(note: bytes, vkey: str) -> tuple[str, int, bytes]:
    """What c2sp.org/signed-note says a client does, from the verifier key's text alone."""
    name, key_hash, encoded = vkey.split("+", 2)
    key = base64.b64decode(encoded)
    assert key[0] == 1
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_hash
    at = note.rindex(b"\n\n")
    text, lines = note[: at + 1], note[at + 2 :].decode().splitlines()
    for line in lines:
        dash, signer, blob = line.split(" ")
        content = base64.b64decode(blob)
        if dash == "—" and signer == name and content[:4].hex() == key_hash:
            VerifyKey(key[1:]).verify(text, content[4:])
            origin, size, root = text.decode().splitlines()
            return origin, int(size), base64.b64decode(root)
    raise BadSignatureError


def test_an_independent_client_accepts_our_note() -> None:
    assert independent(NOTE, verifier_key(HEAD.origin, KEY)) == (HEAD.origin, HEAD.size, HEAD.root)


def test_key_id_of_the_published_example_of_go_note() -> None:
    # golang.org/x/mod/sumdb/note, the checksum database's own key.
    vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    key = base64.b64decode(vkey.split("+", 2)[2])
    assert verifier_key("sum.golang.org", key[1:]) == vkey
    assert note_key_id("sum.golang.org", key[1:]).hex() == "033de0ae"


def test_our_note_opens_again() -> None:
    assert opened(NOTE) == HEAD


def test_signatures_of_others_are_passed_over() -> None:
    witness = SigningKey(bytes(32))
    line = note_key_id("witness.example", bytes(witness.verify_key)) + witness.sign(b"whatever").signature
    note = NOTE + f"— witness.example {base64.b64encode(line).decode()}\n".encode()
    assert opened(note) == HEAD


def resigned(text: bytes) -> bytes:
    line = note_key_id(HEAD.origin, KEY) + sign(SEED, text)
    return text + b"\n" + f"— {HEAD.origin} {base64.b64encode(line).decode()}\n".encode()


ROOT64 = base64.b64encode(HEAD.root)
FORMS = {
    "no signature": NOTE[: NOTE.rindex(b"\n\n") + 2],
    "no empty line": NOTE.replace(b"\n\n", b"\n"),
    "not UTF-8": b"\xff" + NOTE,
    "control character": NOTE.replace(b"\n2", b"\r\n2"),
    "too long": NOTE + b"x" * 1024,
    "cut": NOTE[:-1],
    "plain dash": NOTE.replace("—".encode(), b"-"),
    "leading zero": resigned(b"ledger.example/amos\n07\n" + ROOT64 + b"\n"),
    "negative": resigned(b"ledger.example/amos\n-7\n" + ROOT64 + b"\n"),
    "beyond 63 bits": resigned(b"ledger.example/amos\n9223372036854775808\n" + ROOT64 + b"\n"),
    "very long number": resigned(b"ledger.example/amos\n" + b"9" * 500 + b"\n" + ROOT64 + b"\n"),
    "short root": resigned(b"ledger.example/amos\n7\nAAAA\n"),
    "unpadded root": resigned(b"ledger.example/amos\n7\n" + ROOT64[:-1] + b"\n"),
    "loose last bits": resigned(b"ledger.example/amos\n7\n" + ROOT64[:-2] + b"/=\n"),
    "other origin": resigned(b"ledger.example/other\n7\n" + ROOT64 + b"\n"),
    "extension line": resigned(b"ledger.example/amos\n7\n" + ROOT64 + b"\nmore\n"),
    "empty": b"",
}


@pytest.mark.parametrize("form", FORMS)
def test_any_other_form_is_refused(form: str) -> None:
    with pytest.raises(MessageError):
        opened(FORMS[form])


def test_every_flipped_bit_is_refused() -> None:
    for place in range(len(NOTE)):
        broken = bytearray(NOTE)
        broken[place] ^= 1
        with pytest.raises((MessageError, SignatureError)):
            opened(bytes(broken))


def test_another_key_is_refused() -> None:
    with pytest.raises(SignatureError):
        open_checkpoint(NOTE, HEAD.origin, public_key(bytes(32)), verify)


def test_one_bad_signature_of_ours_condemns_the_note() -> None:
    line = note_key_id(HEAD.origin, KEY) + bytes(64)
    with pytest.raises(SignatureError):
        opened(NOTE + f"— {HEAD.origin} {base64.b64encode(line).decode()}\n".encode())


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "line\nline", "x" * 65, "tab\t", "\u2003", "\ud800"])
def test_a_name_that_cannot_name_a_key_is_refused(origin: str) -> None:
    with pytest.raises(MessageError):
        check_origin(origin)

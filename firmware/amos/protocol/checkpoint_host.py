"""The signed tree head: a C2SP tlog-checkpoint in a signed note by Ed25519 (c2sp.org/tlog-checkpoint, /signed-note).

    <origin>
    <size>
    <base64 root>

    — <origin> <base64(key id, 4 bytes, and signature, 64 bytes)>

Pure. The log's key name is its origin. Extension lines are not written and not accepted.
"""

import binascii
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass

from amos.protocol.errors import MessageError, SignatureError
from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX

TYPE_ED25519 = b"\x01"
SIZE_MAX = (1 << 63) - 1
_MARK = "\u2014 "
_KEY_ID_BYTES = 4
_SIGNATURE_BYTES = 64

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes, bytes], bool]


@dataclass(frozen=True)
class Checkpoint:
    """A tree head: `size` leaves with this 32-byte `root`, of the log called `origin`."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """The note's text, which is what is signed."""
        check_origin(self.origin)
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n".encode()


def check_origin(origin: str) -> None:
    """Raise `MessageError` unless `origin` can name a key: 1 to 64 bytes, no space, plus or control character."""
    good = 1 <= len(origin.encode(errors="replace")) <= SMALL_TEXT_BYTES_MAX and origin.isprintable()
    if not good or any(character.isspace() or character == "+" for character in origin):
        raise MessageError(f"origin: expected a name of 1 to 64 bytes without spaces or +, found {origin[:70]!r}")


def note_key_id(name: str, public_key: bytes) -> bytes:
    """The 4 bytes by which a signature line names its key."""
    return hashlib.sha256(name.encode() + b"\n" + TYPE_ED25519 + public_key).digest()[:_KEY_ID_BYTES]


def verifier_key(name: str, public_key: bytes) -> str:
    """The key as Go's `note.NewVerifier` takes it: <name>+<key id in hex>+<base64(type and key)>."""
    return f"{name}+{note_key_id(name, public_key).hex()}+{b64encode(TYPE_ED25519 + public_key).decode()}"


def sign_checkpoint(checkpoint: Checkpoint, public_key: bytes, sign_message: Sign) -> bytes:
    """The signed note's bytes. Deterministic, as Ed25519 is: signing again after a crash gives the same bytes."""
    text = checkpoint.text()
    signature = note_key_id(checkpoint.origin, public_key) + sign_message(text)
    return text + f"\n{_MARK}{checkpoint.origin} {b64encode(signature).decode()}\n".encode()


def add_signature(note: bytes, checkpoint: Checkpoint, public_key: bytes, sign_message: Sign) -> bytes:
    """The note with a line by another key of the log's, for whoever knows that one."""
    line = sign_checkpoint(checkpoint, public_key, sign_message)[len(checkpoint.text()) + 1 :]
    return note + line


def open_checkpoint(note: bytes, origin: str, public_key: bytes, verify: Verify) -> Checkpoint:
    """Verify, then decode. Signatures of other keys (witnesses) are passed over; a bad one of ours condemns the note.

    Raises `MessageError` for a note of another form, `SignatureError` without a good signature by this key.
    """
    text, lines = split_note(note)
    key_id = note_key_id(origin, public_key)
    ours = [signature for name, found, signature in map(signature_of, lines) if (name, found) == (origin, key_id)]
    if not ours or not all(
        len(signature) == _SIGNATURE_BYTES and verify(public_key, text, signature) for signature in ours
    ):
        raise SignatureError(f"checkpoint: expected a signature by {origin} {key_id.hex()}")
    return _decode(text, origin)


def split_note(note: bytes) -> tuple[bytes, list[str]]:
    """(text, signature lines) of a signed note, nothing verified. Raises `MessageError`."""
    if len(note) > CHECKPOINT_BYTES_MAX:
        raise MessageError(f"checkpoint: expected at most {CHECKPOINT_BYTES_MAX} bytes, found {len(note)}")
    try:
        content = note.decode()
    except UnicodeDecodeError:
        raise MessageError("checkpoint: expected UTF-8") from None
    if any(character < " " and character != "\n" for character in content):
        raise MessageError("checkpoint: expected no control characters")
    text, blank, signatures = content.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise MessageError("checkpoint: expected a text, an empty line and signature lines")
    return (text + "\n").encode(), signatures[:-1].split("\n")


def signature_of(line: str) -> tuple[str, bytes, bytes]:
    """(key name, key id, signature) of a signature line. Raises `MessageError`."""
    name, space, encoded = line.removeprefix(_MARK).partition(" ")
    content = _base64(encoded) if line.startswith(_MARK) and space and name and "+" not in name else b""
    if len(content) <= _KEY_ID_BYTES:
        raise MessageError(f"checkpoint: expected a signature line, found {line[:40]!r}")
    return name, content[:_KEY_ID_BYTES], content[_KEY_ID_BYTES:]


def _decode(text: bytes, origin: str) -> Checkpoint:
    lines = text.decode().split("\n")
    if len(lines) != 4 or lines[3]:
        raise MessageError(f"checkpoint: expected three lines, found {len(lines) - 1}")
    if lines[0] != origin:
        raise MessageError(f"checkpoint.origin: expected {origin}, found {lines[0]}")
    digits = lines[1]
    if not (digits.isascii() and digits.isdigit()) or str(int(digits[:20])) != digits or int(digits) > SIZE_MAX:
        raise MessageError(f"checkpoint.size: expected a decimal number, found {digits[:40]}")
    root = _base64(lines[2])
    if len(root) != 32:
        raise MessageError("checkpoint.root: expected 32 bytes in base64")
    return Checkpoint(origin, int(digits), root)


def _base64(text: str) -> bytes:
    """Canonical base64 (RFC 4648 §4), else no bytes."""
    try:
        content = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return content if b64encode(content).decode() == text else b""

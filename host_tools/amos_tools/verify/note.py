"""The checkpoint: a C2SP signed note (c2sp.org/signed-note, c2sp.org/tlog-checkpoint) by the ledger's Ed25519 key."""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from amos.crypto import verify
from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos_tools.verify.errors import Difference, Unreadable

_ED25519 = b"\x01"
"""Signature type of Ed25519 in a note's key hash."""


@dataclass(frozen=True)
class Checkpoint:
    """What the ledger signed: its name, the number of entries and the root over them."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Note:
    """A signed note taken apart, nothing verified: what it says, the bytes that are signed, and its signature lines."""

    says: Checkpoint
    body: bytes
    signatures: str


def read_note(label: str, note: bytes, origin: str | None) -> Note:
    """Take a note apart. `origin` is the name pinned, None when only the key is. Raises `Unreadable`, `Difference`."""
    if len(note) > CHECKPOINT_BYTES_MAX:
        raise Unreadable(f"{label}: expected at most {CHECKPOINT_BYTES_MAX} bytes, found {len(note)}")
    try:
        text = note.decode()
    except UnicodeDecodeError:
        raise Unreadable(f"{label}: expected a signed note in UTF-8") from None
    body, blank, signatures = text.rpartition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) < 3 or not signatures.endswith("\n"):
        raise Unreadable(f"{label}: expected a signed note: name, size, root, blank line, signatures")
    name, size, root = lines[:3]
    if origin is not None and name != origin:
        raise Difference(f"{label}.origin", origin, name)
    if not (size.isascii() and size.isdigit()) or str(int(size[:20])) != size:
        raise Unreadable(f"{label}.size: expected a decimal number")
    says = Checkpoint(name, int(size), base64_bytes(f"{label}.root", root, 32))
    return Note(says, (body + "\n").encode(), signatures)


def open_checkpoint(label: str, note: bytes, ledger_key: bytes, origin: str | None) -> Checkpoint:
    """Read, and verify the ledger's signature. Lines of other signers (witnesses, another key of the ledger's) are
    passed over. Raises `Unreadable` or `Difference`."""
    return check_note(label, read_note(label, note, origin), ledger_key)


def check_note(label: str, note: Note, ledger_key: bytes) -> Checkpoint:
    """What the note says, if this key signed it. Raises `Unreadable` or `Difference`."""
    _check_signature(label, note.says.origin, note.body, note.signatures, ledger_key)
    return note.says


def base64_bytes(label: str, text: str, count: int | None = None) -> bytes:
    """The bytes of standard base64 in its one canonical spelling; `count` of them if given. Raises `Unreadable`."""
    try:
        data = b64decode(text.encode("ascii"), validate=True)
    except (Base64Error, ValueError):
        raise Unreadable(f"{label}: expected base64") from None
    # Base64 leaves spare bits at the end; another spelling of the same bytes is not what was written.
    if b64encode(data).decode() != text or (count is not None and len(data) != count):
        raise Unreadable(f"{label}: expected canonical base64{f' of {count} bytes' if count else ''}")
    return data


def _check_signature(label: str, name: str, body: bytes, signatures: str, ledger_key: bytes) -> None:
    key_hash = hashlib.sha256(name.encode() + b"\n" + _ED25519 + ledger_key).digest()[:4]
    for line in signatures.removesuffix("\n").split("\n"):
        dash, _, rest = line.partition(" ")
        signer, space, encoded = rest.rpartition(" ")
        if dash != "\u2014" or not space:
            raise Unreadable(f"{label}: expected signature lines like '\u2014 name base64'")
        data = base64_bytes(f"{label}.signature", encoded)
        if signer == name and data[:4] == key_hash:
            if not verify(ledger_key, body, data[4:]):
                raise Difference(f"{label}.signature", "one by the pinned ledger key", "one that does not verify")
            return
    raise Difference(f"{label}.signature", f"a line by {name} with key hash {key_hash.hex()}", "none")

"""Ed25519 (RFC 8032), SHA-512 and key identifiers: PyNaCl on CPython, our own code on MicroPython. Pure.

    public_key(seed32) -> bytes32
    sign(seed32, *message) -> bytes64                 the message in one piece or several
    verify(public32, message, signature64) -> bool    strict as libsodium; False, never an error, for any bytes
    sha512(*parts) -> bytes64
    key_id(public32) -> bytes16                       names a key; that of a device's first one is its device id

Arguments are bytes, bytearray or memoryview. A caller's mistake raises a `CryptoError`: `KeyLengthError` or
`ArgumentTypeError`. Signing needs no randomness, so the same seed and message give the same signature on every runtime.

What this protects, and what it does not:

- It protects readings from everyone between the player and the ledger: without the seed nobody can add or alter one.
- Our own code runs in variable time: how long it takes, what it draws and radiates depend on the seed. It is meant for
  a player that signs a segment every ten minutes over a link that shows no useful timing. Someone who can have the
  board sign often and time it closely, or hold a probe to it, may learn the seed. PyNaCl does not have this weakness.
- Our own code keeps the last seed and what it expands to in RAM, where a debugger or a memory dump finds it.
- A device's key file is bound to the machine (`edges/key_store.py`): what it holds and a number of the hardware (a Pi's
  SoC serial number, a board's unique id, elsewhere the machine id) make the seed together. A card copied into another
  device is refused by name there, so a copy or a swap never makes two devices of one, and a lost card or a backup is
  not yet the key.
- That is no secret: serial numbers are short (a Pi's has 32 bits that vary), printed, and shown to every program. Who
  has the file and wants the key tries them all. Who has the machine reads file and number; so does whoever is root on
  it, or asks the board's prompt. An SD card or flash may still hold a plain key that was bound later, in worn blocks.
- The boards' flash and RAM can be read out. Whoever holds the board can copy its seed, or sign what never sounded. No
  code here can prevent that; the ledger's part is to notice two logs under one key.
- A device key that is known to be stolen is revoked by the operator (protocol/SPEC.md section 13): play dated later is
  never paid. Play that the thief dates back, or not at all, is bounded by what one board can have played, and by the
  chain, where two who use one key show as a fork.
- A device's key may give way to another (protocol/SPEC.md section 6). Once the operator has enrolled the change, what a
  stolen old key signs from there on neither counts nor brings the device into quarantine. It still is the key of the
  segments before: until those have come, its thief can send others in their place, which shows as a fork. The old
  secret is overwritten; a card or flash may hold it in worn blocks all the same. Who can read the card reads the new
  key too, so a change helps against a theft that is over, not against one that goes on.
- A machine id goes along when a whole disk is copied. Where a machine shows no lasting number, the file is the key,
  and the player says so when it starts.
- A host's keys (publisher, operator, ledger) are plain files. They, a device's key and what players, couriers, vaults
  and ledgers keep are made for their owner alone to read (`edges/private.py`).
- There is no forward secrecy: whoever has the seed can also sign readings for the past.
"""

import hashlib

from amos.compat import MICROPYTHON
from amos.crypto.errors import ArgumentTypeError, CryptoError, KeyLengthError, checked_key

if MICROPYTHON:
    from amos.crypto.ed25519 import public_key, sign, verify
    from amos.crypto.sha512_portable import sha512
else:
    from amos.crypto.host import public_key, sha512, sign, verify

__all__ = (
    "ArgumentTypeError",
    "CryptoError",
    "KeyLengthError",
    "key_id",
    "public_key",
    "sha512",
    "sign",
    "verify",
)


def key_id(public: bytes) -> bytes:
    """The first 16 bytes of the SHA-256 of a 32-byte public key. Raises `KeyLengthError` or `ArgumentTypeError`."""
    return hashlib.sha256(checked_key("public", public)).digest()[:16]

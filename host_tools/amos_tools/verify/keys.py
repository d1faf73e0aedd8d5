"""Keys pinned elsewhere: what the verifier believes, given by hand and never taken from what it checks."""

import json
from dataclasses import dataclass
from pathlib import Path

from amos.crypto.key_text import key_of_hex
from amos_tools.verify.errors import KeyNotGiven, Unreadable
from amos_tools.verify.published import read_file

KEYS_FILE_BYTES_MAX = 64 * 1024
KEY_NAMES = ("ledger", "publisher", "operator")


@dataclass(frozen=True)
class Keys:
    """Ed25519 public keys, 32 bytes each, and the ledger's name if that is pinned too."""

    ledger: bytes
    publisher: bytes
    operator: bytes
    origin: str | None = None


def pin_keys(file: Path | None, given: dict[str, str | None]) -> Keys:
    """Keys of a JSON file {"ledger": hex, "publisher": hex, "operator": hex, "origin": text}; those given by hand win.

    Raises `KeyNotGiven` when one is missing, or typed as no 32-byte key in hexadecimal; `Unreadable` for a file that
    holds none.
    """
    texts: dict[str, object] = {} if file is None else _read(file)
    typed = {name: text for name, text in given.items() if text is not None}
    keys = {name: _key(name, (texts | typed).get(name), name in typed) for name in KEY_NAMES}
    return Keys(keys["ledger"], keys["publisher"], keys["operator"], _origin(texts))


def _origin(texts: dict[str, object]) -> str | None:
    origin = texts.get("origin")
    if origin is not None and not isinstance(origin, str):
        raise Unreadable(f"keys.origin: expected text, found {origin!r:.40}")
    return origin


@dataclass(frozen=True)
class LedgerKey:
    """The ledger's pinned key, which is all that a light check believes, and the ledger's name if that is pinned."""

    key: bytes
    origin: str | None


def pin_ledger_key(file: Path | None, typed: str | None) -> LedgerKey:
    """The ledger's key of such a JSON file, or as typed, which wins. Raises `KeyNotGiven`, `Unreadable`."""
    texts: dict[str, object] = {} if file is None else _read(file)
    key = _key("ledger", texts.get("ledger") if typed is None else typed, typed is not None)
    return LedgerKey(key, _origin(texts))


def key_given(name: str, text: str) -> bytes:
    """A key typed on the command line. Raises `KeyNotGiven`."""
    return _key(name, text, True)


def _read(file: Path) -> dict[str, object]:
    try:
        item = json.loads(read_file(file, KEYS_FILE_BYTES_MAX))
    except (ValueError, RecursionError):
        raise Unreadable(f"{file}: expected JSON") from None
    if not isinstance(item, dict):
        raise Unreadable(f"{file}: expected a JSON object with the keys {', '.join(KEY_NAMES)}")
    return item


def _key(name: str, text: object, typed: bool) -> bytes:
    if text is None:
        raise KeyNotGiven(
            f"keys.{name}: expected the {name}'s public key, by --{name}-key or in the keys file; found none"
        )
    key = key_of_hex(text)
    if key is None:
        error = KeyNotGiven if typed else Unreadable
        raise error(f"keys.{name}: expected 64 hexadecimal digits, found {str(text)[:80]!r}")
    return key

"""Tokens that let somebody in: random, shown once, and kept as SHA-256 in one file.

A token has 160 random bits, so a plain hash keeps it: nobody can try them. The file is looked at again when it has
changed, so a token that is taken away lets nobody in from then on.
"""

import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amos.edges.durable_host import write_whole
from amos_web.errors import TokenError
from amos_web.kept_rows import KeptRows
from amos_web.limits import TOKENS_FILE_BYTES_MAX, TOKENS_MAX

TOKEN_BYTES = 20
NAME_LETTERS_MAX = 40


@dataclass(frozen=True)
class Kept:
    """What is kept of a token: whose it is, its hash in hex, and when it was made."""

    name: str
    sha256: str
    made_unix_s: int


class Tokens:
    """Those of the file at `path`, which need not be there."""

    def __init__(self, path: Path):
        self._rows = KeptRows(path, "tokens", TOKENS_FILE_BYTES_MAX, _kept)

    def make(self, name: str) -> str:
        """A new one for this name, which has none. Raises `TokenError`."""
        with self._rows.changing() as kept:
            return self._make(name, kept)

    def _make(self, name: str, kept: list[Kept]) -> str:
        if not 1 <= len(name) <= NAME_LETTERS_MAX or not name.isprintable():
            raise TokenError(f"token: expected a name of 1 to {NAME_LETTERS_MAX} letters, found {name[:60]!r}")
        if any(each.name == name for each in kept):
            raise TokenError(f"token: expected a name that has none, found {name!r}; take its token away first")
        if len(kept) >= TOKENS_MAX:
            raise TokenError(f"token: expected at most {TOKENS_MAX}, found as many; take one away first")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._rows.write([*kept, Kept(name, hash_of(token), int(time.time()))])
        return token

    def take_away(self, name: str) -> None:
        """It lets nobody in any more. Raises `TokenError`."""
        with self._rows.changing() as kept:
            left = [each for each in kept if each.name != name]
            if len(left) == len(kept):
                known = ", ".join(each.name for each in kept) or "none"
                raise TokenError(f"token: expected one of {known}; found {name[:60]!r}")
            self._rows.write(left)

    def all(self) -> list[Kept]:
        """In the order in which they were made. Raises `TokenError`."""
        return self._rows.all()

    def of(self, token: str) -> Kept | None:
        """Whose token it is; None for one that is none. Raises `TokenError`."""
        return self.of_hash(hash_of(token))

    def of_hash(self, sha256: str) -> Kept | None:
        """The same by the hash. Raises `TokenError`."""
        found = None
        for each in self._rows.all():
            if hmac.compare_digest(each.sha256, sha256):
                found = each
        return found


def session_key(path: Path) -> bytes:
    """32 random bytes, made once and kept at `path`, for nobody else to read. Raises `TokenError`."""
    try:
        if not path.exists():
            write_whole(path, os.urandom(32), 0o600)
        key = path.read_bytes()
    except OSError as error:
        raise TokenError(f"{path}: {error.strerror or error}") from None
    if len(key) != 32:
        raise TokenError(f"{path}: expected 32 bytes, found {len(key)}; remove it, and everybody signs in again")
    return key


def _kept(row: Any) -> Kept:
    return Kept(str(row["name"]), str(row["sha256"]), int(row["made_unix_s"]))


def hash_of(token: str) -> str:
    """As it is kept: SHA-256 in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

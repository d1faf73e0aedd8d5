"""Tokens that let somebody in: random, shown once, and kept as SHA-256 in one file.

A token has 160 random bits, so a plain hash keeps it: nobody can try them. The file is looked at again when it has
changed, so a token that is taken away lets nobody in from then on.
"""

import hashlib
import hmac
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from amos.edges.durable_host import write_whole
from amos_web.errors import TokenError
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
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._kept: dict[str, Kept] = {}

    def make(self, name: str) -> str:
        """A new one for this name, which has none. Raises `TokenError`."""
        kept = self.all()
        if not 1 <= len(name) <= NAME_LETTERS_MAX or not name.isprintable():
            raise TokenError(f"token: expected a name of 1 to {NAME_LETTERS_MAX} letters, found {name[:60]!r}")
        if any(each.name == name for each in kept):
            raise TokenError(f"token: expected a name that has none, found {name!r}; take its token away first")
        if len(kept) >= TOKENS_MAX:
            raise TokenError(f"token: expected at most {TOKENS_MAX}, found as many; take one away first")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._write([*kept, Kept(name, _hash(token), int(time.time()))])
        return token

    def take_away(self, name: str) -> None:
        """It lets nobody in any more. Raises `TokenError`."""
        kept = self.all()
        left = [each for each in kept if each.name != name]
        if len(left) == len(kept):
            known = ", ".join(each.name for each in kept) or "none"
            raise TokenError(f"token: expected one of {known}; found {name[:60]!r}")
        self._write(left)

    def all(self) -> list[Kept]:
        """In the order in which they were made. Raises `TokenError`."""
        self._read()
        return list(self._kept.values())

    def of(self, token: str) -> Kept | None:
        """Whose token it is; None for one that is none. Raises `TokenError`."""
        return self.of_hash(_hash(token))

    def of_hash(self, sha256: str) -> Kept | None:
        """The same by the hash. Raises `TokenError`."""
        self._read()
        found = None
        for each in self._kept.values():
            if hmac.compare_digest(each.sha256, sha256):
                found = each
        return found

    def _read(self) -> None:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if stamp == self._stamp:
                return
            with self._path.open("rb") as file:
                data = file.read(TOKENS_FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            self._stamp, self._kept = None, {}
            return
        except OSError as error:
            raise TokenError(f"{self._path}: {error.strerror or error}") from None
        try:
            if len(data) > TOKENS_FILE_BYTES_MAX:
                raise ValueError
            rows = json.loads(data)["tokens"]
            kept = [Kept(str(row["name"]), str(row["sha256"]), int(row["made_unix_s"])) for row in rows]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise TokenError(
                f"{self._path}: expected tokens as they were kept; remove it, and make them anew"
            ) from None
        self._stamp, self._kept = stamp, {each.sha256: each for each in kept}

    def _write(self, kept: list[Kept]) -> None:
        data = json.dumps({"version": 1, "tokens": [asdict(each) for each in kept]}, indent=1).encode()
        try:
            write_whole(self._path, data + b"\n", 0o600)
        except OSError as error:
            raise TokenError(f"{self._path}: {error.strerror or error}") from None
        self._stamp = None


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


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

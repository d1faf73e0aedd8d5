"""A copy of a ledger's public directory, in a folder or at a URL. Nothing of what it says is believed.

Contract: `read` returns at most `bytes_max` bytes and within `FETCH_S` at a web server, however slowly it talks; a
server that stumbles is asked again. Raises `NotThere` for a name that the mirror does not have, `MirrorFailed` for
everything else.
"""

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from amos_ledger.errors import LedgerError

SILENCE_S = 20
"""Without a byte, before a connection is given up."""

FETCH_S = 120
"""For one file; the largest is a full bundle of 16 MiB."""

_PAUSES_S = (0.2, 1.0, 5.0)
_PIECE_BYTES = 64 * 1024


class MirrorFailed(LedgerError):
    """A mirror cannot be read, or says what its own checkpoint does not commit to."""


class NotThere(MirrorFailed):
    """The mirror does not have a file of this name."""


class Mirror(Protocol):
    """Reads by name below one folder."""

    name: str

    def read(self, name: str, bytes_max: int) -> bytes:
        """The file's bytes."""
        ...


class FolderMirror:
    """A mirror in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder = folder

    def read(self, name: str, bytes_max: int) -> bytes:
        try:
            with (self._folder / name).open("rb") as file:
                return _capped(f"{self.name}/{name}", file.read(bytes_max + 1), bytes_max)
        except FileNotFoundError:
            raise NotThere(f"{self.name}: expected {name}, found none") from None
        except OSError as error:
            raise MirrorFailed(f"{self.name}/{name}: {error.strerror or error}") from None


class WebMirror:
    """A mirror at an address that begins with http:// or https://."""

    def __init__(self, url: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name = url.rstrip("/")
        self._sleep = sleep

    def read(self, name: str, bytes_max: int) -> bytes:
        for pause_s in _PAUSES_S:
            try:
                return self._fetch(name, bytes_max)
            except (NotThere, _Refused):
                raise
            except MirrorFailed:
                self._sleep(pause_s)
        return self._fetch(name, bytes_max)

    def _fetch(self, name: str, bytes_max: int) -> bytes:
        url = f"{self.name}/{urllib.parse.quote(name)}"
        end_s = time.monotonic() + FETCH_S
        data = b""
        try:
            with urllib.request.urlopen(url, timeout=SILENCE_S) as answer:
                while piece := answer.read1(_PIECE_BYTES):
                    data += piece
                    if len(data) > bytes_max:
                        break
                    if time.monotonic() > end_s:
                        raise MirrorFailed(f"{url}: expected it within {FETCH_S} s, found {len(data)} bytes so far")
                length = answer.headers.get("Content-Length", "")
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise NotThere(f"{self.name}: expected {name}, found none") from None
            kind = MirrorFailed if error.code >= 500 else _Refused
            raise kind(f"{url}: {error.code} {error.reason}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise MirrorFailed(f"{url}: {error}") from None
        if length.isascii() and length.isdigit() and len(data) < min(int(length), bytes_max + 1):
            raise MirrorFailed(f"{url}: expected {length} bytes, found {len(data)}")
        return _capped(url, data, bytes_max)


class _Refused(MirrorFailed):
    """The server says that asking again will not help."""


def open_mirror(text: str) -> Mirror:
    """The mirror that an operator names: an address, or a folder."""
    if text.startswith(("http://", "https://")):
        return WebMirror(text)
    return FolderMirror(Path(text))


def _capped(name: str, data: bytes, bytes_max: int) -> bytes:
    if len(data) > bytes_max:
        raise _Refused(f"{name}: expected at most {bytes_max} bytes, found more")
    return data

"""A place at an address that begins with http:// or https://, to read from; with NAME:PASSWORD@ before the host it logs
in (HTTP Basic, RFC 7617).

Contract: `read` takes at most `FETCH_S`, however slowly the server talks; one that stumbles is asked again.
"""

import base64
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from amos_places.errors import NotThere, PlaceFailed, PlaceRefused
from amos_places.place import read_capped, without_password

SILENCE_S = 20
"""Without a byte, before a connection is given up."""

FETCH_S = 120
"""For one file; the largest is a full bundle of 16 MiB."""

_PAUSES_S = (0.2, 1.0, 5.0)
_PIECE_BYTES = 64 * 1024


class WebPlace:
    """What a static web server serves below `url`."""

    def __init__(self, url: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name = without_password(url).rstrip("/")
        self._url = url.rstrip("/")
        self._address, self._login = _split(self._url)
        self._sleep = sleep

    def below(self, name: str) -> "WebPlace":
        return WebPlace(f"{self._url}/{urllib.parse.quote(name)}", self._sleep)

    def read(self, name: str, bytes_max: int) -> bytes:
        for pause_s in _PAUSES_S:
            try:
                return self._fetch(name, bytes_max)
            except (NotThere, PlaceRefused):
                raise
            except PlaceFailed:
                self._sleep(pause_s)
        return self._fetch(name, bytes_max)

    def _fetch(self, name: str, bytes_max: int) -> bytes:
        below = urllib.parse.quote(name)
        url = f"{self.name}/{below}"
        end_s = time.monotonic() + FETCH_S
        data = b""
        try:
            request = urllib.request.Request(f"{self._address}/{below}", headers=self._login)
            with urllib.request.urlopen(request, timeout=SILENCE_S) as answer:
                while piece := answer.read1(_PIECE_BYTES):
                    data += piece
                    if len(data) > bytes_max:
                        break
                    if time.monotonic() > end_s:
                        raise PlaceFailed(f"{url}: expected it within {FETCH_S} s, found {len(data)} bytes so far")
                length = answer.headers.get("Content-Length", "")
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise NotThere(f"{self.name}: expected {name}, found none") from None
            kind = PlaceFailed if error.code >= 500 else PlaceRefused
            raise kind(f"{url}: {error.code} {error.reason}") from None
        except PlaceFailed:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PlaceFailed(f"{url}: {error}") from None
        if length.isascii() and length.isdigit() and len(data) < min(int(length), bytes_max + 1):
            raise PlaceFailed(f"{url}: expected {length} bytes, found {len(data)}")
        return read_capped(url, data, bytes_max)


def _split(url: str) -> tuple[str, dict[str, str]]:
    """(the address without who logs in, the headers that log in)."""
    parts = urllib.parse.urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    address = urllib.parse.urlunsplit(parts._replace(netloc=host))
    words = base64.b64encode(urllib.parse.unquote(login).encode()).decode()
    return address, {"Authorization": f"Basic {words}"} if at else {}

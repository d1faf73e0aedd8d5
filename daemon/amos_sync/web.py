"""What a web server has at a URL, over urllib3, and what it is when it is something else: a login page of the network,
a short or endless body, a range that was not asked for. Every failure is a `WebError`, in a sentence that goes on from
the URL.

Redirects are followed, a few of them, and never from https to http: what comes is hashed or signed in any case.
"""

import http.client
import ssl
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from amos.protocol.printable_host import printable
from amos_sync.limits import FETCH_PIECE_BYTES, PACK_FETCH_TIMEOUT_S, REDIRECTS_MAX, SLOW_BYTES, SLOW_S, STALL_S
from amos_sync.web_deadline import Deadline

PAGE = (
    "answers with a web page in place of it: this network may want a login first (captive portal), or the URL is wrong"
)
_REDIRECTS = (301, 302, 303, 307, 308)
_FOLLOWED = (("http", "http"), ("http", "https"), ("https", "https"))
"""Schemes from which to which."""

_TIMEOUT = urllib3.Timeout(connect=10, read=PACK_FETCH_TIMEOUT_S)
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "amos-courier"}


class WebError(Exception):
    """The server does not give what it should; `resumes`: what came so far is good, and the rest may come later."""

    def __init__(self, sentence: str, resumes: bool = False) -> None:
        super().__init__(printable(sentence)[:400])
        self.resumes = resumes


class Answer:
    """An open answer of status 200 or 206. `validator` is for If-Range, None where the server gives none."""

    def __init__(self, response: urllib3.BaseHTTPResponse, deadline: Deadline) -> None:
        self._response = response
        self._deadline = deadline
        self.partial = response.status == HTTPStatus.PARTIAL_CONTENT
        self.content_range = response.headers.get("Content-Range", "")
        tag = response.headers.get("ETag", "")
        self.validator = tag if tag.startswith('"') else response.headers.get("Last-Modified")
        self.compressed = bool(response.headers.get("Content-Encoding"))
        length = response.headers.get("Content-Length", "")
        self.length = int(length) if length.isascii() and length.isdigit() and not self.compressed else None

    def pieces(self, bytes_max: int) -> Iterator[bytes]:
        """The body, piece by piece as it comes. Raises `WebError` when it is broken off, too slow, or too long."""
        total, mark_bytes, mark_s = 0, 0, time.monotonic()
        with _named(self._deadline):
            while data := self._response.read1(FETCH_PIECE_BYTES, decode_content=True):
                if not total and self._is_page(data):
                    raise WebError(PAGE)
                total += len(data)
                if total > bytes_max:
                    raise WebError(f"sends more than expected, which is at most {bytes_max} bytes")
                yield data
                self._deadline.extend()
                if time.monotonic() - mark_s >= SLOW_S:
                    if total - mark_bytes < SLOW_BYTES:
                        raise WebError(f"sends too slowly: {total - mark_bytes} bytes in {SLOW_S} s", resumes=True)
                    mark_bytes, mark_s = total, time.monotonic()
        _look(self._deadline)
        if self.length is not None and total < self.length:
            raise WebError(f"broke off after {total} of {self.length} bytes", resumes=True)

    def _is_page(self, start: bytes) -> bool:
        kind = self._response.headers.get("Content-Type", "").lower()
        text = start[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        return kind.startswith(("text/html", "application/xhtml")) or text.startswith((b"<!doctype html", b"<html"))


@contextmanager
def opened(url: str, headers: dict[str, str] | None = None) -> Iterator[Answer]:
    """Ask for a URL. Raises `WebError`; one of status 416 is raised as well."""
    with Deadline(STALL_S) as deadline, _named(deadline), _pool(url) as pool:
        deadline.watch_over(pool)
        response = _answered(pool, url, _HEADERS | (headers or {}))
        _look(deadline)
        try:
            encoding = response.headers.get("Content-Encoding", "identity").lower()
            if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
                raise WebError(f"answers in the encoding {encoding[:40]!r}, which was not asked for")
            deadline.extend()
            yield Answer(response, deadline)
        finally:
            response.close()


def _answered(pool: urllib3.PoolManager, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
    asked = url
    for _turn in range(REDIRECTS_MAX + 1):
        response = pool.request(
            "GET", asked, headers=headers, redirect=False, retries=False, preload_content=False, timeout=_TIMEOUT
        )
        if response.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            return response
        target = response.headers.get("Location")
        response.close()
        if response.status not in _REDIRECTS or not target:
            raise WebError(_refusal(response.status))
        target = urljoin(asked, target)
        if (urlsplit(asked).scheme, urlsplit(target).scheme) not in _FOLLOWED:
            raise WebError(f"redirects to {_place(target)}, which is not safe to follow; this network may want a login")
        asked = target
    raise WebError(
        f"redirects more than {REDIRECTS_MAX} times, at last to {_place(asked)}; this network may want a login"
    )


def _refusal(status: int) -> str:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "an unknown status"
    if status == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
        return f"is not reached: this network wants a login first (captive portal; {status} {phrase})"
    return f"answers {status} {phrase}"


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{(parts.hostname or '')[:80]}"


@contextmanager
def _pool(url: str) -> Iterator[urllib3.PoolManager]:
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        pool: urllib3.PoolManager = urllib3.ProxyManager(proxy)
    else:
        pool = urllib3.PoolManager()
    try:
        yield pool
    finally:
        pool.clear()


@contextmanager
def _named(deadline: Deadline) -> Iterator[None]:
    try:
        yield
    except (HTTPError, OSError, ValueError) as error:
        _look(deadline)
        if isinstance(error, HTTPError):
            raise WebError(_cause(error), resumes=True) from None
        raise WebError(f"cannot be reached: {error}", resumes=True) from None


def _look(deadline: Deadline) -> None:
    """To http.client a line that ends within the headers is an answer like any."""
    if deadline.passed:
        raise WebError(f"has got no further for {STALL_S} s, and was hung up on", resumes=True) from None


def _cause(error: BaseException) -> str:
    kinds = urllib3.exceptions
    if isinstance(error, kinds.NameResolutionError):
        return "cannot be reached: its name is not found (DNS)"
    if isinstance(error, kinds.NewConnectionError):  # which is of the next kind too
        refused = isinstance(error.__cause__, ConnectionRefusedError)
        about = "nothing listens there (connection refused)" if refused else str(error.__cause__ or error)
        return f"cannot be reached: {about}"
    if isinstance(error, kinds.ConnectTimeoutError):
        return "cannot be reached: no answer in time; the address may be wrong, or a firewall between"
    if isinstance(error, kinds.ReadTimeoutError):
        return f"has sent nothing for {PACK_FETCH_TIMEOUT_S} s"
    if isinstance(error, kinds.DecodeError):
        return "says that its answer is compressed, and it is not"
    if isinstance(error, kinds.ProxyError):
        return "cannot be reached: the proxy that this system names does not answer"
    if isinstance(error, kinds.SSLError):
        inner = error.args[0] if error.args and isinstance(error.args[0], ssl.SSLCertVerificationError) else None
        about = inner.verify_message if inner is not None else "no TLS there, or of another kind"
        return f"is not trusted: {about}; is the clock of this machine right, and does this network want a login?"
    wrapped: object = error.args[-1] if error.args else error  # what urllib3 wraps
    if isinstance(wrapped, kinds.IncompleteRead) and isinstance(wrapped.partial, int) and wrapped.expected:
        return f"broke off after {wrapped.partial} of {wrapped.partial + wrapped.expected} bytes"
    if isinstance(wrapped, http.client.RemoteDisconnected):
        return "hung up without an answer"
    if isinstance(wrapped, http.client.BadStatusLine):
        return "does not speak HTTP at this port"
    return f"broke off: {wrapped}"

"""Packs from web servers that misbehave: each fault is named as what it is, and what came is gone on with."""

import gzip
import hashlib
import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from misbehaving_web import MisbehavingWeb, Request

from amos_sync import web
from amos_sync.errors import PackSourceError
from amos_sync.pack_source import WebSource

BLOB = bytes(range(256)) * 40
NAME = hashlib.sha256(BLOB).digest()
PAGE = b"  <!DOCTYPE html><title>Welcome to our WiFi</title>" + b"x" * 2000
Served = Callable[[Callable[[Request], None]], tuple[WebSource, MisbehavingWeb]]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    started: list[MisbehavingWeb] = []

    def serve(script: Callable[[Request], None]) -> tuple[WebSource, MisbehavingWeb]:
        server = MisbehavingWeb(script)
        started.append(server)
        return WebSource(server.url + "/pack/", tmp_path / "cache"), server

    yield serve
    for server in started:
        server.__exit__(None, None, None)


def trickle(request: Request, begin: bytes) -> None:
    """A byte at a time, so that no single read takes long."""
    request.send(begin)
    for _turn in range(400):
        request.send(b"x")
        time.sleep(0.02)


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="a header"),
        pytest.param(b"HTTP/1.1 2", id="the status line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", id="the head of a chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", id="a trailer"),
    ],
)
def test_a_head_that_trickles_for_ever(served: Served, begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "STALL_S", 0.4)
    source, _server = served(lambda request: trickle(request, begin))
    started_s = time.monotonic()
    with pytest.raises(PackSourceError, match=r"got no further for 0\.4 s"):
        source.read_manifest()
    assert time.monotonic() - started_s < 4


def endless(request: Request) -> None:
    request.answer("200 OK", length=-1)
    for _turn in range(10_000):
        request.send(bytes(65_536))


def dripping(request: Request) -> None:
    request.answer("200 OK", length=len(BLOB))
    for at in range(600):
        request.send(BLOB[at : at + 1])
        time.sleep(0.02)


def to(target: str) -> Callable[[Request], None]:
    return lambda request: request.answer("302 Found", Location=target)


FAULTS: dict[str, tuple[Callable[[Request], None], str]] = {
    "portal": (lambda request: request.answer("200 OK", PAGE, Content_Type="text/html"), "may want a login first"),
    "portal of another type": (lambda request: request.answer("200 OK", PAGE), "may want a login first"),
    "page of the same length": (
        lambda request: request.answer("200 OK", PAGE.ljust(len(BLOB)), Content_Type="text/html; charset=utf-8"),
        "may want a login first",
    ),
    "portal by its code": (lambda request: request.answer("511 Login"), "wants a login first (captive portal; 511"),
    "redirect in a circle": (to("/pack/x"), "redirects more than 5 times, at last to http://127.0.0.1"),
    "redirect to no web": (to("ftp://u:secret@x.example/"), "redirects to ftp://x.example, which is not safe"),
    "redirect without a target": (lambda request: request.answer("302 Found"), "answers 302 Found"),
    "absent": (lambda request: request.answer("404 Gone fishing"), "answers 404 Not Found"),
    "forbidden": (lambda request: request.answer("403 x"), "answers 403 Forbidden"),
    "unavailable": (lambda request: request.answer("503 x"), "answers 503 Service Unavailable"),
    "odd status": (lambda request: request.answer("799 x"), "answers 799 an unknown status"),
    "nothing": (lambda _request: None, "hung up without an answer"),
    "no HTTP": (lambda request: request.send(b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP at this port"),
    "endless": (endless, "sends more than expected"),
    "dripping": (dripping, "sends too slowly: "),
    "odd encoding": (lambda request: request.answer("200 OK", BLOB, Content_Encoding="br"), "in the encoding 'br'"),
    "no gzip": (lambda request: request.answer("200 OK", BLOB, Content_Encoding="gzip"), "compressed, and it is not"),
    "a bomb": (
        lambda request: request.answer("200 OK", gzip.compress(bytes(30_000_000)), Content_Encoding="gzip"),
        "sends more than expected",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("what", ["manifest", "blob"])
def test_a_fault_is_named(name: str, what: str, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SLOW_S", 0.3)
    script, words = FAULTS[name]
    source, _server = served(script)
    with pytest.raises(PackSourceError) as refused:
        source.read_manifest() if what == "manifest" else source.blob(NAME, len(BLOB))
    sentence = str(refused.value)
    assert words in sentence and "secret" not in sentence and sentence.isprintable() and len(sentence) < 600


@pytest.mark.parametrize(
    ("body", "length", "words"),
    [
        (BLOB[:100], None, "has 100 bytes there, expected 10240 of that SHA-256"),
        (BLOB + b"x", None, "has 10241 bytes there, expected 10240"),
        (BLOB[:100], -1, "ended after 100 of 10240 bytes"),
        (BLOB[:100], len(BLOB), " of 10240 bytes"),
        (bytes(len(BLOB)), None, "sends 10240 bytes, expected others of that SHA-256"),
        (gzip.compress(b"").ljust(len(BLOB)), None, "they look compressed (gzip)"),
    ],
)
def test_a_body_that_is_not_the_blob(body: bytes, length: int | None, words: str, served: Served) -> None:
    source, _server = served(lambda request: request.answer("200 OK", body, length))
    with pytest.raises(PackSourceError) as refused:
        source.blob(NAME, len(BLOB))
    assert words in str(refused.value)


def test_a_manifest_is_no_range_and_is_whole(served: Served) -> None:
    answers = {"a range, which was": ("206 Partial Content", len(BLOB)), "broke off after": ("200 OK", 2 * len(BLOB))}
    for words, (status, length) in answers.items():
        source, _server = served(
            lambda request, status=status, length=length: request.answer(status, BLOB, length)  # type: ignore[misc]
        )
        with pytest.raises(PackSourceError, match=words):
            source.read_manifest()


def test_what_is_compressed_and_says_so_is_understood(served: Served) -> None:
    source, _server = served(
        lambda request: request.answer("200 OK", gzip.compress(BLOB), ETag='"1"', Content_Encoding="gzip")
    )
    assert source.read_manifest() == BLOB and source.blob(NAME, len(BLOB)).read_bytes() == BLOB


def test_redirects_are_followed(served: Served) -> None:
    def script(request: Request) -> None:
        if request.path.startswith("/pack/"):
            request.answer("301 Moved", Location="/other" + request.path)
        else:
            request.answer("200 OK", BLOB)

    source, _server = served(script)
    assert source.blob(NAME, len(BLOB)).read_bytes() == BLOB


class Breaking:
    """Breaks off after `piece` bytes each time, and knows ranges; `tag` is what the file has at present."""

    def __init__(self, piece: int, tag: str = '"v1"') -> None:
        self.piece, self.tag, self.asked = piece, tag, list[tuple[str | None, str | None]]()

    def __call__(self, request: Request) -> None:
        wanted, condition = request.headers.get("range"), request.headers.get("if-range")
        self.asked.append((wanted, condition))
        start = int(wanted[6:-1]) if wanted and condition == self.tag else 0
        body, more = BLOB[start : start + self.piece], {}
        if start:
            more["Content_Range"] = f"bytes {start}-{len(BLOB) - 1}/{len(BLOB)}"
        status = "206 Partial Content" if start else "200 OK"
        request.answer(status, body, len(BLOB) - start, ETag=self.tag, **more)


def test_what_was_broken_off_is_gone_on_with_by_range(served: Served) -> None:
    script = Breaking(4000)
    source, _server = served(script)
    assert source.blob(NAME, len(BLOB)).read_bytes() == BLOB
    assert script.asked == [(None, None), ("bytes=4000-", '"v1"'), ("bytes=8000-", '"v1"')]
    assert not [path for path in source.blob(NAME, len(BLOB)).parent.iterdir() if path.suffix]


def test_what_came_outlives_the_courier(served: Served) -> None:
    script = Breaking(1000)
    source, server = served(script)
    with pytest.raises(PackSourceError, match="broke off"):
        source.blob(NAME, len(BLOB))
    count = len(script.asked)
    script.piece = len(BLOB)
    assert WebSource(server.url, source._folder._folder).blob(NAME, len(BLOB)).read_bytes() == BLOB
    assert script.asked[count:] == [(f"bytes={1000 * count}-", '"v1"')]


def test_another_file_meanwhile_is_fetched_from_its_start(served: Served) -> None:
    script = Breaking(1000)
    source, _server = served(script)
    with pytest.raises(PackSourceError):
        source.blob(NAME, len(BLOB))
    script.tag, script.piece = '"v2"', len(BLOB)
    assert source.blob(NAME, len(BLOB)).read_bytes() == BLOB
    assert script.asked[-1][1] == '"v1"', "the server was asked whether it is the same"


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-10239/10240", "bytes 1000-10239/99999", "bytes 1000-99999/*", "bytes */10240", "bytes x-y/z", ""],
)
def test_a_wrong_range_is_not_believed(content_range: str, served: Served) -> None:
    def script(request: Request) -> None:
        if "range" not in request.headers:
            request.answer("200 OK", BLOB[:1000], len(BLOB), ETag='"1"')
        else:
            request.answer("206 Partial Content", BLOB[1000:], ETag='"1"', Content_Range=content_range)

    source, server = served(script)
    with pytest.raises(PackSourceError, match=r"wrong range|broke off|of 10240 bytes"):
        source.blob(NAME, len(BLOB))
    server.script = lambda request: request.answer("200 OK", BLOB)
    assert source.blob(NAME, len(BLOB)).read_bytes() == BLOB


def test_a_range_that_cannot_be_had_is_asked_for_anew_in_whole(served: Served) -> None:
    def script(request: Request) -> None:
        if "range" in request.headers:
            request.answer("416 Range Not Satisfiable")
        else:
            request.answer("200 OK", BLOB[: 1000 if len(server.requests) == 1 else len(BLOB)], len(BLOB), ETag='"1"')

    source, server = served(script)
    assert source.blob(NAME, len(BLOB)).read_bytes() == BLOB


def test_a_spoilt_part_is_fetched_anew(served: Served, tmp_path: Path) -> None:
    part = tmp_path / "cache" / "blobs" / f"{NAME.hex()}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(5000))
    (part.with_suffix(".validator")).write_text('"v1"')
    script = Breaking(len(BLOB))
    source, _server = served(script)
    assert source.blob(NAME, len(BLOB)).read_bytes() == BLOB
    assert [wanted for wanted, _tag in script.asked] == ["bytes=5000-", None]


def test_a_name_that_is_not_found_and_a_server_that_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(PackSourceError, match=r"its name is not found \(DNS\)"):
        WebSource("http://nowhere.invalid", tmp_path).read_manifest()
    with pytest.raises(PackSourceError, match=r"nothing listens there \(connection refused\)"):
        WebSource("http://127.0.0.1:1", tmp_path).read_manifest()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(PackSourceError, match=r"is not trusted: .*; is the clock of this machine right"):
            WebSource(f"https://127.0.0.1:{server.server_port}", tmp_path).read_manifest()
        server.shutdown()

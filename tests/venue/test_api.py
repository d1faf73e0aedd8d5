"""The local API with a real player behind it: what it tells, what it takes, what it refuses, and whom it lets in."""

import contextlib
import http.client
import json
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from patience import wait_until
from typer.testing import CliRunner
from venue_world import VenueWorld

from amos.score.inputs import INPUT_VOLUME
from amos_sync.cli import app as courier_app
from amos_sync.venue import desk, pauses
from amos_sync.venue.openapi import DOCUMENT, PREFIX
from amos_sync.venue.serve import tokens_of
from amos_web import attempts, guard, streams
from amos_web.errors import TokenError
from amos_web.limits import STREAMS_MAX, WRONG_TOKENS_MAX, WRONG_TOKENS_S


def refusal(answer: tuple[int, Any]) -> tuple[int, str, str]:
    code, found = answer
    return code, found["refusal"]["name"], found["refusal"]["sentence"]


def test_the_status_tells_what_sounds_in_the_form_that_the_document_states(venue: VenueWorld) -> None:
    code, document = venue.ask(f"{PREFIX}/openapi.json", token=None)
    assert code == 200 and document == json.loads(json.dumps(DOCUMENT))
    found = venue.status()
    schema = {"$ref": "#/components/schemas/Status", "components": document["components"]}
    Draft202012Validator(schema).validate(found)
    assert found["site"] == "harbour-cafe" and not found["stale"]
    assert any("broker 127.0.0.1:9 cannot be reached" in sentence for sentence in found["wrong"])
    (player,) = found["players"]
    assert (player["name"], player["state"], player["pack"]) == ("bar", "playing", {"name": "venue", "serial": 7})
    assert player["section"] in ("drift", "bloom") and player["announcements"] == ["closing time"]
    assert {(stem["artist"], stem["title"][:4]) for stem in player["stems"]} == {("Ilse Maren", "Tide")}
    assert player["dayparts"] == [{"from": "00:00", "until": "24:00", "slider": "intensity", "value": 0.5}]
    assert player["wrong"] == ["plays into nothing (null output)"]


def test_what_is_told_a_player_is_seen_within_a_look(venue: VenueWorld) -> None:
    assert venue.do("inputs", {"kind": "volume", "value": -12}) == (200, {"taken": True})
    venue.until(lambda player: player["volume_db"] == -12)
    assert venue.player.now.volume_db == -12.0
    before = venue.shown()["sliders"]
    assert venue.do("inputs", {"kind": "intensity", "value": 0.75})[0] == 200
    venue.until(lambda player: player["sliders"] != before and player["sliders"][0]["value"] == 0.75)
    for body in ({"kind": "skip"}, {"kind": "like"}, {"kind": "dislike", "value": 1}):
        assert venue.do("inputs", body) == (200, {"taken": True}), body
    assert venue.do("inputs", {"kind": "announce", "value": "closing time"})[0] == 200


def test_a_pause_ends_by_itself_also_after_a_courier_that_died(venue: VenueWorld) -> None:
    assert venue.do("pause", {"minutes": 10})[0] == 200
    paused = venue.until(lambda player: player["state"] == "paused")
    assert 590 < paused["paused_until_unix_s"] - time.time() <= 600
    kept = pauses.Pauses(venue.spool / "web-pauses.json").until_s
    assert kept == {paused["device_id"]: paused["paused_until_unix_s"]}
    venue.venue._desk._pauses.until_s[paused["device_id"]] = int(time.time()) - 1  # the time has come
    venue.until(lambda player: player["state"] == "playing" and player["paused_until_unix_s"] is None)
    assert venue.do("pause", {"minutes": 5})[0] == venue.do("inputs", {"kind": "resume"})[0] == 200
    venue.until(lambda player: player["state"] == "playing" and player["paused_until_unix_s"] is None)
    assert pauses.Pauses(venue.spool / "web-pauses.json").until_s == {}


def test_a_pause_that_somebody_else_ends_is_over(venue: VenueWorld) -> None:
    for minutes in (20, 30):  # the second is not taken for the end of the first
        assert venue.do("inputs", {"kind": "resume"})[0] == 200
        venue.until(lambda player: player["state"] == "playing")
        assert venue.do("pause", {"minutes": minutes})[0] == 200
        venue.until(lambda player: player["state"] == "paused" and player["paused_until_unix_s"])
    venue.player.resume()
    venue.until(lambda player: player["state"] == "playing" and player["paused_until_unix_s"] is None)
    assert pauses.Pauses(venue.spool / "web-pauses.json").until_s == {}


@pytest.mark.parametrize("kept", [b"", b"[1]", b'{"a": "b"}', b"[" * 9999])
def test_a_file_of_pauses_that_is_none_is_done_without(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "p").write_bytes(kept)
    found = pauses.Pauses(tmp_path / "p")
    found.begin("d", 7)
    assert pauses.Pauses(tmp_path / "p").until_s == {"d": 7}


@pytest.mark.parametrize(
    ("action", "body", "expected"),
    [
        ("inputs", {"kind": "volume", "value": 3}, "volume: expected -60 to 0 dB, found 3"),
        ("inputs", {"kind": "volume", "value": True}, "volume: expected -60 to 0 dB"),
        ("inputs", {"kind": "intensity", "value": 7}, "value: expected 0 to 1 for intensity, found 7"),
        ("inputs", {"kind": "intensty", "value": 0}, "the nearest is intensity"),
        ("inputs", {"kind": "announce", "value": "opening"}, "announce: expected one of closing time"),
        ("inputs", {"kind": "block", "value": 1}, "kind: expected skip"),
        ("inputs", {"kind": "skip", "value": 1}, "skip: expected no value"),
        ("inputs", {"kind": "like", "value": 1 << 40}, "value: expected 0 to 2147483647"),
        ("inputs", {"kind": 16, "value": 0}, "kind: expected a text"),
        ("inputs", {"kind": "skip", "nonce": 1}, "body: expected kind, value alone, found 'nonce'"),
        ("inputs", [], "body: expected a JSON object"),
        ("inputs", b"{", "body: expected a JSON object"),
        ("inputs", b"[" * 4000, "body: expected a JSON object"),
        ("pause", {"minutes": 0}, "minutes: expected a whole number from 1 to 240, found 0"),
        ("pause", {"minutes": 2.5}, "minutes: expected a whole number"),
        ("pause", {}, "minutes: expected a whole number"),
    ],
)
def test_a_body_without_meaning_is_refused_in_a_sentence(
    venue: VenueWorld, action: str, body: Any, expected: str
) -> None:
    code, name, sentence = refusal(venue.do(action, body))
    assert (code, name in ("InputWrong", "BodyWrong")) == (400, True) and expected in sentence


def test_what_the_player_refuses_comes_with_its_own_sentence(venue: VenueWorld) -> None:
    code, name, sentence = refusal(venue.do("inputs", {"kind": "like", "value": 77}))
    assert (code, name) == (409, "Refused") and sentence == "input: value: expected 0 to 5, found 77"
    code, name, _sentence = refusal(venue.ask(f"{PREFIX}/players/{'0' * 32}/inputs", {"kind": "skip"}))
    assert (code, name) == (404, "PlayerUnknown")


def test_a_staff_that_may_little_is_told_so_and_refused(tmp_path: Path, venue_pack: Path) -> None:
    world = VenueWorld(tmp_path, venue_pack, staff="volume,pause", staff_volume_min=10, staff_volume_max=50)
    try:
        player = world.until(lambda player: player["stems"])
        assert player["may"] == ["pause", "volume"]
        assert (player["volume_db_min"], player["volume_db_max"]) == (-20, -7)
        _code, name, sentence = refusal(world.do("inputs", {"kind": "skip"}))
        assert name == "Refused" and "staff: expected volume,pause" in sentence
        world.player.stop()
        world.until(lambda player: player["state"] == "away")
        _code, name, _sentence = refusal(world.ask(f"{PREFIX}/players/{player['device_id']}/inputs", {"kind": "skip"}))
        assert name == "PlayerUnknown"
    finally:
        world.stop()


def test_without_a_right_token_nobody_learns_anything(venue: VenueWorld) -> None:
    device_id = venue.shown()["device_id"]
    for path, body in ((f"{PREFIX}/status", None), (f"{PREFIX}/events", None), (f"{PREFIX}/players/x/pause", {})):
        assert refusal(venue.ask(path, body, token=None))[:2] == (401, "TokenMissing")
    known = refusal(venue.ask(f"{PREFIX}/players/{device_id}/inputs", {"kind": "skip"}, token="wrong"))
    assert known == refusal(venue.ask(f"{PREFIX}/players/x/inputs", b"{", token="wrong"))
    assert known[:2] == (401, "TokenWrong")
    answers = [refusal(venue.ask(f"{PREFIX}/status", token=f"wrong{number}")) for number in range(WRONG_TOKENS_MAX)]
    assert answers[-1][:2] == (429, "TooManyTokens") and "wait" in answers[-1][2]
    assert venue.ask(f"{PREFIX}/status")[0] == 200, "whoever has the right one comes in"


def test_wrong_tokens_are_counted_by_address_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(attempts, "ADDRESSES_MAX", 2)
    counted = attempts.Attempts("ask", lambda: now[0])
    assert [counted.wrong("a").status for _each in range(WRONG_TOKENS_MAX + 1)][-2:] == [401, 429]
    assert counted.wrong("b").status == 401
    now[0] = WRONG_TOKENS_S
    assert counted.wrong("a").status == 401
    counted.wrong("c")
    assert len(counted._counts) == 2


def test_a_token_that_is_taken_away_lets_nobody_in(venue: VenueWorld) -> None:
    words = ["token", "--spool", str(venue.spool)]
    made = CliRunner().invoke(courier_app, [*words, "--name", "a phone"])
    token = made.stdout.strip()
    assert venue.ask(f"{PREFIX}/status", token=token)[0] == 200
    assert token not in (venue.spool / "web-tokens.json").read_text()
    assert (venue.spool / "web-tokens.json").stat().st_mode & 0o777 == 0o600
    listed = json.loads(CliRunner().invoke(courier_app, [*words, "--json"]).stdout)
    assert {each["name"] for each in listed["tokens"]} == {"test", "a phone"} and listed["token"] is None
    assert CliRunner().invoke(courier_app, [*words, "--name", "a phone"]).exit_code == 1
    assert CliRunner().invoke(courier_app, [*words, "--take-away", "a phone"]).exit_code == 0
    assert venue.ask(f"{PREFIX}/status", token=token)[0] in (401, 429)


@pytest.mark.parametrize("kept", [b"{}", b"[]", b'{"tokens": [{"name": 1}]}', b"x" * (1 << 17)])
def test_a_file_of_tokens_that_is_none_is_named_and_lets_nobody_in(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "web-tokens.json").write_bytes(kept)
    with pytest.raises(TokenError, match=r"web-tokens\.json: expected tokens as they were kept"):
        tokens_of(tmp_path).of("x")


def test_another_name_for_this_machine_is_refused(venue: VenueWorld) -> None:
    port = venue.venue.port
    for host, code in (
        ("evil.example", 421),
        (f"evil.example:{port}", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        (f"amos.local:{port}", 200),
        (f"LOCALHOST:{port}", 200),
        (f"[::1]:{port}", 200),
        ("192.0.2.7", 200),
    ):
        assert venue.ask(f"{PREFIX}/status", Host=host)[0] == code, host


def post(venue: VenueWorld, *headers: str) -> socket.socket:
    """A connection on which a body for the inputs is to follow."""
    line = socket.create_connection(("127.0.0.1", venue.venue.port), timeout=30)
    path = f"{PREFIX}/players/{venue.shown()['device_id']}/inputs"
    told = ("Host: localhost", f"Authorization: Bearer {venue.token}", *headers)
    line.sendall("\r\n".join((f"POST {path} HTTP/1.1", *told, "", "")).encode())
    return line


def answer_on(line: socket.socket) -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPResponse(line)) as answer:
        answer.begin()
        return refusal((answer.status, json.load(answer)))[:2]


@pytest.mark.parametrize("kind", ["chunked", "counted"])
def test_who_sends_a_body_too_large_slowly_can_read_why_it_is_refused(venue: VenueWorld, kind: str) -> None:
    pieces = [b" " * 6000] * 4
    with post(venue, "Transfer-Encoding: chunked" if kind == "chunked" else "Content-Length: 24000") as line:
        for piece in pieces:
            line.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if kind == "chunked" else piece)
            time.sleep(0.1)
        if kind == "chunked":
            line.sendall(b"0\r\n\r\n")
        assert answer_on(line) == (413, "BodyTooLarge")
    assert venue.ask(f"{PREFIX}/status")[0] == 200


def test_a_body_without_an_end_is_cut_off(venue: VenueWorld) -> None:
    with post(venue, "Transfer-Encoding: chunked") as line, pytest.raises(OSError):  # reset, or a broken pipe
        for _each in range(1000):
            line.sendall(b"4000\r\n%b\r\n" % (b" " * 0x4000))
            time.sleep(0.01)
    assert venue.ask(f"{PREFIX}/status")[0] == 200


def test_who_drips_a_body_is_not_waited_for(venue: VenueWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_S_MAX", 0.5)
    with post(venue, "Content-Length: 1000") as line:
        line.settimeout(0.1)
        for _drop in range(100):
            line.sendall(b" ")
            with contextlib.suppress(TimeoutError):
                line.recv(1, socket.MSG_PEEK)
                break
        else:
            pytest.fail("ten seconds of it were taken")
        line.settimeout(30)
        assert answer_on(line) == (408, "BodyTooSlow")


def test_answers_carry_the_headers_that_keep_others_out(venue: VenueWorld) -> None:
    with urllib.request.urlopen(f"{venue.url}/signin", timeout=30) as answer:
        headers = answer.headers
    assert "default-src 'none'" in headers["content-security-policy"] and "unsafe" not in str(headers)
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
    assert headers["server"] is None


def an_event(stream: Any) -> tuple[str, Any]:
    name, data = stream.readline().decode().strip(), stream.readline().decode().strip()
    assert stream.readline() == b"\n"
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_events_tell_each_change_and_beat_where_there_is_none(
    venue: VenueWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BEAT_S", 0.05)
    request = urllib.request.Request(f"{venue.url}{PREFIX}/events", headers={"Authorization": f"Bearer {venue.token}"})
    with urllib.request.urlopen(request, timeout=30) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        assert an_event(stream)[0] == "status"
        venue.do("inputs", {"kind": "volume", "value": -33})
        names = set()
        while True:
            name, found = an_event(stream)
            names.add(name)
            if name == "status" and found["players"][0]["volume_db"] == -33:
                break
        assert names == {"status", "beat"}


def test_a_reader_who_does_not_read_is_dropped_and_the_courier_turns_on(
    venue: VenueWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SEND_S_MAX", 0.3)
    room = venue.venue._desk._told.__self__  # type: ignore[attr-defined]
    wait_until(lambda: len(room.streams) == 0, "those of before have gone")
    line = socket.create_connection(("127.0.0.1", venue.venue.port))
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.sendall(
        f"GET {PREFIX}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {venue.token}\r\n\r\n".encode()
    )
    assert line.recv(64).startswith(b"HTTP/1.1 200"), "it listens"
    big = b"event: status\ndata: " + b"x" * (1 << 20) + b"\n\n"
    for _each in range(streams.EVENTS_WAITING_MAX * 2):
        room._loop.call_soon_threadsafe(room.streams.tell, "status", big)
    wait_until(lambda: len(room.streams) == 0, lambda: f"{len(room.streams)} streams are open")
    line.close()
    assert venue.do("inputs", {"kind": "skip"})[0] == 200


def test_no_more_streams_are_opened_than_there_may_be(venue: VenueWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    assert STREAMS_MAX > 200
    monkeypatch.setattr(streams, "STREAMS_MAX", 0)
    code, name, _sentence = refusal(venue.ask(f"{PREFIX}/events"))
    assert (code, name) == (503, "TooManyStreams")


def test_a_courier_that_stands_still_is_shown_as_stale(venue: VenueWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "STILL_MS", 500)
    venue.turning.clear()
    try:
        wait_until(lambda: venue.status()["stale"], "stale")
        assert "stands still" in venue.status()["wrong"][0]
    finally:
        venue.turning.set()
    wait_until(lambda: not venue.status()["stale"], "fresh again")


def test_what_nobody_waits_for_any_more_is_not_given(venue: VenueWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "STILL_MS", 1000)
    before = venue.until(lambda player: player["stems"])
    venue.turning.clear()
    wait_until(lambda: venue.venue._desk.is_stale, "the loop stands still")
    given = venue.venue._desk.act(before["device_id"], INPUT_VOLUME, 77)
    assert given.cancel()
    kept = [venue.venue._desk.act("f" * 32, INPUT_VOLUME, 77) for _each in range(desk.ACTS_MAX)]
    assert kept[-1].result(0) == desk.BUSY, "more than wait is refused at once"
    venue.turning.set()
    assert kept[0].result(30) == desk.AWAY
    assert venue.until(lambda player: player["stems"])["volume_db"] == before["volume_db"]


def test_an_address_that_is_none_or_in_use_or_lacks_the_extra_ends_the_command_in_a_line(
    venue: VenueWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", "--site", "x", "--device", "unix:/nowhere", "--broker", "127.0.0.1:1", "--spool", str(tmp_path)]
    for address, code, said in (
        ("nonsense:x", 2, "WebAddressWrong: web: expected HOST"),
        (f"127.0.0.1:{venue.venue.port}", 1, "WebUnusable: web: expected a free HOST:PORT"),
    ):
        done = CliRunner().invoke(courier_app, [*words, "--web", address])
        assert done.exit_code == code and said in done.output
    monkeypatch.setitem(__import__("sys").modules, "amos_sync.venue.application", None)
    done = CliRunner().invoke(courier_app, [*words, "--web", "127.0.0.1:0"])
    assert done.exit_code == 1 and "install 'amos[web]'" in done.output


def test_whatever_is_asked_is_answered_as_the_document_states(venue: VenueWorld) -> None:
    document = venue.ask(f"{PREFIX}/openapi.json", token=None)[1]
    del document["paths"]["/events"]  # a stream has no end
    for path in document["paths"].values():
        for parameter in path.get("parameters", ()):
            parameter["schema"] = {"type": "string", "enum": [venue.shown()["device_id"], "f" * 32]}
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=f"{venue.url}{PREFIX}")
    answered = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        good, wrong = (operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(good | wrong)
        def one(case: Any) -> None:
            answer = case.call(headers={"Authorization": f"Bearer {venue.token}"}, timeout=30)
            assert answer.status_code != 500, answer.text
            if answer.status_code not in (404, 405, 421):  # of another address, method or name than the document's
                case.operation.validate_response(answer)
            answered.add(answer.status_code)

        one()
    assert {200, 400} <= answered

"""Alerts: once to each channel, snoozed, over only for those that knew, and remembered through kills."""

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from databases import only_sqlite
from misbehaving_web import MisbehavingWeb, Request
from typer.testing import CliRunner, Result

from amos_ledger.cli import app
from amos_ledger.totals import Watched
from amos_ledger.watch.alerts import Alerts, News
from amos_ledger.watch.channels import Mail, Webhook, sentences
from amos_ledger.watch.conditions import KINDS, Rules, conditions
from amos_ledger.watch.state_file import read_state
from amos_ledger.watch.watcher import Watcher

DAY_S = 86_400
NOW_S = 1_800_000_000
ID = "34" * 16


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def watched(**changes: Any) -> Watched:
    fine: dict[str, Any] = {
        "device_id": ID, "name": "bar", "site": "harbour", "renderer": False, "retired": False, "quarantine": None,
        "seen_unix_s": NOW_S - 60, "lease_end_unix_s": NOW_S + 90 * DAY_S, "session_ms": 0, "delivered_ms": 0,
    }  # fmt: skip
    return Watched(**fine | changes)


def kinds(device: Watched, rules: Rules | None = None) -> list[str]:
    return [condition.kind for condition in conditions([device], rules or Rules(), NOW_S)]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"seen_unix_s": NOW_S - 3 * DAY_S}, []),
        ({"seen_unix_s": NOW_S - 3 * DAY_S - 1}, ["silent"]),
        ({"seen_unix_s": NOW_S - 30 * DAY_S, "retired": True}, []),
        ({"quarantine": "fork: sequence 2"}, ["quarantine"]),
        ({"lease_end_unix_s": NOW_S + 7 * DAY_S + 1}, []),
        ({"lease_end_unix_s": NOW_S + 7 * DAY_S}, ["lease"]),
        ({"lease_end_unix_s": NOW_S - 1}, ["lease"]),
        ({"lease_end_unix_s": None}, []),
        ({"session_ms": 3_600_000, "delivered_ms": 3_420_000}, []),
        ({"session_ms": 3_600_000, "delivered_ms": 3_419_999}, ["slow"]),
        ({"session_ms": 3_599_999, "delivered_ms": 0}, []),
        ({"session_ms": 3_600_000, "delivered_ms": 0, "renderer": True}, []),
    ],
)
def test_each_kind_and_its_bounds(changes: dict[str, Any], found: list[str]) -> None:
    assert kinds(watched(**changes)) == found
    assert set(found) <= set(KINDS)


def test_the_nearest_grace_counts() -> None:
    rules = Rules(grace_s={"harbour": 10 * DAY_S, "harbour/bar": 3600})
    silent = watched(seen_unix_s=NOW_S - 5 * DAY_S)
    assert kinds(silent, rules) == ["silent"]
    assert kinds(watched(name="lounge", seen_unix_s=NOW_S - 5 * DAY_S), rules) == []
    assert kinds(watched(site="station", seen_unix_s=NOW_S - 5 * DAY_S), rules) == ["silent"]


def told(alerts: Alerts, now_s: int, channel: str = "log") -> tuple[list[str], list[str]]:
    """Keys of what the channel is told, which it takes."""
    news = alerts.news(channel, now_s)
    alerts.told(channel, news)
    return [alert.key for alert in news.alerts], [alert.key for alert in news.recoveries]


def test_once_and_over_once_and_only_after_an_alert() -> None:
    alerts, key = Alerts(), f"silent:{ID}"
    wrong = conditions([watched(seen_unix_s=0)], Rules(), NOW_S)
    alerts.look(wrong, NOW_S)
    assert told(alerts, NOW_S) == ([key], [])
    alerts.look(wrong, NOW_S + 60)
    assert told(alerts, NOW_S + 60) == ([], [])
    alerts.look([], NOW_S + 120)
    assert told(alerts, NOW_S + 120) == ([], [key])
    assert told(alerts, NOW_S + 130, "mail") == ([], []), "it never knew"
    assert alerts.by_key == {}
    alerts.look(wrong, NOW_S + 200)
    alerts.look([], NOW_S + 210)
    assert told(alerts, NOW_S + 220) == ([], []), "over before anybody was told"


def test_a_snooze_is_quiet_and_ends() -> None:
    alerts, key = Alerts(), f"silent:{ID}"
    wrong = conditions([watched(seen_unix_s=0)], Rules(), NOW_S)
    alerts.look(wrong, NOW_S)
    assert alerts.snooze("silent:34", NOW_S + 100) is not None and alerts.snooze("slow", NOW_S) is None
    assert told(alerts, NOW_S) == ([], [])
    alerts.look(wrong, NOW_S + 99)
    assert told(alerts, NOW_S + 99) == ([], [])
    alerts.look(wrong, NOW_S + 100)
    assert told(alerts, NOW_S + 100) == ([key], [])
    alerts.snooze(key, NOW_S + 200)
    alerts.look(wrong, NOW_S + 200)
    assert told(alerts, NOW_S + 200) == ([key], []), "still wrong when the snooze ends: once more"
    alerts.snooze(key, NOW_S + 300)
    alerts.look([], NOW_S + 210)
    assert told(alerts, NOW_S + 210) == ([], [key]), "what was told before is told to be over"
    assert Alerts.of_facts(alerts.facts()).facts() == alerts.facts()


class Hook:
    """A web server that keeps what was posted; while `broken`, it takes nothing."""

    def __init__(self) -> None:
        self.posts: list[Any] = []
        self.broken = False
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not hook.broken:
                    hook.posts.append(json.loads(body))
                self.send_response(500 if hook.broken else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_ledgers_devices_are_told_of_and_it_is_remembered(world: Any, hook: Hook, tmp_path: Path) -> None:
    now_s = int(time.time())
    silent, fine, bad = (world.device(number, name=f"player-{number}") for number in (1, 2, 3))
    world.ledger.take([silent.message(silent.seal())], now_s - 5 * DAY_S)
    for device in (fine, bad):
        world.ledger.take([device.message(device.seal())], now_s)
    world.ledger.take([bad.message(bad.seal([(9, 0, 1)]))], now_s)
    words = ("watch", world.path, "--once", "--webhook", hook.url, "--lease", "1s", "--ratio", "0")
    assert run(*words).exit_code == 0
    (post,) = hook.posts
    keys = sorted(alert["key"] for alert in post["alerts"])
    assert keys == sorted([f"silent:{silent.key.id.hex()}", f"quarantine:{bad.key.id.hex()}"]), post
    assert "player-1 at harbour" in post["text"] and "nothing heard since 5 days ago" in post["text"]
    assert run(*words).exit_code == 0 and len(hook.posts) == 1, "each run is a new process; it is told once"
    listed = json.loads(run("alerts", world.path, "--json").output)["alerts"]
    assert sorted(row["key"] for row in listed) == keys and (world.path / "watch.json").stat().st_mode & 0o77 == 0
    assert run("snooze", world.path, "silent:", "--for", "2d").exit_code == 0
    assert "snoozed until" in run("alerts", world.path).output
    assert run("snooze", world.path, "silent:", "--for", "999999999w").exit_code == 0
    assert "snoozed until 9999-12-31" in run("alerts", world.path).output
    assert run("snooze", world.path, "silent:", "--for", "2d").exit_code == 0
    world.ledger.take([silent.message(silent.seal())], now_s)
    assert run(*words).exit_code == 0
    assert [[item["key"] for item in hook.posts[1][name]] for name in ("alerts", "recoveries")] == [
        [],
        [f"silent:{silent.key.id.hex()}"],
    ]


def test_leases_are_those_of_the_pack_that_is_played(world: Any) -> None:
    device = world.device()
    world.ledger.take([device.message(device.seal())], int(time.time()))
    packs: dict[int, bytes] = {}
    with world.folder.open_store_to_read() as store:
        (found,) = store.watched(packs)
        assert found.lease_end_unix_s == store.manifest(device.pack).lease_end_unix_s
        assert list(packs.values()) == [device.pack]
        assert store.watched(packs) == [found]
    assert found.delivered_ms > 0 and found.session_ms > 0


@only_sqlite
def test_what_a_channel_did_not_take_is_told_again_and_its_trouble_once(world: Any, hook: Hook) -> None:
    device, lines = world.device(), []
    world.ledger.take([device.message(device.seal([(9, 0, 1)]))], int(time.time()))
    watcher = Watcher(
        world.path, world.path / "watch.json", Rules(lease_s=1, ratio_min=0), [Webhook(hook.url)], lines.append
    )
    hook.broken = True
    for _ in range(3):
        assert not watcher.round(int(time.time()))
    assert len(lines) == 1 and "cannot tell by webhook: HTTP Error 500" in lines[0]
    hook.broken = False
    assert watcher.round(int(time.time())) and len(hook.posts) == 1
    assert lines[1:] == ["webhook: works again"]
    (world.path / "ledger.sqlite").rename(world.path / "away")
    for _ in range(3):
        assert not watcher.round(int(time.time()))
    assert len(lines) == 3 and lines[2].startswith("cannot read the ledger")
    (world.path / "away").rename(world.path / "ledger.sqlite")
    assert watcher.round(int(time.time())) and len(hook.posts) == 1


class Kept:
    """A channel that takes everything."""

    name = "kept"

    def __init__(self) -> None:
        self.news: list[News] = []

    def tell(self, news: News) -> None:
        self.news.append(news)


def silent_player(world: Any, channels: list[Any], lines: list[str]) -> Watcher:
    """Of a ledger with a device of which an alert is to be told."""
    device = world.device()
    world.ledger.take([device.message(device.seal([(9, 0, 1)]))], int(time.time()))
    return Watcher(world.path, world.path / "watch.json", Rules(lease_s=1, ratio_min=0), channels, lines.append)


@only_sqlite
def test_a_webhook_that_speaks_no_http_keeps_nobody_else_from_being_told(world: Any) -> None:
    lines, kept, over = list[str](), Kept(), threading.Event()

    def greet(request: Request) -> None:
        request.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        over.wait()  # to hang up before all was read might take back what was sent

    with MisbehavingWeb(greet) as web:
        assert not silent_player(world, [Webhook(web.url), kept], lines).round(int(time.time()))
    over.set()
    assert lines == [
        "cannot tell by webhook: expected an answer in HTTP, found BadStatusLine('SSH-2.0-OpenSSH_9.2\\r\\n')"
    ]
    assert len(kept.news) == 1


@only_sqlite
def test_a_webhook_that_sends_a_byte_now_and_then_is_given_up(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, kept, over = list[str](), Kept(), threading.Event()

    def trickle(request: Request) -> None:
        request.send(b"HTTP/1.1 200 OK\r\nX: ")
        while not over.wait(0.05):
            request.send(b"x")

    monkeypatch.setattr("amos_ledger.watch.channels.TIMEOUT_S", 0.5)
    with MisbehavingWeb(trickle) as web:
        assert not silent_player(world, [Webhook(web.url), kept], lines).round(int(time.time()))
    over.set()
    assert lines == ["cannot tell by webhook: expected it to be taken within 0.5 s, found no answer"]
    assert len(kept.news) == 1


@only_sqlite
def test_a_state_that_cannot_be_written_ends_no_watch(world: Any) -> None:
    lines, kept = list[str](), Kept()
    watcher = silent_player(world, [kept], lines)
    (world.path / "watch.json.lock").mkdir()
    for _ in range(2):
        assert not watcher.round(int(time.time()))
    assert len(lines) == 1 and lines[0].startswith("cannot keep what was told: ")
    (world.path / "watch.json.lock").rmdir()
    assert watcher.round(int(time.time()))
    assert lines[1:] == ["state: works again"] and len(kept.news) == 1


class MailServer(socketserver.ThreadingTCPServer):
    """SMTP without TLS, as far as a mail needs it."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self) -> None:
        self.mails: list[str] = []
        super().__init__(("127.0.0.1", 0), _Talk)


class _Talk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line.split()[0].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    body += part
                self.server.mails.append(body.decode())
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")


def test_mail_says_it_and_a_password_never_goes_in_the_open(tmp_path: Path) -> None:
    alerts = Alerts()
    alerts.look(conditions([watched(seen_unix_s=0, name="b\r\nBcc: x@example")], Rules(), NOW_S), NOW_S)
    news = alerts.news("mail", NOW_S)
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = ("127.0.0.1", server.server_address[1])
        Mail(where, "amos@example", ("one@example", "two@example")).tell(news)
        (mail,) = server.mails
        assert "Subject: amos: 1 alerts, 0 over" in mail and "To: one@example, two@example" in mail
        assert f"[silent:{ID}]" in mail.replace("=\r\n", "") and "\nBcc:" not in mail
        (tmp_path / "password").write_text("secret\n")
        with pytest.raises(OSError, match="not sent in the open"):
            Mail(where, "amos@example", ("one@example",), "us", tmp_path / "password").tell(news)
        server.shutdown()


def test_ten_thousand_at_once_are_one_message_of_bounded_length() -> None:
    alerts = Alerts()
    many = [watched(device_id=f"{number:032x}", seen_unix_s=0) for number in range(10_000)]
    alerts.look(conditions(many, Rules(), NOW_S), NOW_S)
    lines = sentences(alerts.news("log", NOW_S))
    assert len(lines) == 201 and lines[-1] == "and 9800 more"
    assert not News([], [])


@pytest.mark.parametrize(
    "words",
    [
        ("--grace", "harbour"),
        ("--grace", "=3d"),
        ("--grace", "harbour=soon"),
        ("--every", "0s"),
        ("--webhook", "ftp://x"),
        ("--webhook", "example"),
        ("--mail-to", "a@b"),
        ("--mail-to", "a b@c", "--mail-from", "d@e"),
        ("--mail-to", "a@b", "--mail-from", "d@e", "--smtp", "host:port"),
        ("--mail-to", "a@b", "--mail-from", "d@e", "--smtp-user", "u"),
        ("--ratio", "1.5"),
    ],
)
def test_options_without_meaning_are_refused(words: tuple[str, ...], world: Any) -> None:
    assert run("watch", world.path, "--once", *words).exit_code == 2
    assert not (world.path / "watch.json").exists()


def test_a_state_of_somebody_elses_is_left_alone(world: Any) -> None:
    for text in ("", "[]", "{}", '{"version": 2, "alerts": []}', '{"version": 1, "alerts": [{"key": "x"}]}'):
        (world.path / "watch.json").write_text(text)
        done = run("watch", world.path, "--once")
        assert done.exit_code == 1 and "WatchStateUnusable: " in done.output, text
        assert (world.path / "watch.json").read_text() == text
    (world.path / "watch.json").unlink()
    assert read_state(world.path / "watch.json").by_key == {}
    assert "nothing is wrong" in run("alerts", world.path).output

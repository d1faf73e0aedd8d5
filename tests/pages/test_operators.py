"""The operators' pages without script: who may see which, what they show, and what is refused."""

import csv
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pages_world import BAR, HELD, PagesWorld, looked_again, rows_of
from patience import wait_until
from typer.testing import CliRunner
from visitors import NoScript

from amos_ledger.folder import Folder
from amos_ledger.watch.alerts import Alert, Alerts
from amos_ledger.watch.state_file import write_state
from amos_tools.cli import app
from amos_tools.pages import frame, looking, serve
from amos_tools.pages.door import MAY
from amos_tools.pages.looking import Looked, Looking
from amos_tools.pages.readings import read_now
from amos_web.errors import WebRefusal
from amos_web.limits import WRONG_TOKENS_MAX
from amos_web.people import ROLES

ADDRESSES = {
    "fleet": "/fleet",
    "waiting": "/waiting",
    "played": "/played?period=2026-11",
    "people": "/people",
    "rollouts": "/rollouts",
    "pairing": "/pairing",
}


def told(*words: object) -> Any:
    """What a command says, as data."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_its_pages_and_no_other(pages: PagesWorld, role: str) -> None:
    payee = "ann" if role == "payee" else None
    visitor, _secret = pages.visitor(role, payee=payee)
    for page, address in ADDRESSES.items():
        code, html = visitor.get(address)
        assert (code == 200) == (role in MAY[page]), (role, page)
        assert (code, f"not for the role {role}" in html) in ((200, False), (403, True))
        assert (f'href="/{page}"' in html) == (role in MAY[page]), "the menu names what may be seen"
    known = visitor.get(f"/fleet/{pages.device_id(BAR)}")
    if role not in MAY["fleet"]:
        assert known == visitor.get(f"/fleet/{'0' * 32}"), "nobody learns which devices there are"


def test_who_is_not_signed_in_learns_nothing(pages: PagesWorld) -> None:
    stranger = NoScript(pages.url)
    for address in (*ADDRESSES.values(), "/played.csv", f"/fleet/{pages.device_id(BAR)}", "/fleet/x"):
        code, page = stranger.get(address)
        assert (code, "you are signed out" in page) == (403, True), address
        assert "bar-0" not in page and "cafe" not in page
    assert "Code of the link" in stranger.get("/")[1]


def test_a_link_lets_one_person_in_once(pages: PagesWorld) -> None:
    code = pages.code("fleet", "Kim")
    first = NoScript(pages.url)
    assert first.post("/signin", code=f" {code} ")[0] == 200
    status, page = NoScript(pages.url).post("/signin", code=code)
    assert status == 401 and "lets nobody in" in page and "amos pages invite" in page
    assert "Kim came in as fleet" in pages.said
    assert first.get("/fleet")[0] == 200
    pages.code("fleet", "Kim")  # another link for that name ends what was before
    assert first.get("/fleet")[0] == 403


def test_wrong_codes_are_counted_and_a_form_from_elsewhere_does_nothing(tmp_path: Path, pages: PagesWorld) -> None:
    visitor, secret = pages.visitor("admin", "Ada")
    foreign = {"Origin": "https://evil.example"}
    for status, page in (
        visitor.post("/people", name="Eve", role="admin"),
        visitor.post("/people", secret="0" * 64, name="Eve", role="admin"),
        visitor.post("/people", foreign, secret=secret, name="Eve", role="admin"),
        visitor.post("/signout", secret="0" * 64),
        NoScript(pages.url).post("/people", secret=secret, name="Eve", role="admin"),
        NoScript(pages.url).post("/signin", foreign, code=pages.code("player", "Pim")),
    ):
        assert status == 403 and "Eve" not in page
    assert "Eve" not in visitor.get("/people")[1]
    assert visitor.post("/people", {"Content-Type": "text/plain"}, secret=secret)[0] == 400
    assert visitor.post("/signout", secret=secret)[0] == 200
    assert visitor.get("/people")[0] == 403
    answers = [NoScript(pages.url).post("/signin", code=f"wrong{number}") for number in range(WRONG_TOKENS_MAX + 1)]
    assert answers[-1][0] == 429 and "too many wrong tokens" in answers[-1][1]
    assert NoScript(pages.url).post("/signin", code=pages.code("player", "Pim"))[0] == 200, "a right one comes in"


def test_an_admin_makes_links_and_takes_them_away(pages: PagesWorld) -> None:
    visitor, secret = pages.visitor("admin", "Ada")
    status, page = visitor.post("/people", secret=secret, name="<b>Lu", role="payee", payee="ann")
    link = re.search(r'<code id="link">([^<]+)</code>', page)
    assert status == 200 and link is not None and "<b>Lu" not in page and "&lt;b&gt;Lu" in page
    address, _hash, code = link[1].partition("#")
    assert address == f"{pages.url}/signin"
    guest = NoScript(pages.url)
    assert guest.post("/signin", code=code)[0] == 200
    assert guest.get("/fleet")[0] == 403 and "not for the role payee" in guest.get("/fleet")[1]
    assert visitor.post("/people", secret=secret, take_away="<b>Lu")[0] == 200
    assert "Ada made a link for <b>Lu as payee" in pages.said
    assert "Ada took the access of <b>Lu away" in pages.said
    assert "you are signed out" in guest.get("/fleet")[1]
    for fields, sentence in (
        ({"name": "", "role": "player"}, "name: expected 1 to 40 letters"),
        ({"name": "x", "role": "king"}, "role: expected one of player, music"),
        ({"name": "x", "role": "payee"}, "payee: expected one with the role payee"),
        ({"name": "x", "role": "fleet", "payee": "ann"}, "payee: expected one with the role payee"),
        ({"name": "x", "role": "payee", "payee": "*"}, "payee: expected 1 to 64 of a-z"),
        ({"take_away": "nobody"}, "name: expected one of"),
    ):
        status, page = visitor.post("/people", secret=secret, **fields)
        assert status == 400 and sentence in page


def test_the_fleet_says_what_the_ledger_says(pages: PagesWorld) -> None:
    visitor, _secret = pages.visitor("player")
    _code, page = visitor.get("/fleet")
    rows = rows_of(page)
    devices = {device["name"]: device for device in told("ledger", "status", pages.path)["devices"]}
    assert [row[:2] for row in rows[1:]] == [["cafe", name] for name in sorted(devices)]
    assert rows[1][13].startswith("! in quarantine: fork") and rows[2][13] == "! segments held: 1"
    assert "no broker was named" in page and "1 in quarantine" in page and "1 held" in page
    assert [row[1] for row in rows_of(visitor.get("/fleet?sort=name&down=yes")[1])[1:]] == ["bar-1", "bar-0"]
    assert [row[1] for row in rows_of(visitor.get(f"/fleet?q={pages.device_id(HELD)[:8]}")[1])[1:]] == ["bar-1"]
    assert "0 players" in visitor.get("/fleet?q=%3Cscript%3E&state=playing&wrong=yes&page=9")[1]
    for wrong in ("sort=x", "page=x", "page=-1", "state=x", "q=" + "x" * 81):
        assert visitor.get(f"/fleet?{wrong}")[0] == 400


def test_a_device_has_its_history_and_its_evidence(pages: PagesWorld) -> None:
    visitor, _secret = pages.visitor("fleet")
    _code, page = visitor.get(f"/fleet/{pages.device_id(BAR)}")
    evidence = told("ledger", "quarantine", "show", pages.path, pages.device_id(BAR))["evidence"]
    assert len(evidence) == 2 and all(item["sha256"][:16] in page and item["detail"] in page for item in evidence)
    assert page.count('class="play"') == 2 and "2026-11-05: 1.0 h, 2 segments, 1 starts, 0 flagged" in page
    assert "No play is dated" in visitor.get(f"/fleet/{pages.device_id(HELD)}")[1]
    for unknown in ("0" * 32, "x", pages.device_id(BAR)[:8], "%00"):
        code, page = visitor.get(f"/fleet/{unknown}")
        assert (code, "no device of this id" in page) == (404, True)


def test_what_waits_is_what_the_commands_say(pages: PagesWorld) -> None:
    visitor, _secret = pages.visitor("fleet")
    _code, page = visitor.get("/waiting")
    (device,) = told("ledger", "quarantine", "list", pages.path)["quarantines"]
    (held,) = told("ledger", "held", pages.path)["held"]
    assert device["reason"] in page and f"{device['evidence']} segments kept, 0 of them rejected" in page
    rows = rows_of(page)
    assert rows[1][:4] == ["bar-1", "cafe", str(held["sequence"]), f"sequence {held['waits_for_sequence']}"]
    odd = [row[0:2] for row in rows[3:]]
    assert odd == [[each["name"], each["oddity"]] for each in told("ledger", "plausibility", pages.path)["oddities"]]


def test_proof_of_play_sums_to_the_receipts(pages: PagesWorld) -> None:
    visitor, _secret = pages.visitor("music")
    _code, page = visitor.get("/played?period=2026-11")
    proof, status = (
        told("ledger", "played", pages.path, "--period", "2026-11"),
        told("ledger", "status", pages.path),
    )
    rows = rows_of(page)
    assert rows[-1][2:5] == [str(status["accepted"]), "0", str(status["frames"])]
    assert [row[0:3:2] for row in rows[1:-1]] == [[row["site"], str(row["segments"])] for row in proof["rows"]]
    code, data = visitor.get("/played.csv?period=2026-11")
    lines = list(csv.DictReader(io.StringIO(data)))
    assert code == 200 and lines[-1]["segments"] == str(status["accepted"])
    assert sum(int(line["frames"]) for line in lines[:-1]) == status["frames"] == int(lines[-1]["frames"])
    assert "In all" in visitor.get("/played")[1], "the present month"
    for wrong in ("2026-13", "x", "2026-11-01", "2026-11%0d%0a", "٢٠٢٦-١١"):
        assert visitor.get("/played?" + urllib.parse.urlencode({"period": urllib.parse.unquote(wrong)}))[0] == 400
        assert visitor.get("/played.csv?" + urllib.parse.urlencode({"period": urllib.parse.unquote(wrong)}))[0] == 400


QUERIES = st.dictionaries(
    st.sampled_from(["q", "state", "sort", "page", "down", "wrong", "period", "x"]), st.text(max_size=90)
)
TEXTS = st.text(max_size=60)
"""So that no form is too large: such a one is refused unread, and who sends on meanwhile may not hear why."""


@settings(max_examples=60)
@given(
    path=st.sampled_from(["/fleet", "/fleet/", "/waiting", "/played", "/played.csv", "/people", "/static/", "/x/"]),
    more=st.text(max_size=20),
    query=QUERIES,
    fields=st.none() | st.dictionaries(st.sampled_from(["secret", "name", "role", "take_away", "code"]), TEXTS),
)
@example(path="/fleet/", more="", query={}, fields={})  # as a folder, which none is
def test_no_address_and_no_form_breaks_a_page(
    everybody: list[NoScript], path: str, more: str, query: dict[str, str], fields: dict[str, str] | None
) -> None:
    ending = urllib.parse.quote(more.encode("utf-8", "replace")) if path.endswith("/") else ""
    words = urllib.parse.urlencode({name: value.encode("utf-8", "replace") for name, value in query.items()})
    for number, visitor in enumerate(everybody):
        if fields is None:
            code, _page = visitor.get(f"{path}{ending}?{words}")
        else:
            given = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}
            code, _page = visitor.post(f"{path}{ending}?{words}", **given)
        assert code in (200, 400, 403, 404, 405, 413), (path, more, query, fields)
        if number == 0 and not path.startswith("/static"):
            assert code in (403, 404, 405, 413, 400) and code != 200


@pytest.fixture(scope="module")
def everybody(pages: PagesWorld) -> list[NoScript]:
    """A stranger, a payee and an admin."""
    return [NoScript(pages.url), pages.visitor("payee", "P", "ann")[0], pages.visitor("admin", "A")[0]]


def test_another_name_for_this_machine_is_refused(pages: PagesWorld) -> None:
    visitor = NoScript(pages.url)
    assert visitor.get("/signin", {"Host": "evil.example"})[0] == 421
    assert visitor.get("/signin", {"Host": "ledger.local"})[0] == 200


def test_what_the_watch_found_stands_with_the_player_and_is_snoozed(pages: PagesWorld) -> None:
    alerts = Alerts([Alert(f"silent:{pages.device_id(HELD)}", "was not heard of <for> long", 1, set(), 0, False)])
    alerts.by_key["over:x"] = Alert("over:x", "is over", 1, set(), 0, True)
    write_state(pages.state, alerts)
    found = Looking(pages.ledger.folder, pages.state, None, pages.said.append)
    found.look()
    rows = {row.name: row.wrong for row in found.looked.rows}
    assert rows["bar-1"] == ("was not heard of <for> long", "segments held: 1")
    visitor, secret = pages.visitor("fleet", "Flo")
    page = visitor.get("/waiting")[1]
    assert "was not heard of &lt;for&gt; long" in page and "over: is over" in page and "snoozed until" not in page
    key = f"silent:{pages.device_id(HELD)}"
    status, page = visitor.post("/waiting", secret=secret, key=key, hours="24")
    assert status == 200 and "snoozed until" in page and f"Flo snoozed {key} for 24 hours" in pages.said
    told_now = told("ledger", "alerts", pages.path)["alerts"]
    (alert,) = [each for each in told_now if each["key"] == key]
    assert 0 < alert["snoozed_until_unix_s"] - time.time() <= 86_400
    for fields, sentence in (
        ({"key": key, "hours": "2"}, "hours: expected one of 1, 24, 168"),
        ({"key": "x", "hours": "1"}, "expected the key of an alert"),
        ({"hours": "1"}, "expected the key of an alert"),
    ):
        status, page = visitor.post("/waiting", secret=secret, **fields)
        assert status == 400 and sentence in page
    assert visitor.post("/waiting", key=key, hours="1")[0] == 403
    pages.state.write_text("{")
    assert visitor.get("/waiting")[0] == 503
    pages.state.unlink()
    assert "found nothing wrong" in visitor.get("/waiting")[1]


def test_a_ledger_that_cannot_be_read_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PagesWorld(tmp_path) as pages:
        visitor, _secret = pages.visitor("admin")
        looked_again(monkeypatch)
        looking_at = Looking(pages.ledger.folder, pages.state, None, pages.said.append)
        looking_at.look()
        before = looking_at.looked
        (pages.path / "ledger.sqlite").rename(tmp_path / "away")
        looking_at.look()
        looking_at.look()
        assert looking_at.looked.rows == before.rows and looking_at.looked.unix_s == before.unix_s
        (sentence,) = looking_at.looked.trouble
        assert sentence.startswith("cannot read the ledger: ") and pages.said.count(sentence) == 1, "told once"
        code, page = visitor.get("/waiting")
        assert (code, "the ledger cannot be read" in page) == (503, True)
        with pytest.raises(WebRefusal, match="the ledger cannot be read"):
            read_now(pages.ledger.folder, lambda store: store.size())
        (tmp_path / "away").rename(pages.path / "ledger.sqlite")
        assert visitor.get("/waiting")[0] == 200


def test_a_file_of_people_that_is_none_lets_nobody_in_and_says_so(tmp_path: Path) -> None:
    with PagesWorld(tmp_path) as pages:
        visitor, _secret = pages.visitor("admin")
        (pages.path / "web-people.json").write_text("{")
        for answer in (visitor.get("/fleet"), visitor.get("/"), visitor.post("/signin", code="x")):
            assert answer[0] == 503 and "expected people as they were kept" in answer[1]


def test_what_is_old_is_shown_as_old(pages: PagesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor, _secret = pages.visitor("player")
    assert "What is shown is old" not in visitor.get("/fleet")[1]
    monkeypatch.setattr(Looked, "is_stale", lambda _self, now_s: now_s > 0)
    assert "What is shown is old" in visitor.get("/fleet")[1]
    monkeypatch.undo()
    now_s = time.time()
    assert not Looked("x", now_s - 59).is_stale(now_s) and Looked("x", now_s - 61).is_stale(now_s)
    assert not Looked("x", now_s - 100, rest_s=40).is_stale(now_s)


def test_the_looking_goes_on_by_itself(pages: PagesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_again(monkeypatch)
    monkeypatch.setattr(looking, "LOOK_SHARE", 0)
    found = Looking(Folder(pages.path), pages.state, None, pages.said.append)
    found.start()
    first = found.looked.unix_s
    wait_until(lambda: found.looked.unix_s > first, "a second look")
    found.end()


def test_pages_that_hang_say_so_to_whoever_watches_them(pages: PagesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_until(pages.served.alive, "it answers")
    monkeypatch.setattr(looking, "STALE_S", -1)
    found = Looking(pages.ledger.folder, pages.state, None, pages.said.append)
    found.looked = Looked("x", 0.0, rest_s=-1.0)
    assert not found.turns
    monkeypatch.undo()
    found.look()
    assert found.turns
    monkeypatch.setattr(serve, "ANSWER_S_MAX", 0.05)
    go_on = threading.Event()
    pages.served._loops[0].call_soon_threadsafe(go_on.wait, 60)
    assert not pages.served.alive(), "the loop stands still"
    go_on.set()
    monkeypatch.undo()
    wait_until(pages.served.alive, "it answers")


def test_the_process_tells_its_supervisor_and_ends_when_told(pages: PagesWorld, tmp_path: Path) -> None:
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(tmp_path / "notify"))
    heard.settimeout(120)
    command = [sys.executable, "-m", "amos_tools", "pages", "serve", str(pages.path), "--web", "127.0.0.1:0"]
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert heard.recv(64) == b"READY=1"
        process.terminate()
        _out, log = process.communicate(timeout=120)
    heard.close()
    assert process.returncode == 0 and "pages at http://127.0.0.1:" in log and "ended" in log


def test_who_waits_too_long_for_the_store_is_told(pages: PagesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor, _secret = pages.visitor("admin")
    monkeypatch.setattr(frame, "READ_WAIT_S", 0.0)
    code, page = visitor.get("/waiting")
    assert (code, "too many ask at once" in page) == (503, True)


def test_links_are_made_listed_and_taken_away_on_the_command_line(pages: PagesWorld) -> None:
    words = ("pages", "invite", pages.path)
    made = told(*words, "--name", "Mo", "--role", "music", "--address", "https://pages.example/")
    assert made["link"].startswith("https://pages.example/signin#")
    code = made["link"].partition("#")[2]
    assert code not in (pages.path / "web-people.json").read_text()
    assert (pages.path / "web-people.json").stat().st_mode & 0o777 == 0o600
    shown = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "200"}).output
    assert "Mo" in shown and "link not used yet" in shown
    assert NoScript(pages.url).post("/signin", code=code)[0] == 200
    listed = {each["name"]: each for each in told(*words)["people"]}
    assert listed["Mo"]["role"] == "music" and listed["Mo"]["link_until_unix_s"] is None
    told(*words, "--take-away", "Mo")
    assert "Mo" not in {each["name"] for each in told(*words)["people"]}
    assert CliRunner().invoke(app, [*map(str, words), "--take-away", "Mo"]).exit_code == 1
    printed = CliRunner().invoke(app, [*map(str, words), "--name", "No"]).output
    assert re.match(r"http://127\.0\.0\.1:8090/signin#\S+\nlets one person in once, within 60 minutes\n", printed)

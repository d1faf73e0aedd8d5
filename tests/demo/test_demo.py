"""`amos demo` as a user starts it: a process of its own, its JSON, a killed courier, and a second run."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from every_kind import everything
from patience import Patience, wait_until
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from visitors import NoScript, as_wide_as_a_phone

from amos_ledger.folder import Folder
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.scrub import scrub
from amos_tools import toolchain
from amos_tools.demo.players import cast
from amos_tools.demo.run import SECOND_PART
from amos_tools.demo.workdir import Workdir
from amos_tools.pages.serve import people_of
from amos_tools.verify.page import is_checking_page
from screenshots import take

DEMO = [sys.executable, "-m", "amos_tools", "demo", "--json"]
MINUTES = 11, 1
"""Of the first run and of the second."""
SEND_CODE = "const f = document.getElementById('code'); if (f.value) f.form.submit(); return Boolean(f.value)"
SEGMENTS = {11: 3, 1: 2}
"""A player's by the length of a run: one in which it seals by the clock has one more than one for each month."""


def environment_without_mosquitto() -> dict[str, str]:
    """PATH as it is, less every folder that holds a mosquitto."""
    folders = [folder for folder in os.environ["PATH"].split(":") if not (Path(folder) / "mosquitto").exists()]
    return os.environ | {"PATH": ":".join(folders)}


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    facts: dict[str, Any] = json.loads(out)
    return facts


@contextmanager
def serving(process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    """What it tells while it keeps the pages open; then it is asked to end, and all it started with it."""
    assert process.stdout is not None
    lines = [""]
    while lines[-1] != "}\n":
        lines.append(process.stdout.readline())
        assert lines[-1], (lines, process.communicate())
    try:
        yield json.loads("".join(lines))
    finally:
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err


def check_pages(pages: dict[str, Any]) -> None:
    """The three let in whom the demo names, and show what they are for."""
    check_page("venue", pages["venue"], "section ", token=pages["token"])
    check_page("operator", pages["operator"], "harbour-cafe", code=pages["operator"].partition("#")[2])
    known = f"Statements of {pages['payee_name']}"
    check_page("payee", pages["payee"], known, code=pages["payee"].partition("#")[2])


def check_page(name: str, url: str, shown: str, **secret: str) -> None:
    address = urllib.parse.urlsplit(url)
    assert address.hostname == f"{name}.localhost"
    visitor, host = NoScript(f"http://127.0.0.1:{address.port}"), {"Host": f"{address.hostname}:{address.port}"}
    assert visitor.post("/signin", host, **secret)[0] == 200
    wait_until(lambda: shown in visitor.get("/", host)[1], lambda: (name, visitor.get("/", host)))


def look_at(browser: Chrome, pages: dict[str, Any], workdir: Path) -> None:
    """Each of the three as its people see it, and a picture of it."""
    browser.get(pages["venue"] + "/signin")
    browser.find_element(By.ID, "token").send_keys(pages["token"], "\n")
    pictures = [picture(browser, "venue", "What sounds", workdir)]
    people = people_of(workdir / "ledger")
    for name, code, words in (
        ("operator", people.invite("Kim", "admin"), "playing"),
        ("payee", people.invite("Ilse", "payee", "ilse-maren"), "All periods"),
    ):
        browser.get("about:blank")
        browser.get(f"{pages[name].partition('#')[0]}#{code}")
        wait_until(lambda: browser.execute_script(SEND_CODE), lambda: browser.page_source)
        pictures.append(picture(browser, name, words, workdir))
    assert all(path.stat().st_size > 10_000 for path in pictures)


def picture(browser: Chrome, name: str, words: str, folder: Path) -> Path:
    """Once the words are shown, and not only as a choice; the table of the fleet is as it was when it was loaded."""
    whole = "document.readyState === 'complete'"
    told = "[...document.querySelectorAll('h1, h2, h3, td, caption')].some(e => e.innerText.includes(arguments[0]))"

    def is_shown() -> bool:
        if browser.execute_script(f"return {whole} && {told}", words):
            return True
        browser.refresh()
        return False

    wait_until(is_shown, lambda: (name, browser.page_source), nap_s=0.5)
    return take(browser, name, folder)


def start(workdir: Path, minutes: int, environment: dict[str, str], *more: str) -> "subprocess.Popen[str]":
    words = [*DEMO, f"--workdir={workdir}", f"--minutes={minutes}", *more]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def kill_couriers(demo: "subprocess.Popen[str]", workdir: Path, times: int) -> int:
    """kill -9 the courier as soon as it has something in its spool, and again soon after each restart."""
    pid_file, spool, killed, last = workdir / "logs" / "courier.pid", workdir / "spool", 0, 0
    patience = Patience()
    while killed < times and demo.poll() is None and patience.lasts():
        time.sleep(0.02)
        if not pid_file.exists() or not any(spool.iterdir()):
            continue
        pid = int(pid_file.read_text() or 0)
        if pid and pid != last:
            time.sleep(0.6)
            last = pid
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed += 1
    return killed


def check(facts: dict[str, Any], *runs: int) -> None:
    """What must hold after runs of so many minutes, each of which has two months."""
    totals, ledger = facts["totals"], facts["ledger"]
    assert totals["frames_agree"] and totals["player_frames"] == totals["ledger_frames"] > 0
    assert totals["pool_agrees"] and facts["verified"] is True
    assert ledger["held"] == 0 and ledger["refused"] == {} and ledger["quarantined"] == []
    for player in facts["players"]:
        assert player["sessions"] == 2 * len(runs)
        assert player["frames"] >= sum(minutes + max(minutes // SECOND_PART, 1) for minutes in runs) * 60 * 44100
        segments = sum(SEGMENTS[minutes] for minutes in runs)
        assert player["segments"] == player["receipted"] == player["trimmed"] == segments
    first, second = facts["months"]
    between = facts["between"]
    statements = [path for month in facts["months"] for path in Path(month["statements"]).glob("*.json.gz")]
    page = facts["page"]
    assert page["refused"] == "" and is_checking_page(Path(page["file"]))
    assert page["verified"] == (0 if page["left_out"] else len(statements))
    assert bool(page["left_out"]) == (toolchain.browser_at_hand() is None)
    assert first["period"] < second["period"] and between["corrected"]["kind"] == "correction"
    assert sum(item["earned_micro"] for item in between["withdrawn"]["frozen"]) > 0
    assert set(between["since"]) == {"earning_ms", "unpaid_ms"}  # a minute is forgiven, so some may earn
    audited = facts["audited"]
    assert audited["agrees"] and audited["devices"] == len(facts["players"])
    # A stem was withdrawn after the first run, so the second one has another pack; the demo keeps the latest only.
    assert audited["agree"] == audited["pcm_compared"] == SEGMENTS[runs[-1]] * len(facts["players"])
    assert audited["segments"] == ledger["accepted"]
    assert ledger["accepted"] == sum(player["segments"] for player in facts["players"])


@pytest.mark.long
def test_demo_with_a_killed_courier_and_a_second_run(
    tmp_path: Path, micropython: list[str], chromium: tuple[Path, Path, dict[str, str]]
) -> None:
    demo = start(tmp_path, MINUTES[0], dict(os.environ))
    killed = kill_couriers(demo, tmp_path, 2)
    facts = finish(demo)
    # The last kill may meet a courier that has nothing left to do, and that nobody starts again.
    assert killed >= 1 and killed - 1 <= facts["courier_restarts"] <= killed
    check(facts, MINUTES[0])
    assert {player["runtime"] for player in facts["players"]} == {"cpython", "micropython"}
    with serving(start(tmp_path, MINUTES[1], environment_without_mosquitto(), "--serve")) as again:
        check_pages(again["pages"])
        with as_wide_as_a_phone(chromium, tmp_path / "profile") as browser:
            look_at(browser, again["pages"], tmp_path)
    assert again["broker"] == "amqtt"
    check(again, *MINUTES)
    ledger = Folder(tmp_path / "ledger")
    before = everything(ledger.store_path)
    rebuild_folder(ledger, 0)
    assert everything(ledger.store_path) == before and scrub(ledger) == []
    assert [player["device_id"] for player in again["players"]] == [player["device_id"] for player in facts["players"]]
    assert again["settlement"]["period"] > facts["settlement"]["period"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--stems", "/nonexistent"], "/nonexistent"),
        (["--script", "/nonexistent.aimi"], "/nonexistent.aimi"),
        (["--income", "ten"], "ten"),
    ],
)
def test_demo_says_what_is_wrong_in_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    command = [*DEMO, f"--workdir={tmp_path}", *words]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert said in result.stderr and len(result.stderr.strip().splitlines()) <= 3


def test_without_micropython_both_players_run_on_cpython(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amos_tools.toolchain.micropython", lambda build: None)
    players = cast(Workdir(tmp_path))
    assert [player.runtime for player in players] == ["cpython", "cpython"]
    assert len({player.link for player in players}) == 2

"""Payees withdraw stems on their page, and bring them back: in two clicks, of their own stems alone, with and without
script; what that froze is seen at once, and the log has it."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from form_fuzz import TEXT, answers_to, asked, choice, documented, form
from pages_world import rows_of
from settled_world import PUBLISHER, STEMS, World, play_november, signer
from typer.testing import CliRunner
from visitors import NoScript

from amos.crypto import key_id, public_key
from amos.protocol.delegated import Delegation
from amos.protocol.signing import list_opt_outs, sign_delegation, sign_opt_outs
from amos_ledger import rotating
from amos_ledger.delegated import desk_of, made_key, take_delegation
from amos_ledger.errors import OptOutsRefused, RolledBack
from amos_ledger.folder import Folder
from amos_ledger.opt_outs import DELEGATED, add_opt_outs
from amos_tools.cli import app
from amos_tools.pages import own_stems
from amos_tools.pages.own_stems import Changes, own_stem
from amos_tools.pages.serve import people_of, serving_pages
from amos_tools.pages.statements import books_of
from amos_web.errors import WebRefusal

ANNS, SHARED, BOBS, NOT_DELEGATED = (stem_id.hex() for stem_id in STEMS[:4])


def delegate(folder: Folder, serial: int, days: int = 10) -> None:
    """The first three stems, to the ledger's key."""
    now_s, by, sign = int(time.time()), key_id(public_key(PUBLISHER)), signer(PUBLISHER)
    times = {"since_unix_s": now_s - 9, "until_unix_s": now_s + days * 86_400}
    facts = {"key": made_key(folder), "ledger": folder.public_key, "ids": b"".join(STEMS[:3])}
    made = Delegation(version=1, serial=serial, **times, **facts)
    take_delegation(folder, sign_delegation(made, by, sign), now_s)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """November settled, and three stems delegated."""
    made = World(tmp_path_factory.mktemp("own") / "ledger")
    play_november(made)
    words = ["pool", "settle", "--period", "2026-11", "--income", "1000", "--currency", "EUR", "--unasked"]
    done = CliRunner().invoke(app, [*words, "--close-now", "--ledger", str(made.path)])
    assert done.exit_code == 0, done.output
    delegate(made.folder, 1)
    return made


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def url(world: World, said: list[str]) -> Iterator[str]:
    with serving_pages("127.0.0.1:0", [], world.folder, world.path / "watch.json", None, said.append) as pages:
        yield f"http://127.0.0.1:{pages.port}"


def visitor(world: World, url: str, payee: str) -> tuple[NoScript, str]:
    someone = NoScript(url)
    code, page = someone.post("/signin", code=people_of(world.path).invite(f"as {payee}", "payee", payee))
    assert code == 200, page
    return someone, re.findall(r'name="secret" value="([0-9a-f]{64})"', page)[0]


def withdrawn(world: World) -> set[str]:
    with world.folder.open_store_to_read() as store:
        return {stem_id.hex() for stem_id in desk_of(world.folder, store).withdrawn}


def test_a_payee_withdraws_a_stem_and_brings_it_back(world: World, url: str, said: list[str]) -> None:
    ann, secret = visitor(world, url, "ann")
    _code, page = ann.get("/payee")
    stems = [row for row in rows_of(page) if len(row) == 4 and row[1] == "Ann &amp; Bob"]
    assert [row[2:] for row in stems] == [
        ["100.0000", "may sound"], ["33.3333", "may sound"], ["0.0001", "may sound"],
    ]  # fmt: skip
    place = f"/payee/stems/{ANNS}"
    assert place in page
    _code, page = ann.get(place)
    earned = re.findall(r'class="sum">([\d.,]+) EUR', page)
    assert "Withdraw it now" in page and "What it has earned for you" in page and len(earned) == 1
    code, page = ann.post(place, secret=secret, do="withdraw")
    assert code == 200 and "Bring it back" in page
    assert "Frozen: what it earned until then" in page and re.findall(r'class="sum">([\d.,]+) EUR', page) == earned
    assert withdrawn(world) == {ANNS} and said[-1] == f"as ann withdrew stem {ANNS} for ann"
    _code, page = ann.get("/payee")
    assert "withdrawn by you" in page and "Withdrawn stems: what they earned" in page and earned[0] in page
    with world.folder.open_store() as store:
        size = store.size()
    assert ann.post(place, secret=secret, do="withdraw")[0] == 200, "pressed twice it is done once"
    with world.folder.open_store() as store:
        assert store.size() == size
    code, page = ann.post(place, secret=secret, do="bring back")
    assert code == 200 and "It may sound" in page and withdrawn(world) == set()
    assert said[-1] == f"as ann brought back stem {ANNS} for ann"


def test_of_own_stems_alone_by_a_form_of_this_session(world: World, url: str) -> None:
    ann, secret = visitor(world, url, "ann")
    _bob, others = visitor(world, url, "bob")
    for stem in (BOBS, "0" * 32, "x", "%2e%2e"):
        code, page = ann.post(f"/payee/stems/{stem}", secret=secret, do="withdraw")
        assert (code, "no stem of this id pays you" in page) == (404, True), stem
        assert ann.get(f"/payee/stems/{stem}")[0] == 404
    place = f"/payee/stems/{ANNS}"
    for headers, fields, status in (
        ({}, {"secret": others, "do": "withdraw"}, 403),
        ({}, {"do": "withdraw"}, 403),
        ({"Origin": "http://elsewhere.example"}, {"secret": secret, "do": "withdraw"}, 403),
        ({}, {"secret": secret}, 400),
        ({}, {"secret": secret, "do": "pay"}, 400),
    ):
        assert ann.post(place, headers, **fields)[0] == status, fields
    assert NoScript(url).post(place, secret=secret, do="withdraw")[0] == 403
    assert withdrawn(world) == set()


def test_what_another_payee_withdrew_is_said_and_theirs_to_bring_back(world: World, url: str) -> None:
    (ann, secret), (bob, bobs) = visitor(world, url, "ann"), visitor(world, url, "bob")
    place = f"/payee/stems/{SHARED}"
    assert "It may sound" in ann.get(place)[1] and bob.post(place, secret=bobs, do="withdraw")[0] == 200
    page = ann.get(place)[1]
    assert "bob withdrew it, and alone brings it back, or the publisher" in page and "<button name" not in page
    assert "withdrawn by another payee" in ann.get("/payee")[1] and "withdrawn by you" in bob.get("/payee")[1]
    code, page = ann.post(place, secret=secret, do="bring back")
    assert code == 409 and "expected bob to bring it back" in page and withdrawn(world) == {SHARED}
    assert ann.post(place, secret=secret, do="withdraw")[0] == 200
    assert bob.post(place, secret=bobs, do="bring back")[0] == 200 and withdrawn(world) == set()


def test_what_is_not_delegated_or_is_the_publishers_is_said(world: World, url: str) -> None:
    ann, secret = visitor(world, url, "ann")
    place = f"/payee/stems/{NOT_DELEGATED}"
    page = ann.get(place)[1]
    assert "has not let this page withdraw it" in page and "Withdraw it now" not in page
    code, page = ann.post(place, secret=secret, do="withdraw")
    assert code == 409 and f"expected only stems that it names, found {NOT_DELEGATED}" in page
    listed = list_opt_outs(1, int(time.time()), [STEMS[1]])
    add_opt_outs(world.folder, sign_opt_outs(listed, key_id(public_key(PUBLISHER)), signer(PUBLISHER)))
    place = f"/payee/stems/{STEMS[1].hex()}"
    page = ann.get(place)[1]
    assert "alone brings it back" in page and "<button name" not in page
    for change in ("bring back", "withdraw"):
        code, page = ann.post(place, secret=secret, do=change)
        assert code == 409 and "alone brings it back" in page and withdrawn(world) == set()
    assert "withdrawn by the publisher" in ann.get("/payee")[1]


def test_nobody_fills_the_log_and_nothing_bounds_what_is_withdrawn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_stems, "BACK_MAX", 2)
    now_s = [0.0]
    changes = Changes(world.folder, lambda: now_s[0])
    for _time in range(2):
        assert changes.make("ann", ANNS, False) and changes.make("ann", ANNS, True)
    assert not changes.make("ann", ANNS, True), "what changes nothing is not counted"
    assert changes.make("ann", ANNS, False), "may be withdrawn at any time"
    with pytest.raises(WebRefusal, match="at most 2 stems brought back within 24 hours; wait 86400 s"):
        changes.make("ann", ANNS, True)
    assert changes.make("bob", BOBS, False) and changes.make("bob", BOBS, True)
    now_s[0] += own_stems.BACK_S
    assert changes.make("ann", ANNS, True) and withdrawn(world) == set()


def test_what_is_refused_is_not_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_stems, "BACK_MAX", 1)
    changes = Changes(world.folder)
    assert changes.make("ann", ANNS, False)

    def refuse(*_words: Any, **_more: Any) -> bool:
        raise OptOutsRefused("not now")

    with monkeypatch.context() as patch:
        patch.setattr(own_stems, "withdraw_for", refuse)
        for _time in range(2):
            with pytest.raises(WebRefusal, match="not now"):
                changes.make("ann", ANNS, True)
    assert changes.make("ann", ANNS, True) and withdrawn(world) == set()


def test_a_store_that_cannot_be_read_or_a_key_that_is_gone_is_told(world: World, url: str, tmp_path: Path) -> None:
    ann, secret = visitor(world, url, "ann")
    key = world.path / "opt-out.key"
    kept = key.rename(tmp_path / "away")
    try:
        code, page = ann.post(f"/payee/stems/{ANNS}", secret=secret, do="withdraw")
        assert (code, "takes nothing now" in page, "opt-out.key" in page) == (503, True, True)
    finally:
        kept.rename(key)
    assert withdrawn(world) == set()


def test_the_command_does_the_same(world: World, url: str) -> None:
    ann, _secret = visitor(world, url, "ann")
    words: list[Any] = ["ledger", "withdraw", world.path, ANNS, "--payee", "ann", "--unasked"]
    for more, sounds in (([], False), (["--back"], True)):
        done = CliRunner().invoke(app, [str(word) for word in (*words, *more)])
        assert done.exit_code == 0, done.output
        assert ("It may sound" in ann.get(f"/payee/stems/{ANNS}")[1]) is sounds
        assert (world.folder.public / DELEGATED).exists()


def test_the_broker_is_asked_once_and_again_when_the_log_is_shorter(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(own_stems, "ask_served", lambda folder: asked.append(folder.path))
    copy = shutil.copytree(world.path, tmp_path / "copy")
    here = shutil.copytree(copy, tmp_path / "here")
    changes = Changes(Folder(here))
    changes.ask_ahead()
    assert changes.make("ann", ANNS, False) and changes.make("ann", ANNS, True) and asked == [here]
    changes.ask()
    shutil.rmtree(here)
    shutil.copytree(copy, here)
    assert changes.make("ann", ANNS, False) and asked == [here, here]


def test_a_ledger_that_must_not_append_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_folder: Folder) -> None:
        raise RolledBack("this ledger signed a tree that its log does not contain")

    monkeypatch.setattr(own_stems, "ask_served", refuse)
    changes = Changes(world.folder)
    changes.ask_ahead()
    with pytest.raises(WebRefusal, match="takes nothing now: this ledger signed a tree"):
        changes.make("ann", ANNS, False)
    assert withdrawn(world) == set()


def test_whatever_a_payee_asks_is_answered_by_a_page_and_changes_their_own_stems_alone(world: World, url: str) -> None:
    with requests.Session() as browser:
        code = people_of(world.path).invite("cy", "payee", "cy-dee")
        page = browser.post(f"{url}/signin", data={"code": code}, timeout=30).text
        secret = page.partition('name="secret" value="')[2][:64]
        stems = choice(BOBS, ANNS, NOT_DELEGATED, "x", "%2e%2e")
        stem = {"name": "stem", "in": "path", "required": True, "schema": stems}
        place = {"name": "place", "in": "path", "required": True, "schema": choice("2026-11-EUR", "..", "check", "x")}
        change = form(secret, do=choice("withdraw", "bring back", "pay", ""))
        paths = {
            "/payee": {"get": asked()},
            "/payee/stems/{stem}": {"parameters": [stem], "get": asked(), "post": change},
            "/payee/{place}": {"parameters": [place], "get": asked(wrong=TEXT)},
            "/payee/{place}/statement.json.gz": {"parameters": [place], "get": asked()},
            "/cases": {"get": asked(), "post": form(secret, text=TEXT)},
        }
        assert {200, 403, 404} <= answers_to(documented(**paths), url, browser)
    assert withdrawn(world) <= {BOBS}


def test_pages_go_on_when_the_ledger_has_another_key_and_say_whom_withdrawals_miss(
    world: World, tmp_path: Path
) -> None:
    folder = Folder(shutil.copytree(world.path, tmp_path / "here"))
    assert folder.line.keys == [world.folder.public_key], "as pages know it since they began"
    assert not own_stem(folder, "ann", ANNS).misses_new
    rotating.rotate_ledger(Folder(folder.path), 0)
    found = own_stem(folder, "ann", ANNS)
    assert found.may_change and found.misses_new, "players that were set up since have the next key alone"
    delegate(Folder(folder.path), 2)
    assert not own_stem(folder, "ann", ANNS).misses_new
    assert books_of(folder, "ann").months

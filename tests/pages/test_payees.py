"""The payee's pages: what they show is what `amos pool history`, `show` and `vault frozen` say, of that payee alone."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import Page
from pages_world import rows_of
from patience import wait_until
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from settled_world import PUBLISHER, STEMS, World, play_november, signer, unix_s
from typer.testing import CliRunner
from visitors import NoScript

from amos.crypto import key_id, public_key
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_ledger.opt_outs import add_opt_outs
from amos_tools.cli import app
from amos_tools.pages.serve import people_of, serving_pages
from amos_tools.pages.statements import books_of
from amos_web.errors import WebRefusal

MONEY = ["--currency", "EUR", "--reason", '<b>"for" & the test</b>']


def said(*words: object) -> str:
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """November settled, with a sum held, and a stem withdrawn since."""
    made = World(tmp_path_factory.mktemp("payees") / "ledger")
    play_november(made)
    where, closing = ["--ledger", made.path], ["--currency", "EUR", "--unasked", "--close-now"]
    said("pool", "settle", "--period", "2026-11", "--income", "1000", *closing, *where)
    said("pool", "hold", "ann", "--amount", "80", *MONEY, *where)
    said("pool", "settle", "--period", "2026-12", "--income", "0", *closing, "--rehearsal", *where)
    listed = list_opt_outs(1, unix_s(2026, 12, 1), [STEMS[1]])
    add_opt_outs(made.folder, sign_opt_outs(listed, key_id(public_key(PUBLISHER)), signer(PUBLISHER)))
    return made


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    with serving_pages("127.0.0.1:0", [], world.folder, world.path / "watch.json", None, lambda _line: None) as pages:
        yield f"http://127.0.0.1:{pages.port}"


def visitor(world: World, url: str, payee: str) -> NoScript:
    someone = NoScript(url)
    code, page = someone.post("/signin", code=people_of(world.path).invite(f"as {payee}", "payee", payee))
    assert code == 200, page
    return someone


@pytest.mark.parametrize("payee", ["ann", "bob", "cy-dee"])
def test_the_balances_are_those_of_the_command_line(world: World, url: str, payee: str) -> None:
    _code, page = visitor(world, url, payee).get("/payee")
    months = json.loads(said("pool", "history", payee, "--ledger", world.path, "--json"))["periods"]
    rows = [row for row in rows_of(page) if row[0].startswith("2026-")]
    assert [row[0] for row in rows] == [month["period"] for month in reversed(months)]
    money = lambda text: round(float(text.replace(",", "")) * 1e6)  # noqa: E731
    names = ("opening_micro", "transfers_micro", "earned_micro", "closing_micro")
    assert [[money(cell) for cell in row[2:]] for row in rows] == [
        [month[name] for name in names] for month in reversed(months)
    ]
    assert (page.count("80.000000") >= 1) == (payee == "ann")


def test_what_a_withdrawn_stem_earned_is_frozen_and_shown(world: World, url: str) -> None:
    books = books_of(world.folder, "ann")
    (item,) = books.frozen
    assert (item.stem, item.payee) == (STEMS[1].hex(), "ann") and item.earned_micro > 0
    page = visitor(world, url, "ann").get("/payee")[1]
    assert "Withdrawn stems" in page and item.stem[:8] in page
    assert f"{item.earned_micro / 1e6:.6f}" in page
    assert "Withdrawn stems" not in visitor(world, url, "cy-dee").get("/payee")[1]


def test_a_statement_stands_whole_with_its_pictures_rate_and_transfers(world: World, url: str) -> None:
    ann = visitor(world, url, "ann")
    _code, page = ann.get("/payee/2026-11-EUR")
    assert "<h1>ann, 2026-11</h1>" in page and "An hour of play brings" in page
    assert page.count('<svg xmlns="http://www.w3.org/2000/svg" role="img"') >= 1 and "In play, by stem" in page
    assert "style=" not in page and "<style" not in page, "the policy lets no style in"
    december = ann.get("/payee/2026-12-EUR")[1]
    assert "&lt;b&gt;&quot;for&quot; &amp; the test&lt;/b&gt;" in december and "<b>" not in december


def test_a_payee_sees_their_own_statements_and_no_others(world: World, url: str) -> None:
    ann = visitor(world, url, "ann")
    data = raw(ann, url, "/payee/2026-11-EUR/statement.json.gz")
    assert data == world.statement("ann").read_bytes()
    for place in ("2026-10-EUR", "..", "%2e%2e", "bob", "2026-11-EUR%2f..%2f2026-11-EUR", "*", "%00"):
        for ending in ("", "/statement.json.gz"):
            code, page = ann.get(f"/payee/{place}{ending}")
            assert code == 404 and "bob" not in page.replace(place, ""), (place, ending)
    assert (
        raw(visitor(world, url, "bob"), url, "/payee/2026-11-EUR/statement.json.gz")
        == world.statement("bob").read_bytes()
    )
    nobody = visitor(world, url, "nobody")
    assert "There is no statement yet" in nobody.get("/payee")[1]
    assert nobody.get("/payee/2026-11-EUR")[0] == 404
    for address in ("/payee", "/payee/2026-11-EUR", "/payee/2026-11-EUR/statement.json.gz", "/payee/check"):
        assert NoScript(url).get(address)[0] == 403


def raw(someone: NoScript, url: str, path: str) -> bytes:
    with someone._opener.open(urllib.request.Request(url + path), timeout=30) as answer:
        return bytes(answer.read())


@contextmanager
def spoilt(path: Path, data: bytes) -> Iterator[None]:
    kept = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize("data", [b"", b"{}", b"\x1f\x8b\x08", b'{"core": 1}'])
def test_a_statement_that_cannot_be_read_is_told_as_such(world: World, url: str, data: bytes) -> None:
    ann = visitor(world, url, "ann")
    with spoilt(world.statement("ann"), data):
        for address in ("/payee", "/payee/2026-11-EUR"):
            code, page = ann.get(address)
            assert (code, "statements cannot be read" in page) == (503, True)
    with (
        spoilt(world.folder.public / "opt-outs.cose", b"x"),
        pytest.raises(WebRefusal, match="statements cannot be read"),
    ):
        books_of(world.folder, "ann")


def test_the_checking_page_believes_a_statement_in_the_browser(
    world: World, url: str, chromium: tuple[Path, Path, dict[str, str]], phone: Chrome, tmp_path: Path
) -> None:
    phone.delete_all_cookies()
    phone.get("about:blank")
    phone.get(f"{url}/signin#{people_of(world.path).invite('ann', 'payee', 'ann')}")
    enter: Any = "const f = document.getElementById('code'); if (f.value) f.form.submit(); return Boolean(f.value)"
    wait_until(lambda: phone.execute_script(enter), lambda: phone.page_source)
    wait_until(lambda: "/payee" in phone.current_url, lambda: phone.page_source)
    phone.get(f"{url}/payee/check")
    page = object.__new__(Page)
    page.browser = phone
    wait_until(lambda: phone.find_element(By.TAG_NAME, "body").get_attribute("data-ready"), "the page is ready")
    answer = page.check(world.statement("ann"))
    assert answer.state == "yes", answer
    assert "ann" in page.shows()

"""Messages of payees: each has a number, is seen by its payee and the operators alone, and is answered."""

import json
from pathlib import Path

import pytest
from pages_world import PagesWorld
from selenium.webdriver import Chrome
from typer.testing import CliRunner
from visitors import audited

from amos_tools.cli import app
from amos_tools.pages import cases
from amos_tools.pages.cases import CASES_NAME, Cases
from amos_tools.pages.limits import CASE_LETTERS_MAX, CASES_WAITING_MAX
from amos_web.errors import TokenError


def test_a_message_is_numbered_answered_and_nobody_elses(pages: PagesWorld) -> None:
    ann, anns = pages.visitor("payee", "Ann", "ann")
    bob, _bobs = pages.visitor("payee", "Bob", "bob")
    kim, kims = pages.visitor("fleet", "Kim")
    code, page = ann.post("/cases", secret=anns, text="November lacks <b>a stem</b>\r\nof mine")
    number = max(case.number for case in Cases(pages.path).of("ann"))
    assert code == 200 and f"It is case {number}" in page and "It waits for an answer" in page
    assert "&lt;b&gt;a stem" in page and "<b>" not in page
    assert f"Ann wrote case {number} for ann" in pages.said
    assert "lacks" not in bob.get("/cases")[1]
    page = kim.get("/cases")[1]
    assert f"Case {number}</h2>" not in page and f"Case {number} · ann" in page and "lacks" in page
    code, page = kim.post("/cases", secret=kims, number=str(number), text="It is held; see December.")
    assert code == 200 and f"Case {number} is answered" in page and f"Kim answered case {number} of ann" in pages.said
    page = ann.get("/cases")[1]
    assert "It is held; see December." in page and "Answered by Kim" in page and "waits" not in page


def test_who_may_not_does_not(pages: PagesWorld) -> None:
    ann, anns = pages.visitor("payee", "Ann", "ann")
    lou, lous = pages.visitor("player", "Lou")
    before = Cases(pages.path).all()
    assert lou.get("/cases")[0] == 403 and lou.post("/cases", secret=lous, text="x")[0] == 403
    assert ann.post("/cases", secret=lous, text="x")[0] == 403, "no form of another session"
    assert ann.post("/cases", {"Origin": "http://elsewhere.example"}, secret=anns, text="x")[0] == 403
    for text in ("", "  \r\n ", "x" * (CASE_LETTERS_MAX + 1), "a\x1b[2J"):
        code, page = ann.post("/cases", secret=anns, text=text)
        assert (code, f"expected 1 to {CASE_LETTERS_MAX} letters" in page) == (400, True), text
    kim, kims = pages.visitor("admin", "Kim")
    for number in ("", "x", "-1", "9" * 99, "99999", "²"):
        code, page = kim.post("/cases", secret=kims, number=number, text="x")
        assert (code, "case: expected the number of one" in page) == (400, True), number
    assert Cases(pages.path).all() == before


def test_the_command_lists_and_answers(pages: PagesWorld) -> None:
    made = Cases(pages.path).write("cy-dee", "Cy", "When is\nDecember?")
    words = ["pages", "cases", str(pages.path)]
    said = CliRunner().invoke(app, words).output
    assert f"case {made.number}, cy-dee, " in said and "Cy: When is December?" in said
    done = CliRunner().invoke(app, [*words, "--answer", str(made.number), "--text", "Soon.", "--json"])
    (found,) = [each for each in json.loads(done.output)["cases"] if each["number"] == made.number]
    assert (found["answer"], found["answered_by"]) == ("Soon.", "operator")
    assert "answer: Soon." in CliRunner().invoke(app, words).output
    for more, code in ((["--answer", "9999", "--text", "x"], 1), (["--answer", "1"], 2), (["--text", "x"], 2)):
        assert CliRunner().invoke(app, [*words, *more]).exit_code == code, more


def test_a_payee_has_ten_that_wait_and_the_oldest_answered_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Cases(tmp_path, lambda: 5.0)
    for _each in range(CASES_WAITING_MAX):
        kept.write("ann", "Ann", "x")
    with pytest.raises(TokenError, match=f"expected at most {CASES_WAITING_MAX} that wait"):
        kept.write("ann", "Ann", "x")
    kept.write("bob", "Bob", "x")
    kept.answer(3, "Kim", "y")
    kept.answer(2, "Kim", "y")
    assert [case.number for case in kept.all()] == [1, 4, 5, 6, 7, 8, 9, 10, 11, 3, 2], "those that wait first"
    monkeypatch.setattr(cases, "CASES_MAX", 11)
    kept.write("ann", "Ann", "x")
    assert kept.of("ann")[0].number == 12 and 2 not in [case.number for case in kept.all()]
    monkeypatch.setattr(cases, "CASES_MAX", 3)
    kept.write("cy", "Cy", "x")
    with pytest.raises(TokenError, match="the operator answers some first"):
        kept.write("cy", "Cy", "x")


@pytest.mark.parametrize("data", [b"", b"{}", b'{"cases": [1]}', b"[" * 9999, b"x" * ((1 << 24) + 1)])
def test_a_file_that_is_none_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / CASES_NAME).write_bytes(data)
    with pytest.raises(TokenError, match="expected cases as they were kept"):
        Cases(tmp_path).all()


@pytest.mark.parametrize("role, payee", [("payee", "ann"), ("admin", None)])
def test_every_control_has_a_name_and_every_text_its_contrast(
    phone: Chrome, pages: PagesWorld, role: str, payee: str | None
) -> None:
    Cases(pages.path).write("ann", "Ann", "What of November?\nAnd why?")
    pages.sign_in(phone, role, payee)
    phone.get(f"{pages.url}/cases")
    assert audited(phone) == []

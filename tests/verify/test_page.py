"""The page against the light check in Python: the same statements hold in both, and a change has the same name."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from browser import Answer, Page, browsing
from five_stems import ANNS, BOBS, CELLS, SPLITS, STEMS, T, part
from plain_period import PlainPeriod, b64, canonical, file_bytes, hexes
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from settled_world import World
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos_cli.output import Exit
from amos_ledger.settle_period import settle_period
from amos_tools.cli import app
from amos_tools.verify.errors import Difference, Unreadable
from amos_tools.verify.light import check_statement
from amos_tools.verify.page import checking_page


def transfer(number: int, kind: str, debit: str, credit: str, micro: int, reference: str | None = "") -> dict[int, Any]:
    """Of version 1 where there is no reference."""
    named = {11: reference or f"r\u00e9f {number}"}
    return {
        1: 1 if reference is None else 2,
        2: number,
        3: T,
        4: kind,
        5: "EUR",
        6: debit,
        7: credit,
        8: micro,
        10: "as agreed, \N{EM DASH} n\u00ba 7",
        **(named if reference is not None else {}),
    }


def a_period(**changes: Any) -> PlainPeriod:
    """Two devices and rates, five stems, shares that change; frozen late, unpaid, transfers; amounts above 2^53."""
    moves = [
        transfer(1, "correction", "payee/bob", "payee/ann", 5_000_000),
        transfer(2, "hold", "payee/ann", "held/ann", 7_000_001, None),
        transfer(3, "payout", "payee/ann", "bank", 2**53 + 1),
    ]
    facts = {"cells": CELLS, "splits": SPLITS, "sequences": {ANNS: [1, 3], BOBS: [1, 2, 4, 1]}, "transfers": moves}
    facts |= {"income": 2**61 + 1, "opening": {"payee/ann": 2**54 + 1, "payee/bob": 9, "held/ann": 3}}
    return PlainPeriod(**(facts | changes))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, chromium: tuple[Path, Path, dict[str, str]]) -> Iterator[Page]:
    """One browser for all of this file."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "verify.html").write_bytes(checking_page())
    with browsing(*chromium, folder / "profile") as browser:
        yield Page(browser, folder / "verify.html")


@pytest.fixture(scope="module")
def period() -> PlainPeriod:
    return a_period()


class Both:
    """Asks page and command about the same bytes."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self.folder, self.count, self.key = page, folder, 0, b""

    def pin(self, key: bytes) -> None:
        if key != self.key:
            self.key = key
            self.page.give_key(key.hex())

    def ask(self, data: bytes) -> tuple[Answer, Exception | None]:
        self.count += 1
        path = self.folder / f"{self.count}.json"
        path.write_bytes(data)
        error = None
        try:
            check_statement(data, self.key)
        except (Difference, Unreadable) as found:
            error = found
        return self.page.check(path), error

    def agree(self, data: bytes) -> Answer:
        """The same answer: yes, or a difference of the same name, or no statement."""
        answer, error = self.ask(data)
        if error is None:
            assert answer.state == "yes", answer
        elif isinstance(error, Difference):
            assert (answer.state, answer.field) == ("no", error.field), (answer, error)
        else:
            assert answer.state == "unreadable", (answer, error)
        return answer


@pytest.fixture
def both(opened: Page, period: PlainPeriod, tmp_path: Path) -> Both:
    asks = Both(opened, tmp_path)
    asks.pin(period.public_key)
    return asks


def scalars(item: object, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    if isinstance(item, dict | list):
        for key, value in item.items() if isinstance(item, dict) else enumerate(item):
            yield from scalars(value, (*path, key))
    else:
        yield path, item


def changed(whole: object, path: tuple, value: object) -> bytes:
    forged = json.loads(json.dumps(whole))
    item = forged
    for step in path[:-1]:
        item = item[step]
    item[path[-1]] = value
    return file_bytes(forged)


@pytest.mark.parametrize("rotate_to", [[], [b"m" * 32, b"n" * 32]])
def test_statements_that_follow_are_verified(both: Both, rotate_to: list[bytes]) -> None:
    made = a_period(rotate_to=rotate_to)
    for payee, core in made.cores.items():
        answer = both.agree(file_bytes(made.statement(payee)))
        assert answer.text == f"yes: {payee} earns {core['amount']} EUR in 2026-11"
        assert core["amount"] in both.page.shows()


def test_statements_of_a_real_ledger_are_verified(both: Both, november: World, dates: Any) -> None:
    """Two months, with transfers between them."""
    settle_period(november.folder, "2026-11", 1_000_000_000, "EUR")
    words = ["--amount", "12.5", "--currency", "EUR", "--reason", "dispute", "--ledger", str(november.folder.path)]
    for move in (["correct", "--from", "ann", "--to", "bob"], ["hold", "ann"]):
        assert CliRunner().invoke(app, ["pool", *move, *words]).exit_code == 0
    november.play(0, [(0, 44_100), (1, 17)], dates(2026, 12, 3), dates(2026, 12, 4))
    settle_period(november.folder, "2026-12", 450_000_007, "EUR")
    both.pin(november.keys.ledger)
    statements = sorted((november.folder.public / "statements").glob("*/*.json.gz"))
    assert len(statements) >= 5
    for path in statements:
        assert both.agree(statement_bytes(path)).state == "yes"
    shown = both.page.shows()
    assert "In play, by day (UTC)" in shown and "by pseudonym; 1 site" in shown
    _every_field_of_the_detail_changed(both, json.loads(statement_bytes(statements[0])))


def _every_field_of_the_detail_changed(both: Both, whole: Any) -> None:
    for path, value in scalars(whole["detail"]):
        for other in (value + 1, 2**70) if isinstance(value, int) else (value + "0", "", "2026-11-31", "\N{EM DASH}"):
            answer = both.agree(changed(whole, ("detail", *path), other))
            assert answer.state == "no" and answer.field.startswith("detail."), path


def test_the_statement_is_shown(both: Both, period: PlainPeriod) -> None:
    both.agree(file_bytes(period.statement("ann")))
    shown = both.page.shows()
    for text in (
        "Title 1",
        "Ann & Bob",
        "100.0000 %",
        "correction",
        "as agreed, \N{EM DASH} n\u00ba 7",
        "9007199254.740993",
    ):
        assert text in shown
    assert "more play than time since the player was enrolled" in shown


def test_every_field_changed_is_named_as_the_command_names_it(both: Both) -> None:
    made = a_period(rotate_to=[b"m" * 32])
    whole = made.statement("ann")
    found = set()
    of_each_shape = {
        tuple("#" if type(step) is int else step for step in path): path for path, _value in scalars(whole)
    }
    for path, value in scalars(whole):
        if path not in of_each_shape.values():
            continue
        other = value + 1 if isinstance(value, int) else ("x" if len(value) < 2 else value[:-2] + value[-1] + value[-2])
        if other == value:
            other = value + "0"
        answer = both.agree(changed(whole, path, other))
        assert answer.state == "no", path
        found.add(answer.field)
    assert len(found) > 50


def planted(period: PlainPeriod) -> list[tuple[str, bytes, str]]:
    """One planted error in each part of a statement, and what it is called."""
    whole = period.statement("ann")
    line, micro = ("core", "lines", 0, "frames", 0, "frames"), ("core", "lines", 0, "amount_micro")
    values = {path: value for path, value in scalars(whole)}
    row, node, step = (
        ("proof", "stems", "rows", 0, "row"),
        ("proof", "stems", "nodes", 0),
        ("proof", "closing", "path", 0),
    )
    moved = ("proof", "transfers", 0, "entry")
    closing_micro = ("core", "balance", "payable", "closing_micro")
    return [
        ("a frame", changed(whole, line, values[line] + 1), "core.lines[0].frames[0].frames"),
        ("a micro-unit of a line", changed(whole, micro, values[micro] + 1), "core.lines[0].amount_micro"),
        (
            "a micro-unit of a balance",
            changed(whole, closing_micro, values[closing_micro] + 1),
            ".".join(closing_micro),
        ),
        (
            "a row",
            changed(whole, row, period.statement("bob")["proof"]["stems"]["rows"][0]["row"]),
            "proof.stems.rows[1]",
        ),
        ("a node", changed(whole, node, "00" * 48), "proof.stems, root of the tree"),
        ("a path", changed(whole, step, "00" * 32), "proof.closing.path, root"),
        ("a transfer", changed(whole, moved, whole["proof"]["transfers"][1]["entry"]), "proof.transfers[0].path, root"),
    ]


def test_a_planted_error_in_each_part_is_named(both: Both, period: PlainPeriod) -> None:
    for part_of_it, data, field in planted(period):
        answer = both.agree(data)
        assert (answer.state, answer.field) == ("no", field), part_of_it
        assert both.page.shows() == ""


def further(previous: int, readings_of: int | None) -> Any:
    """A closing in a further currency."""
    fields = {1: 5, 9: previous, **({} if readings_of is None else {21: readings_of})}
    return lambda closing: closing.update(fields)


def of_pool(closing: dict[int, Any]) -> None:
    """A closing of one pool of several."""
    closing.update({1: 6, 13: "inns"})


def named(core: dict[str, Any]) -> None:
    """A core of one."""
    core.update(format="amos-statement/6")
    core["pool"].update(name="inns", carry_account="carry/inns/EUR")


def to_pool(version: int, debit: str, credit: str) -> dict[str, Any]:
    """A transfer from or to what a pool carries."""
    return {"transfers": [transfer(1, "correction", debit, credit, 1) | {1: version}]}


def closing_field(key: int, value: object) -> Any:
    return lambda closing: closing.update({key: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"forge_core": lambda core: core.update(amount_micro=core["amount_micro"] + 2)},
        {"forge_core": lambda core: core["lines"][0].update(amount_micro=core["lines"][0]["amount_micro"] + 1)},
        {"forge_core": lambda core: core["pool"].update(segments_late=core["pool"]["segments_late"] + 1)},
        {"forge_row": lambda row: row[4][0].update({6: row[4][0][6] + 1})},
        {"forge_row": lambda row: row.update({5: 3})},
        {"forge_closing": closing_field(16, (5).to_bytes(16, "big"))},
        {"forge_closing": closing_field(6, 7)},
        {"forge_closing": closing_field(9, 99)},
        {"forge_closing": closing_field(2, "2026-13")},
        {"forge_closing": closing_field(21, 1)},
        {"forge_closing": further(0, 0)},
        {"forge_closing": further(1, 2)},
        {"forge_closing": further(0, None)},
        {"forge_closing": closing_field(1, 5)},
        {"forge_closing": closing_field(1, 6)},
        {"forge_closing": closing_field(1, 7)},
        {"forge_closing": of_pool},
        {"forge_core": named},
        {"forge_closing": lambda closing: closing.update({1: 6, 13: "Inns"}), "forge_core": named},
        {"forge_closing": lambda closing: closing.update({1: 6, 13: "communal"}), "forge_core": named},
        to_pool(3, "payee/ann", "carry/inns"),
        to_pool(2, "payee/ann", "carry/inns"),
        to_pool(3, "payee/ann", "carry"),
        to_pool(3, "payee/ann", "carry/communal"),
        to_pool(4, "pool/inns", "payee/ann"),
        to_pool(3, "pool/inns", "payee/ann"),
        to_pool(4, "payee/ann", "carry"),
        to_pool(5, "payee/ann", "carry"),
        to_pool(3, "payee/ann", "pool/inns"),
        to_pool(4, "pool/inns", "pool/communal"),
        {"transfers": [transfer(1, "refund", "pool/inns", "income/sync", 1) | {1: 4, 9: "2026-11"}]},
        {"forge_closing": closing_field(20, bytes(32))},
        {"cells": {(ANNS, STEMS[0]): [part(9, standing=3)]}},
        {"transfers": [transfer(1, "gift", "payee/ann", "payee/bob", 1)]},
        {"transfers": [transfer(1, "payout", "held/ann", "bank", 1)]},
        {"transfers": [transfer(1, "hold", "payee/ann", "held/ann", 1) | {1: 1}]},
        {"transfers": [transfer(1, "hold", "payee/ann", "held/ann", 1, None) | {1: 2}]},
        {"transfers": [transfer(1, "hold", "payee/ann", "held/ann", 1) | {1: 3}]},
        {"transfers": [transfer(1, "hold", "payee/ann", "held/ann", 1) | {11: "a\nb"}]},
        {"transfers": [transfer(at, "hold", "payee/ann", "held/ann", at, "one") for at in (1, 2)]},
        {"transfers": [transfer(1, "hold", "payee/ann", "held/bob", 1)]},
        {"transfers": [transfer(1, "release", "held/ann", "payee/ann", 4)]},
        {
            "transfers": [
                transfer(2, "refund", "payee/ann", "income/sync", 2**60),
                transfer(1, "refund", "payee/ann", "income/sync", 1),
            ]
        },
    ],
)
def test_what_the_ledger_itself_would_sign(both: Both, changes: dict[str, Any]) -> None:
    both.agree(file_bytes(a_period(**changes).statement("ann")))


def test_a_statement_of_one_pool_is_verified_and_shown_with_it(both: Both) -> None:
    made = a_period(
        forge_closing=of_pool, forge_core=named, transfers=to_pool(3, "payee/ann", "carry/inns")["transfers"]
    )
    whole = made.statement("ann")
    assert both.agree(file_bytes(whole)).state == "yes"
    assert "2026-11, pool inns" in both.page.shows()
    for path, value in ((("name",), "communal"), (("name",), 7), (("carry_account",), "carry/EUR")):
        answer = both.agree(changed(whole, ("core", "pool", *path), value))
        assert (answer.state, answer.field) == ("no", f"core.pool.{path[0]}")


def test_keys(both: Both, period: PlainPeriod) -> None:
    data = file_bytes(period.statement("ann"))
    both.pin(bytes(32))
    assert both.agree(data).field == "proof.checkpoint.signature"
    both.page.give_key("12")
    path = both.folder / "1.json"
    path.write_bytes(data)
    assert both.page.check(path).state == "unreadable"
    both.pin(period.public_key)
    assert both.page.answer().state == "yes"


WEAK = [
    *("00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f"),
    *("01" + "00" * 30 + "80", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    *("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",),
]


@pytest.mark.parametrize("key", [bytes.fromhex(text) for text in WEAK], ids=WEAK)
def test_a_key_for_which_anybody_can_sign_signs_nothing(both: Both, period: PlainPeriod, key: bytes) -> None:
    """Of some messages, this signature is good by the formula alone, of the second key of all."""
    both.pin(key)
    hint = sha256(period.origin.encode() + b"\n\1" + key).digest()[:4]
    body = period.checkpoint.partition("\n\n")[0]
    note = f"{body}\n\n\N{EM DASH} {period.origin} {b64(hint + bytes([1]) + bytes(63))}\n"
    answer = both.agree(changed(period.statement("ann"), ("proof", "checkpoint"), note))
    assert answer.field == "proof.checkpoint.signature"


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"null", b"\xff", b'{"core": 1.5}', b'{"core": NaN}', b"[" * 100_000, b"1" * 10_000),
        *(b"{}\n", b'{"a":"\\ud800"}', b'{\n "core": {},\n "proof": {}\n}\n', b"\xef\xbb\xbf{}", b'{"a":1,"a":1}'),
    ],
)
def test_what_is_no_statement(both: Both, data: bytes) -> None:
    assert both.agree(data).state != "yes"


def test_another_spelling_is_found(both: Both, period: PlainPeriod) -> None:
    whole = period.statement("ann")
    for data in (
        json.dumps(whole).encode(),
        file_bytes(whole)[:-1],
        file_bytes(whole) + b"\n",
        json.dumps(whole, sort_keys=True, separators=(",", ":")).encode() + b"\n",
        json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode() + b"\n",
        json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n",
        file_bytes(whole).replace(b'"index":0', b'"index":-0', 1),
    ):
        assert both.agree(data).field == "statement: spelling"


@pytest.mark.parametrize(
    "payload", [canonical({}), b"\xa1\x01\x18\x04", b"\xbf\x01\x04\xff", b"\xc2\x41\x01", b"\x81" * 2000, b""]
)
def test_odd_rows(both: Both, period: PlainPeriod, payload: bytes) -> None:
    both.agree(changed(period.statement("ann"), ("proof", "stems", "rows", 0, "row"), b64(payload)))


def test_a_leading_stem_that_is_left_out(both: Both) -> None:
    cells = {(ANNS, stem): [part(44_100)] for stem in STEMS[:3]}
    made = a_period(cells=cells, splits={(stem, 1): [("ann", 1_000_000)] for stem in STEMS[:3]})
    forged = json.loads(json.dumps(made.statement("ann")))
    del forged["core"]["lines"][1]
    assert both.agree(file_bytes(forged)).field == "proof.stems.rows, index 1"
    del forged["proof"]["stems"]["rows"][1]
    forged["proof"]["stems"]["nodes"] = hexes(made.stem_tree.without([0, 2]))
    assert both.agree(file_bytes(forged)).field == "proof.stems.rows"


def test_the_command_writes_a_page_that_knows_the_key(both: Both, period: PlainPeriod, tmp_path: Path) -> None:
    """With the ledger's name pinned too; and a page from before may be written over, another file not."""
    file, keys = tmp_path / "verify.html", tmp_path / "keys.json"
    statement = tmp_path / "ann.json"
    statement.write_bytes(file_bytes(period.statement("ann")))
    for origin, state, field in (
        (period.origin, "yes", ""),
        ('<"other">', "no", "proof.checkpoint.origin"),
    ):
        keys.write_text(json.dumps({"ledger": period.public_key.hex(), "origin": origin}))
        done = CliRunner().invoke(app, ["verify", "--page", str(file), "--keys", str(keys)])
        assert done.exit_code == 0 and period.public_key.hex() in done.output, done.output
        found = Page(both.page.browser, file).check(statement)
        assert (found.state, found.field) == (state, field)
    both.page.open()
    file.write_text("mine")
    assert CliRunner().invoke(app, ["verify", "--page", str(file)]).exit_code == Exit.FINDING
    assert file.read_text() == "mine"
    for more in (["--full"], [str(statement)], ["--ledger-key", "12"]):
        assert CliRunner().invoke(app, ["verify", "--page", str(file), *more]).exit_code == Exit.USAGE


def test_a_browser_without_ed25519_checks_nothing(both: Both) -> None:
    """It says so, and takes no file."""
    hides = "delete SubtleCrypto.prototype.importKey"
    given = both.page.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": hides})
    try:
        both.page.open()
        assert both.page.ready == "no"
        assert "cannot check anything" in both.page.browser.find_element(By.ID, "unable").text
        assert not both.page.browser.find_element(By.ID, "file").is_enabled()
    finally:
        both.page.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", given)
        both.page.open()


def test_the_page_asks_the_network_for_nothing(both: Both) -> None:
    both.page.browser.execute_script("fetch('http://127.0.0.1:9/').then(() => 0, (why) => (document.title = `${why}`))")
    WebDriverWait(both.page.browser, 10).until(lambda browser: "Failed to fetch" in browser.title)
    both.page.open()
    assert both.page.browser.execute_script("return performance.getEntriesByType('resource').length") == 0

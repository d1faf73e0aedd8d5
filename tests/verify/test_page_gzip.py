"""The page and files that begin like gzip: the same statement inside is the same, and nothing else is one."""

import gzip
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from browser import Page, browsing
from five_stems import ANNS, BOBS, CELLS, SPLITS
from hostile_gzip import HOSTILE
from plain_period import PlainPeriod, file_bytes

from amos_ledger.settlement.statement import compressed
from amos_tools.verify.page import checking_page


@pytest.fixture(scope="module")
def period() -> PlainPeriod:
    return PlainPeriod(cells=CELLS, splits=SPLITS, sequences={ANNS: [1, 3], BOBS: [1, 2, 4, 1]})


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory, chromium: tuple[Path, Path, dict[str, str]], period: PlainPeriod
) -> Iterator[Page]:
    """One browser for all of this file."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "verify.html").write_bytes(checking_page(period.public_key))
    with browsing(*chromium, folder / "profile") as browser:
        yield Page(browser, folder / "verify.html")


@pytest.mark.parametrize("name", ["ann.json", "ann.json.gz"])
def test_a_compressed_statement_is_the_same_statement(
    page: Page, period: PlainPeriod, name: str, tmp_path: Path
) -> None:
    """Its first bytes say which form it has; a change has the same name in both."""
    data, path = file_bytes(period.statement("ann")), tmp_path / name
    for plain, state in ((data, "yes"), (data.replace(b'"amount_micro":', b'"amount_micro":1', 1), "no")):
        said = []
        for form in (plain, compressed(plain), gzip.compress(plain, 1)):
            path.write_bytes(form)
            said.append(page.check(path))
        assert said[0].state == state and said[1:] == said[:1] * 2


def test_a_large_compressed_statement(page: Page, tmp_path: Path) -> None:
    """Of many steps and parts: what the browser reads back is what went in."""
    filler = "".join(sha256(b"%d" % number).hexdigest() for number in range(20_000))
    path = tmp_path / "large.json.gz"
    path.write_bytes(gzip.compress(f"[0,\n{filler}".encode()))
    answer = page.check(path)
    assert answer.state == "unreadable" and "found other text in line 2, column" in answer.text, answer


@pytest.mark.parametrize("name", HOSTILE)
def test_what_only_begins_like_gzip_is_refused(page: Page, name: str, tmp_path: Path) -> None:
    data, why = HOSTILE[name]
    path = tmp_path / "ann.json.gz"
    path.write_bytes(data)
    answer = page.check(path)
    said = {"a bomb": why, "gzip inside gzip": "expected JSON"}.get(name, "expected one whole gzip member")
    assert answer.state == "unreadable" and answer.text.startswith("not checked: statement: "), answer
    assert said in answer.text

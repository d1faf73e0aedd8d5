"""The demo's page: a browser is asked about each statement; where there is none the page is left, and that is said."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from five_stems import ANNS, BOBS, CELLS, SPLITS
from plain_period import PlainPeriod, file_bytes
from statement_bytes import statement_bytes

from amos_ledger.settlement.statement import compressed
from amos_tools import toolchain
from amos_tools.demo import browser
from amos_tools.demo.page import PageAnswers, verify_in_page
from amos_tools.demo.workdir import Workdir
from amos_tools.verify.page import is_checking_page


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workdir, Path, list[Path]]:
    """(folder, pinned keys, statements)."""
    work = Workdir(tmp_path_factory.mktemp("demo"))
    work.make()
    period = PlainPeriod(cells=CELLS, splits=SPLITS, sequences={ANNS: [1, 3], BOBS: [1, 2, 4, 1]})
    keys = work.keys / "pinned.json"
    keys.write_text(json.dumps({"ledger": period.public_key.hex()}))
    paths = []
    for payee in sorted(period.cores):
        paths.append(work.statements / f"{payee}.json.gz")
        paths[-1].write_bytes(compressed(file_bytes(period.statement(payee))))
    return work, keys, paths


def a_program(folder: Path, text: str) -> Path:
    path = folder / "a_browser"
    # Behind "#!" a path ends at its first space, and a checkout's name may have one.
    path.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(text)}\n")
    path.chmod(0o755)
    return path


def asked_of(
    settled: tuple[Workdir, Path, list[Path]], found: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> PageAnswers:
    monkeypatch.setattr(toolchain, "browser_at_hand", lambda: found)
    work, keys, statements = settled
    answers = verify_in_page(work, keys, statements)
    assert answers.page == work.root / "verify.html" and is_checking_page(answers.page)
    return answers


def test_the_page_verifies_each_statement_and_names_a_changed_one(
    settled: tuple[Workdir, Path, list[Path]],
    chromium: tuple[Path, Path, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    work, keys, statements = settled
    program, _driver, variables = chromium
    data = statement_bytes(statements[-1])
    (tmp_path / "changed.json").write_bytes(data.replace(b'"amount_micro":', b'"amount_micro":1', 1))
    together = work, keys, [*statements, tmp_path / "changed.json", statements[0]]
    answers = asked_of(together, (program, variables), monkeypatch)
    assert (answers.verified, answers.left_out) == (len(statements), "")
    assert answers.refused.startswith("changed.json: no: ") and "amount" in answers.refused
    assert str(work.root) not in answers.refused


def test_without_a_browser_the_page_is_left(
    settled: tuple[Workdir, Path, list[Path]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("amos_tools.toolchain.browser.architecture", lambda: "amd64")
    assert toolchain.browser_at_hand() is None
    answers = asked_of(settled, None, monkeypatch)  # type: ignore[arg-type]
    assert (answers.verified, answers.refused) == (0, "") and "Chromium" in answers.left_out


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("raise SystemExit(3)", "a_browser: it ended"),
        ("import time; time.sleep(60)", "a_browser: no answer within 0.3 s"),
        ('import os; os.read(3, 99); os.write(4, b\'{"id": 1, "error": {"message": "tired"}}\\0\')', "tired"),
    ],
)
def test_a_browser_that_does_not_do_it_ends_nothing(
    settled: tuple[Workdir, Path, list[Path]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, does: str, said: str
) -> None:
    monkeypatch.setattr(browser, "ANSWER_S", 0.3)
    answers = asked_of(settled, (a_program(tmp_path, does), {}), monkeypatch)
    assert answers.verified == 0 and said in answers.left_out

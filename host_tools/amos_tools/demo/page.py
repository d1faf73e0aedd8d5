"""The demo's statements in the page that anyone can open: made by `amos verify --page`, and asked in a real browser."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amos_tools import toolchain
from amos_tools.demo.browser import Browser, BrowserError, browsing
from amos_tools.demo.processes import run_amos
from amos_tools.demo.workdir import Workdir

STATE, TEXT = "document.getElementById('result').dataset.state", "document.getElementById('result').textContent"
READY, UNABLE = "document.body?.dataset.ready", "document.getElementById('unable').textContent"


@dataclass(frozen=True)
class PageAnswers:
    """What the page says of the statements that it was given.

    verified  how many it says yes to
    refused   what it says of the first that it does not, empty if there is none
    left_out  why it was not asked at all, empty where it was
    """

    page: Path
    verified: int = 0
    refused: str = ""
    left_out: str = ""

    def facts(self) -> dict[str, Any]:
        """For the report."""
        said = {"verified": self.verified, "refused": self.refused, "left_out": self.left_out}
        return {"file": str(self.page), **said}


def verify_in_page(work: Workdir, keys: Path, statements: Iterable[Path]) -> PageAnswers:
    """Leave the page in the folder, and give each statement to it where a browser is on this machine."""
    page = work.root / "verify.html"
    run_amos("verify", f"--page={page}", f"--keys={keys}")
    found = toolchain.browser_at_hand()
    if found is None:
        return PageAnswers(page, left_out=toolchain.explain("browser"))
    log = work.logs / "browser.log"
    with tempfile.TemporaryDirectory(prefix="amos-browser-", ignore_cleanup_errors=True) as profile:
        try:
            with browsing(*found, Path(profile), log) as browser:
                return _answers(browser, page, statements)
        except (BrowserError, OSError) as error:
            return PageAnswers(page, left_out=f"{found[0].name}: {error}; see {log}")


def _answers(browser: Browser, page: Path, statements: Iterable[Path]) -> PageAnswers:
    browser.open(page)
    if browser.wait_for(READY) != "yes":
        raise BrowserError(str(browser.value(UNABLE)))
    verified = 0
    for path in statements:
        browser.value(f"{STATE} = ''")
        browser.choose_file("#file", path)
        if browser.wait_for(STATE) != "yes":
            return PageAnswers(page, verified, f"{path.name}: {browser.value(TEXT)}")
        verified += 1
    return PageAnswers(page, verified)

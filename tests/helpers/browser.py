"""The page that checks a statement, in a headless browser: files go in as a person gives them, the answer comes out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE_S = 60
# The browser shows our own page alone, and neither a sandbox nor a shared memory is to be had in every container.
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")

CLEAR = """
document.getElementById("result").dataset.state = "";
const file = document.getElementById("file");
file.value = "";
return file;
"""
ANSWER = """
const [tell] = arguments, result = document.getElementById("result");
const look = () => result.dataset.state
    ? tell([result.dataset.state, result.dataset.field || "", result.innerText.trim()]) : setTimeout(look, 1);
look();
"""
"""One call each: hundreds of questions are asked, and each call takes longer than the page's answer."""


@dataclass(frozen=True)
class Answer:
    """`state` is yes, no, or unreadable; `field` is where the first difference is."""

    state: str
    field: str
    text: str


@contextmanager
def browsing(browser: Path, driver: Path, variables: dict[str, str], profile: Path) -> Iterator[Chrome]:
    """A browser, which is ended at the end."""
    options = ChromeOptions()
    options.binary_location = str(browser)
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    service = ChromeService(executable_path=str(driver), env={**os.environ, **variables})
    running = Chrome(options=options, service=service)
    running.set_script_timeout(PATIENCE_S)
    try:
        yield running
    finally:
        running.quit()


class Page:
    """One opened page."""

    def __init__(self, browser: Chrome, file: Path) -> None:
        self.browser, self.file = browser, file
        self.open()

    def open(self) -> None:
        """Open it anew, as if nothing had been given."""
        self.browser.get(self.file.as_uri())
        self.ready = WebDriverWait(self.browser, PATIENCE_S).until(lambda _: self._data("body", "ready"))

    def give_key(self, text: str) -> None:
        """Type the ledger's key."""
        field = self.browser.find_element(By.ID, "key")
        field.clear()
        field.send_keys(text, "\n")

    def check(self, statement: Path) -> Answer:
        """Choose a file, and read the answer."""
        field = self.browser.execute_script(CLEAR)
        field.send_keys(str(statement))
        return self.answer()

    def answer(self) -> Answer:
        """What the page tells, once it does."""
        return Answer(*self.browser.execute_async_script(ANSWER))

    def shows(self) -> str:
        """The statement as the page shows it."""
        return self.browser.find_element(By.ID, "statement").text

    def _data(self, selector: str, name: str) -> str:
        return self.browser.find_element(By.CSS_SELECTOR, selector).get_attribute(f"data-{name}") or ""

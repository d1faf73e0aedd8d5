"""A Chromium without a window, asked over two pipes in its DevTools protocol: no driver, no port, no library.

https://chromedevtools.github.io/devtools-protocol/: with `--remote-debugging-pipe` it reads commands from descriptor 3
and writes answers and events to descriptor 4, each a JSON object that ends with a zero byte.
"""

import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

# It shows our own page alone, and neither a sandbox nor a shared memory is to be had in every container.
FLAGS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
)
# Our two pipes are the shell's standard input and output; the browser finds them where it looks for them.
AS_3_AND_4 = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null'
ANSWER_S = 60
POLL_S = 0.02
STOP_S = 10
READ_BYTES = 1 << 16


class BrowserError(Exception):
    """The browser did not do what it was asked to; the message says what it was."""


@contextmanager
def browsing(program: Path, variables: dict[str, str], profile: Path, log: Path) -> Iterator["Browser"]:
    """A browser with one empty tab, ended at the end. Raises `BrowserError`.

    profile  a folder for what it keeps
    log      a file for what it says
    """
    command = ["sh", "-c", AS_3_AND_4, str(program), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, **variables},
            start_new_session=True,
        ) as popen,
    ):
        assert popen.stdin is not None and popen.stdout is not None
        try:
            yield Browser(popen.stdin, popen.stdout)
        finally:
            popen.terminate()
            try:
                popen.wait(STOP_S)
            except subprocess.TimeoutExpired:
                popen.kill()


class Browser:
    """One tab of it. Every method raises `BrowserError`."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands, self._answers = commands, answers
        self._read = b""
        self._asked = 0
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def open(self, file: Path) -> None:
        """Begin to load a page."""
        self._ask("Page.navigate", url=file.resolve().as_uri())

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript is in the page; None for undefined, and where it cannot be told."""
        return self._ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of the expression as soon as it counts as true."""
        deadline = time.monotonic() + ANSWER_S
        while not (found := self.value(expression)):
            if time.monotonic() > deadline:
                raise BrowserError(f"the page did not get to {expression} within {ANSWER_S} s")
            time.sleep(POLL_S)
        return found

    def choose_file(self, selector: str, file: Path) -> None:
        """Give a file to the field with that CSS selector, as a person chooses it."""
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        field = self._ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._ask("DOM.setFileInputFiles", nodeId=field, files=[str(file.resolve())])

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._asked += 1
        command = {"id": self._asked, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        try:
            self._commands.write(json.dumps(command).encode() + b"\0")
            self._commands.flush()
        except OSError:
            raise BrowserError("it ended") from None
        deadline = time.monotonic() + ANSWER_S
        while (answer := self._message(deadline)).get("id") != self._asked:
            pass  # an event
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    def _message(self, deadline: float) -> dict[str, Any]:
        with selectors.DefaultSelector() as ready:
            ready.register(self._answers, selectors.EVENT_READ)
            while b"\0" not in self._read:
                if not ready.select(max(deadline - time.monotonic(), 0)):
                    raise BrowserError(f"no answer within {ANSWER_S} s")
                read = os.read(self._answers.fileno(), READ_BYTES)
                if not read:
                    raise BrowserError("it ended")
                self._read += read
        message, _, self._read = self._read.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

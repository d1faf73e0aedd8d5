"""Ways to tell people: the log, a webhook, mail. Contract: `tell` returns when it was taken, or raises `OSError` within
`TIMEOUT_S`; what was not taken is told again with the next round, so that after a crash between the two, or where the
answer came too late, it may be told twice."""

import http.client
import json
import smtplib
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Protocol

from amos_ledger.deadline import within
from amos_ledger.watch.alerts import News

TIMEOUT_S = 20
SMTPS_PORT = 465
LINES_MAX = 200
"""Of one message: a broker that is away makes ten thousand devices silent at once."""


def _in_time(tell: Callable[[], None]) -> None:
    """Raises what `tell` raises; `OSError` when it takes too long."""
    try:
        within(TIMEOUT_S, tell)
    except TimeoutError:
        raise OSError(f"expected it to be taken within {TIMEOUT_S:g} s, found no answer") from None


class Channel(Protocol):
    """`name` is what the state remembers it by."""

    @property
    def name(self) -> str: ...

    def tell(self, news: News) -> None: ...


def sentences(news: News) -> list[str]:
    """One line for each."""
    lines = [f"{alert.sentence} [{alert.key}]" for alert in news.alerts]
    lines += [f"over: {alert.sentence} [{alert.key}]" for alert in news.recoveries]
    return lines if len(lines) <= LINES_MAX else [*lines[:LINES_MAX], f"and {len(lines) - LINES_MAX} more"]


@dataclass(frozen=True)
class Log:
    """Lines for whoever reads the log."""

    report: Callable[[str], None]
    name: str = "log"

    def tell(self, news: News) -> None:
        for line in sentences(news):
            self.report(line)


@dataclass(frozen=True)
class Webhook:
    """A POST of JSON: {"text": TEXT, "alerts": [{"key", "sentence"}], "recoveries": [...]}; chats show `text`."""

    url: str
    name: str = "webhook"

    def tell(self, news: News) -> None:
        facts = {
            "text": "\n".join(sentences(news)),
            "alerts": [{"key": alert.key, "sentence": alert.sentence} for alert in news.alerts],
            "recoveries": [{"key": alert.key, "sentence": alert.sentence} for alert in news.recoveries],
        }
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url, json.dumps(facts).encode(), headers, method="POST")
        _in_time(partial(self._post, request))

    def _post(self, request: urllib.request.Request) -> None:
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                answer.read(1)
        except http.client.HTTPException as error:
            raise OSError(f"expected an answer in HTTP, found {error!r}") from None


@dataclass(frozen=True)
class Mail:
    """A mail to some people, over TLS where the server has it; a password is never sent without."""

    server: tuple[str, int]
    sender: str
    receivers: tuple[str, ...]
    user: str | None = None
    password_file: Path | None = None
    name: str = "mail"

    def tell(self, news: News) -> None:
        message = EmailMessage()
        message["Subject"] = f"amos: {len(news.alerts)} alerts, {len(news.recoveries)} over"
        message["From"], message["To"] = self.sender, ", ".join(self.receivers)
        message.set_content("\n".join(sentences(news)) + "\n")
        _in_time(partial(self._send, message))

    def _send(self, message: EmailMessage) -> None:
        try:
            with self._connected() as line:
                line.send_message(message)
        except smtplib.SMTPException as error:  # an OSError too; its text has the server's words
            raise OSError(f"the mail server does not take it: {error}") from error

    def _connected(self) -> smtplib.SMTP:
        kind = smtplib.SMTP_SSL if self.server[1] == SMTPS_PORT else smtplib.SMTP
        line = kind(*self.server, timeout=TIMEOUT_S)
        try:
            line.ehlo()
            if kind is smtplib.SMTP and line.has_extn("starttls"):
                line.starttls()
                line.ehlo()
            elif kind is smtplib.SMTP and self.user is not None:
                raise OSError("the mail server has no TLS: a password is not sent in the open")
            if self.user is not None and self.password_file is not None:
                line.login(self.user, self.password_file.read_text().split("\n")[0])
        except BaseException:
            line.close()
            raise
        return line

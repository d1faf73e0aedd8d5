"""What all pages have in common: who asks, in which language, the frame around a page, and how one is refused."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from amos_cli.durations import largest_unit
from amos_ledger.command import LAST_UNIX_S
from amos_ledger.folder import Folder
from amos_ledger.store.store import Store
from amos_tools.pages.door import MAY, Door, pages_of
from amos_tools.pages.limits import READ_WAIT_S, READERS_MAX
from amos_tools.pages.readings import read_now
from amos_web.errors import WebRefusal
from amos_web.forms import check_origin, form_of, language_of
from amos_web.people import Person
from amos_web.qr import qr_svg
from amos_web.templates import Templates
from amos_web.words import translations

PACKAGE = "amos_tools.pages"
Found = TypeVar("Found")


class Frame:
    """Around each page. Raises `WebUnusable` without Jinja2."""

    def __init__(self, folder: Folder, door: Door, origin: str) -> None:
        self.door = door
        self._folder, self._origin = folder, origin
        self._templates = Templates(PACKAGE, translations(files(PACKAGE) / "locale"))
        self._readers = asyncio.Semaphore(READERS_MAX)

    def entered(self, request: Request, page: str) -> tuple[Person, str]:
        """(who asks, their cookie), who may see this page. Raises `WebRefusal`."""
        found = self.door.person_of(request)
        if found is None:
            raise WebRefusal(
                403, "NotSignedIn", "you are signed out", "open the link that you were given, or ask for one"
            )
        if found[0].role not in MAY[page]:
            raise WebRefusal(403, "NotForRole", f"this page is not for the role {found[0].role}", "ask an admin")
        return found

    async def form(self, request: Request, page: str) -> tuple[Person, dict[str, str]]:
        """(who asks, the fields) of a form of this session. Raises `WebRefusal`."""
        check_origin(request)
        person, cookie = self.entered(request, page)
        fields = await form_of(request)
        self.door.check_secret(cookie, fields.get("secret", ""))
        return person, fields

    async def read(self, read: Callable[[Store], Found]) -> Found:
        """What it finds in the store. Raises `WebRefusal`."""
        return await self.on_a_thread(lambda: read_now(self._folder, read))

    async def on_a_thread(self, work: Callable[[], Found]) -> Found:
        """What it gives; nobody else waits for it. Raises `WebRefusal`."""
        try:
            await asyncio.wait_for(self._readers.acquire(), READ_WAIT_S)
        except TimeoutError:
            raise WebRefusal(503, "TooManyReaders", "too many ask at once", "try again in a while") from None
        try:
            return await asyncio.to_thread(work)
        finally:
            self._readers.release()

    def page(self, request: Request, name: str, values: Mapping[str, Any], code: int = 200) -> Response:
        """The template with these values, for who asks."""
        language, entered = language_of(request), self._known(request)
        known: dict[str, Any] = {"person": None, "pages": [], "secret": ""}
        if entered is not None:
            person, cookie = entered
            known = {"person": person, "pages": pages_of(person), "secret": self.door.secret_of(cookie)}
        shown = {"origin": self._origin, "now_s": int(time.time()), "utc": utc, "here": name, "qr": qr_svg}
        shown |= {"largest_unit": largest_unit}
        headers = {"content-language": language, "vary": "accept-language, cookie"}
        html = self._templates.render(f"{name}.html", language, {**shown, **known, **values})
        return HTMLResponse(html, code, headers)

    def _known(self, request: Request) -> tuple[Person, str] | None:
        """Who is signed in; nobody where that cannot be found out, as on the page that says so."""
        try:
            return self.door.person_of(request)
        except WebRefusal:
            return None

    async def refused(self, request: Request, error: Exception) -> Response:
        """A refusal as a page."""
        if isinstance(error, HTTPException):
            sentence = {404: "there is nothing at this address", 405: "this address takes another method"}
            error = WebRefusal(error.status_code, "NotFound", sentence.get(error.status_code, error.detail))
        assert isinstance(error, WebRefusal)
        answer = self.page(request, "refusal", {"refusal": error}, error.status)
        if error.status in (408, 413):
            answer.headers["connection"] = "close"
        return answer


def utc(unix_s: float) -> str:
    """For people, in UTC and to the minute."""
    return f"{datetime.fromtimestamp(min(unix_s, LAST_UNIX_S), UTC):%Y-%m-%d %H:%M}"

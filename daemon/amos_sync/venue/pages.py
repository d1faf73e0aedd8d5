"""The venue's page: server-rendered, whole without script; it decides nothing, and asks as the API does."""

import json
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from amos_sync.pairing import ANSWER_MS, clock_of
from amos_sync.venue.door import Door
from amos_sync.venue.requests import code_of, input_wish, number_of, pause_wish
from amos_sync.venue.room import Room
from amos_web.answers import signed_in, signed_out, static_file
from amos_web.errors import WebRefusal
from amos_web.forms import check_origin, form_of, language_of
from amos_web.guard import Receive, Scope, Send
from amos_web.streams import event
from amos_web.templates import Templates
from amos_web.words import translations

PACKAGE = "amos_sync.venue"
STATIC = {"venue.js": "text/javascript", "pair.js": "text/javascript"}
PAUSE_MINUTES = 10
"""What the form offers."""


class Pages:
    """Their routes. Raises `WebUnusable` without Jinja2."""

    def __init__(self, room: Room, door: Door):
        self._room, self._door = room, door
        self._templates = Templates(PACKAGE, translations(files(PACKAGE) / "locale"))
        self._parts: dict[str, dict[str, str]] = {}
        room.listeners.append(self._changed)

    def routes(self) -> list[BaseRoute]:
        """For the application."""
        return [
            Route("/", self._venue),
            Route("/signin", self._sign_in_form),
            Route("/signin", self._sign_in, methods=["POST"]),
            Route("/signout", self._sign_out, methods=["POST"]),
            Route("/do", self._do, methods=["POST"]),
            Route("/pair", self._pair, methods=["POST"]),
            Route("/live", _Live(self, self._room, self._door)),
            Route("/static/{name}", self._static),
        ]

    async def _venue(self, request: Request) -> Response:
        cookie = self._door.cookie_of(request)
        if cookie is None:
            return RedirectResponse("/signin", 303)
        return self._page(request, cookie, None, 200)

    async def _sign_in_form(self, request: Request) -> Response:
        return self._sign_in_page(request, None, 200)

    async def _sign_in(self, request: Request) -> Response:
        check_origin(request)
        form = await form_of(request)
        try:
            kept = self._door.enter(request, form.get("token", "").strip())
        except WebRefusal as refusal:
            return self._sign_in_page(request, refusal, refusal.status)
        return signed_in(request, self._door.sessions.begin(kept.sha256))

    async def _sign_out(self, request: Request) -> Response:
        await self._checked_form(request)
        return signed_out()

    async def _do(self, request: Request) -> Response:
        cookie, form = await self._checked_form(request)
        device_id = form.get("device_id", "")
        try:
            player = self._room.player(device_id)
            if "minutes" in form:
                wish = pause_wish({"minutes": number_of(form["minutes"])})
            else:
                wish = input_wish(_words(form), player)
            await self._room.give(device_id, wish)
        except WebRefusal as refusal:
            return self._page(request, cookie, refusal, refusal.status)
        return RedirectResponse("/?said=taken", 303)

    async def _pair(self, request: Request) -> Response:
        cookie, form = await self._checked_form(request)
        code = "".join(form.get("code", "").split())
        try:
            await self._room.pair(self._room.player(form.get("device_id", "")).device_id or "", code_of({"code": code}))
        except WebRefusal as refusal:
            return self._page(request, cookie, refusal, refusal.status, form)
        return RedirectResponse("/?said=paired", 303)

    async def _checked_form(self, request: Request) -> tuple[str, dict[str, str]]:
        """(cookie, fields) of who is signed in and sent a form of ours. Raises `WebRefusal`."""
        check_origin(request)
        cookie = self._door.cookie_of(request)
        if cookie is None:
            raise WebRefusal(403, "NotSignedIn", "you are signed out", "sign in at /signin")
        form = await form_of(request)
        if not self._door.sessions.is_secret(cookie, form.get("secret", "")):
            raise WebRefusal(403, "FormForeign", "this form is not of this session", "open the page anew and try again")
        return cookie, form

    async def _static(self, request: Request) -> Response:
        return static_file(PACKAGE, STATIC, request.path_params["name"])

    def _page(
        self,
        request: Request,
        cookie: str,
        refusal: WebRefusal | None,
        code: int,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """`given`: what was typed into a form that was refused, and is good for another try."""
        language = language_of(request)
        said = request.query_params.get("said") if refusal is None else None
        values = {
            "status": self._room.status(),
            "parts": self.parts(language),
            "secret": self._door.sessions.secret_of(cookie),
            "refusal": refusal,
            "said": said,
            "given": {"code": "", "device_id": ""} | dict(given or {}),
            "time_of": _time_of,
            "answer_s": ANSWER_MS // 1000,
            "pause_minutes": PAUSE_MINUTES,
            "shape_of": _shape_of,
        }
        return self._html("venue.html", language, values, code)

    def _sign_in_page(self, request: Request, refusal: WebRefusal | None, code: int) -> Response:
        return self._html("signin.html", language_of(request), {"refusal": refusal}, code)

    def _html(self, name: str, language: str, values: Mapping[str, Any], code: int) -> Response:
        headers = {"content-language": language, "vary": "accept-language, cookie"}
        return HTMLResponse(self._templates.render(name, language, values), code, headers)

    def parts(self, language: str) -> dict[str, str]:
        """What changes by itself, as HTML by the id of its element; the same for everybody who reads that language."""
        if language not in self._parts:
            status = self._room.status()
            shown = {
                "clock": datetime.now().strftime("%H:%M:%S"),
                "time_of": _time_of,
                "shape_of": _shape_of,
                "status": status,
            }
            found = {"venue": self._templates.render("live_venue.html", language, shown)}
            for player in status["players"]:
                html = self._templates.render("live_player.html", language, {**shown, "player": player})
                found[f"live-{player['device_id'] or player['address']}"] = html
            self._parts[language] = found
        return self._parts[language]

    def parts_event(self, language: str) -> bytes:
        """The same for a stream."""
        return event("parts", json.dumps(self.parts(language)))

    def _changed(self) -> None:
        self._parts.clear()
        for kind in self._room.streams.kinds():
            name, _space, language = kind.partition(" ")
            if name == "parts":
                self._room.streams.tell(kind, self.parts_event(language))


class _Live:
    """The page's own stream, for who is signed in."""

    def __init__(self, pages: Pages, room: Room, door: Door):
        self._pages, self._room, self._door = pages, room, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if self._door.cookie_of(request) is None:
            raise WebRefusal(403, "NotSignedIn", "you are signed out", "sign in at /signin")
        language = language_of(request)
        first = lambda: self._pages.parts_event(language)  # noqa: E731
        await self._room.streams.serve(f"parts {language}", first, scope, receive, send)


def _shape_of(player: Mapping[str, Any]) -> str:
    """What the forms of a player depend on: where it changes, the page has to be made anew."""
    known = [player["may"], [slider["name"] for slider in player["sliders"]]]
    known += [player["volume_db_min"], player["volume_db_max"], player["is_new"], player["called"]]
    return json.dumps(known)


def _time_of(unix_s: int) -> str:
    return clock_of(unix_s)


def _words(form: Mapping[str, str]) -> dict[str, Any]:
    """`act` is a kind, or a kind and a value; `kind` and `value` are one each."""
    if "act" in form:
        kind, space, value = form["act"].partition(" ")
        given = value if space else None
    else:
        kind, given = form.get("kind", ""), form.get("value")
    if given is None:
        return {"kind": kind}
    return {"kind": kind, "value": given if kind == "announce" else number_of(given)}

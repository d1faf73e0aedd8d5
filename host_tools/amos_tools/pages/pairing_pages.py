"""The operators' page of codes, by which new players are paired at venues; the desk draws them, and answers."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import END, Order, is_of_code, new_ticket, pair_order
from amos_tools.fleet.pairing.book import read_codes
from amos_tools.fleet.pairing.codes import DAYS, DAYS_MAX, OPEN, Codes
from amos_tools.fleet.pairing.venue_link import venue_link
from amos_tools.fleet.pairing.words import code_facts
from amos_tools.pages.frame import Frame
from amos_tools.pages.looking import Looking
from amos_tools.pages.rollouts import Rollouts, read_desk
from amos_web.errors import WebRefusal

CODES_SHOWN = 100
SITES_OFFERED = 500
NUMBER_DIGITS_MAX = 3
TRAIL_READ = 100


class PairingPages:
    """Their routes. `orders` has the desk, and takes what is wanted of it. `venue_page`: where venues' people find
    their page."""

    def __init__(self, frame: Frame, looking: Looking, orders: Rollouts, venue_page: str) -> None:
        self._frame, self._looking, self._orders, self._venue_page = frame, looking, orders, venue_page

    def routes(self) -> list[BaseRoute]:
        """For the application."""
        return [
            Route("/pairing", self._all),
            Route("/pairing", self._draw, methods=["POST"]),
            Route("/pairing/{ticket}", self._one),
            Route("/pairing/{ticket}", self._end, methods=["POST"]),
        ]

    async def _all(self, request: Request) -> Response:
        person, _cookie = self._frame.entered(request, "pairing")
        return await self._shown(request, person.name, {"site": request.query_params.get("site", "")[:64]}, None)

    async def _draw(self, request: Request) -> Response:
        person, fields = await self._frame.form(request, "pairing")
        refusal = await self._orders.order(lambda: _order_of(person.name, fields))
        if refusal is None:
            return RedirectResponse("/pairing", 303)
        return await self._shown(request, person.name, fields, refusal)

    async def _one(self, request: Request) -> Response:
        self._frame.entered(request, "pairing")
        return await self._shown_one(request, None)

    async def _end(self, request: Request) -> Response:
        person, _fields = await self._frame.form(request, "pairing")
        code = await self._code(request)
        given = {"site": code["site"], "ticket": code["ticket"]}
        refusal = await self._orders.order(lambda: Order(END, person.name, given))
        if refusal is None:
            return RedirectResponse("/pairing", 303)
        return await self._shown_one(request, refusal)

    async def _shown_one(self, request: Request, refusal: WebRefusal | None) -> Response:
        code = await self._code(request)
        link = venue_link(self._venue_page, code["site"], code["code"]) if code["state"] == OPEN else None
        values = {"code": code, "link": link, "refusal": refusal}
        return self._frame.page(request, "pairing_code", values, 200 if refusal is None else refusal.status)

    async def _code(self, request: Request) -> dict[str, Any]:
        desk, ticket = self._orders.desk, request.path_params["ticket"]
        codes = (
            Codes() if desk is None else await self._frame.on_a_thread(lambda: read_desk(lambda: read_codes(desk.path)))
        )
        code = codes.of_ticket(ticket)
        if code is None:
            raise WebRefusal(404, "CodeUnknown", "there is no such code", "the page of new players lists them")
        return code_facts(codes, code, time.time())

    async def _shown(self, request: Request, who: str, fields: dict[str, str], refusal: WebRefusal | None) -> Response:
        desk = self._orders.desk
        found = None if desk is None else await self._frame.on_a_thread(lambda: read_desk(lambda: _facts(desk, who)))
        sites = sorted({row.site for row in self._looking.looked.rows})[:SITES_OFFERED]
        values = {"found": found, "refusal": refusal, "sites": sites, "days_max": DAYS_MAX, "ticket": new_ticket()}
        values |= {"given": {"site": "", "name": "", "tier": "0", "days": str(DAYS)} | fields}
        return self._frame.page(request, "pairing", values, 200 if refusal is None else refusal.status)


def _order_of(who: str, fields: dict[str, str]) -> Order:
    tier, days = (_number(name, fields.get(name, "").strip()) for name in ("tier", "days"))
    site, name, ticket = (fields.get(name, "").strip() for name in ("site", "name", "ticket"))
    return pair_order(who, site, name, tier, days, ticket)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX):
        raise WebRefusal(400, "OrderWrong", f"{name}: expected a whole number, found {text[:40]!r}")
    return int(text)


def _facts(desk: DeskFolder, who: str) -> dict[str, Any]:
    offered, now_s, codes = desk.offered(), time.time(), read_codes(desk.path)
    return {
        "stale": offered.is_stale(now_s),
        "waiting": len(desk.waiting()),
        "codes": [code_facts(codes, code, now_s) for code in reversed(codes.codes)][:CODES_SHOWN],
        "refused": _refused(desk, who),
    }


def _refused(desk: DeskFolder, who: str) -> dict[str, Any] | None:
    """The trail's line of what they ordered here last, where the desk refused it: an order is answered after the page
    is."""
    lines = (line for line in desk.trail(TRAIL_READ) if line["who"] == who and is_of_code(line["what"]))
    last = next(lines, None)
    return last if last is not None and last["outcome"] == "refused" else None

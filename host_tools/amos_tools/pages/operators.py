"""The operators' pages: the fleet, a device, what waits, proof of play, and who may come in."""

import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from amos_ledger.cli_played import proof_csv
from amos_ledger.cli_quarantine import DEVICE_DIGITS
from amos_ledger.proof_of_play import day_text
from amos_ledger.settlement.periods import PeriodError, parse_period, period_at
from amos_tools.fleet.orders.order import ACTS, TAG_ACTS, bulk_order
from amos_tools.pages.door import MAY
from amos_tools.pages.fleet_query import TAGS_SHOWN_LETTERS, Query, asked_for, players, query_of, select, which
from amos_tools.pages.fleet_rows import ALL_STATES
from amos_tools.pages.frame import Frame
from amos_tools.pages.history_svg import history_svg
from amos_tools.pages.looking import Looking
from amos_tools.pages.readings import alerts_of, history, played, snoozed, waiting
from amos_tools.pages.rollouts import Rollouts
from amos_web.errors import TokenError, WebRefusal
from amos_web.people import ROLES, Person

PERIOD_LETTERS = 7
SNOOZE_HOURS = ("1", "24", "168")
"""What the form offers."""


class Operators:
    """Their routes. `orders` takes what is wanted of players; `report` is told who lets in whom."""

    def __init__(self, frame: Frame, looking: Looking, orders: Rollouts, report: Callable[[str], None]) -> None:
        self._frame, self._looking, self._orders, self._report = frame, looking, orders, report

    def routes(self) -> list[BaseRoute]:
        """For the application."""
        return [
            Route("/fleet", self._fleet),
            Route("/fleet", self._direct, methods=["POST"]),
            Route("/fleet/{device_id}", self._device),
            Route("/waiting", self._waiting),
            Route("/waiting", self._snooze, methods=["POST"]),
            Route("/played", self._played),
            Route("/played.csv", self._played_csv),
            Route("/people", self._people),
            Route("/people", self._people_form, methods=["POST"]),
        ]

    async def _fleet(self, request: Request) -> Response:
        person, _cookie = self._frame.entered(request, "fleet")
        return self._shown_fleet(request, person, query_of(request.query_params), None)

    async def _direct(self, request: Request) -> Response:
        """An order for all that a query selects, as many as its form said."""
        person, fields = await self._frame.form(request, "rollouts")
        query = query_of(dict(parse_qsl(fields.get("query", ""))))
        tags, _fault = await self._frame.on_a_thread(self._looking.look_at_tags)
        rows = asked_for(self._looking.looked.rows, query, tags)
        count, shown = fields.get("count", ""), fields.get("which", "")
        if str(len(rows)) != count or which(rows) != shown:
            found = len(rows) if str(len(rows)) != count else "others"
            refusal: WebRefusal | None = WebRefusal(
                409, "FleetChanged", f"expected {count[:9]} players as shown, found {found}", "look again"
            )
        else:
            act, value = fields.get("act", ""), fields.get("value", "").strip()
            refusal = await self._orders.order(lambda: bulk_order(person.name, players(rows), act, value))
        if refusal is None:
            return RedirectResponse("/rollouts", 303)
        return self._shown_fleet(request, person, query, refusal)

    def _shown_fleet(self, request: Request, person: Person, query: Query, refusal: WebRefusal | None) -> Response:
        looked, (tags, fault) = self._looking.looked, self._looking.tags
        values = {"query": query, "selected": select(looked.rows, query, tags), "states": ALL_STATES}
        values |= {"tags": tags, "tags_fault": fault, "tag_acts": TAG_ACTS, "tags_letters": TAGS_SHOWN_LETTERS}
        values |= {"looked": looked, "stale": looked.is_stale(time.time()), "refusal": refusal, "acts": ACTS}
        values |= {"may_order": person.role in MAY["rollouts"] and self._orders.known}
        return self._frame.page(request, "fleet", values, 200 if refusal is None else refusal.status)

    async def _device(self, request: Request) -> Response:
        self._frame.entered(request, "fleet")
        id = request.path_params["device_id"]
        row = next((row for row in self._looking.looked.rows if row.device_id == id), None)
        if len(id) != DEVICE_DIGITS or row is None:
            raise WebRefusal(404, "DeviceUnknown", "no device of this id is enrolled", "the fleet names those that are")
        found = await self._frame.read(history(bytes.fromhex(id)))
        tags = self._looking.tags[0].of(row.site, row.device_id)
        picture = history_svg(found.days)
        return self._frame.page(
            request, "device", {"row": row, "tags": tags, "history": found, "picture": picture, "day_text": day_text}
        )

    async def _waiting(self, request: Request) -> Response:
        self._frame.entered(request, "waiting")
        return await self._shown_waiting(request, None)

    async def _snooze(self, request: Request) -> Response:
        person, fields = await self._frame.form(request, "waiting")
        key, hours = fields.get("key", ""), fields.get("hours", "")
        refusal = None
        if hours not in SNOOZE_HOURS:
            refusal = WebRefusal(400, "SnoozeWrong", f"hours: expected one of {', '.join(SNOOZE_HOURS)}")
        elif await self._frame.on_a_thread(lambda: snoozed(self._looking.state, key, int(hours) * 3600)) is None:
            refusal = WebRefusal(400, "SnoozeWrong", "expected the key of an alert", "it may be over by now")
        else:
            self._report(f"{person.name} snoozed {key} for {hours} hours")
        return await self._shown_waiting(request, refusal)

    async def _shown_waiting(self, request: Request, refusal: WebRefusal | None) -> Response:
        found, state = await self._frame.read(waiting), self._looking.state
        alerts = await self._frame.on_a_thread(lambda: alerts_of(state))
        values = {"found": found, "alerts": alerts, "hours": SNOOZE_HOURS, "refusal": refusal}
        return self._frame.page(request, "waiting", values, 200 if refusal is None else refusal.status)

    async def _played(self, request: Request) -> Response:
        self._frame.entered(request, "played")
        period = _period(request)
        proof = await self._frame.read(played(period))
        return self._frame.page(request, "played", {"proof": proof, "day_text": day_text})

    async def _played_csv(self, request: Request) -> Response:
        self._frame.entered(request, "played")
        period = _period(request)
        data = proof_csv(await self._frame.read(played(period)))
        headers = {"content-disposition": f'attachment; filename="played-{period}.csv"'}
        return Response(data, headers=headers, media_type="text/csv; charset=utf-8")

    async def _people(self, request: Request) -> Response:
        self._frame.entered(request, "people")
        return self._shown_people(request, None, None, 200)

    async def _people_form(self, request: Request) -> Response:
        person, fields = await self._frame.form(request, "people")
        code, refusal = None, None
        try:
            if "take_away" in fields:
                self._frame.door.people.take_away(fields["take_away"])
                self._report(f"{person.name} took the access of {fields['take_away']} away")
            else:
                name, role, payee = (fields.get(field, "").strip() for field in ("name", "role", "payee"))
                code = self._frame.door.people.invite(name, role, payee or None)
                self._report(f"{person.name} made a link for {name} as {role}")
        except TokenError as error:
            refusal = WebRefusal(400, "PersonWrong", str(error))
        return self._shown_people(request, code, refusal, 200 if refusal is None else refusal.status)

    def _shown_people(self, request: Request, code: str | None, refusal: WebRefusal | None, status: int) -> Response:
        link = None if code is None else f"{request.url.scheme}://{request.headers['host']}/signin#{code}"
        values = {"people": self._frame.door.people.all(), "roles": ROLES, "link": link, "refusal": refusal}
        return self._frame.page(request, "people", values, status)


def _period(request: Request) -> str:
    """Which month is asked for; the present one, where none is. Raises `WebRefusal`."""
    period = request.query_params.get("period") or period_at(int(time.time()))
    try:
        parse_period(period[: PERIOD_LETTERS + 1])
    except PeriodError as error:
        raise WebRefusal(400, "PeriodWrong", str(error)) from None
    return period

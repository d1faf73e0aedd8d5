"""All pages of a ledger as one application."""

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from amos_ledger.folder import Folder
from amos_tools.fleet.pairing.venue_link import VENUE_PAGE
from amos_tools.pages.case_pages import CasePages
from amos_tools.pages.door import Door, pages_of
from amos_tools.pages.frame import PACKAGE, Frame
from amos_tools.pages.looking import Looking
from amos_tools.pages.operators import Operators
from amos_tools.pages.pairing_pages import PairingPages
from amos_tools.pages.payees import Payees
from amos_tools.pages.rollouts import Rollouts
from amos_web.answers import signed_in, signed_out, static_file
from amos_web.errors import WebRefusal
from amos_web.forms import check_origin, form_of

STATIC = {"pages.css": "text/css", "pages.js": "text/javascript"}


def application(
    folder: Folder,
    looking: Looking,
    door: Door,
    report: Callable[[str], None],
    desk: Path | None = None,
    venue_page: str = VENUE_PAGE,
) -> Starlette:
    """`report` is told who came, and who orders what. `desk`: the folder of the one that signs. `venue_page`: where
    venues' people find their page. Raises `WebUnusable` without Jinja2."""
    frame = Frame(folder, door, folder.trust.origin)
    entrance, rollouts = _Entrance(frame, door, report), Rollouts(frame, desk, report)
    routes = [
        Route("/", entrance.first),
        Route("/signin", entrance.form),
        Route("/signin", entrance.enter, methods=["POST"]),
        Route("/signout", entrance.leave, methods=["POST"]),
        Route("/static/{name}", _static),
        *Operators(frame, looking, rollouts, report).routes(),
        *rollouts.routes(),
        *PairingPages(frame, looking, rollouts, venue_page).routes(),
        *Payees(frame, folder, report).routes(),
        *CasePages(frame, folder.path, report).routes(),
    ]
    app = Starlette(routes=routes, exception_handlers={WebRefusal: frame.refused, HTTPException: frame.refused})
    app.router.redirect_slashes = False
    return app


class _Entrance:
    """In and out."""

    def __init__(self, frame: Frame, door: Door, report: Callable[[str], None]) -> None:
        self._frame, self._door, self._report = frame, door, report

    async def first(self, request: Request) -> Response:
        found = self._door.person_of(request)
        return RedirectResponse("/signin" if found is None else f"/{pages_of(found[0])[0]}", 303)

    async def form(self, request: Request) -> Response:
        return self._frame.page(request, "signin", {"refusal": None})

    async def enter(self, request: Request) -> Response:
        check_origin(request)
        fields = await form_of(request)
        try:
            person, cookie = self._door.enter(request, fields.get("code", "").strip())
        except WebRefusal as refusal:
            return self._frame.page(request, "signin", {"refusal": refusal}, refusal.status)
        self._report(f"{person.name} came in as {person.role}")
        return signed_in(request, cookie)

    async def leave(self, request: Request) -> Response:
        found = self._door.person_of(request)
        if found is None:
            return signed_out()
        check_origin(request)
        self._door.check_secret(found[1], (await form_of(request)).get("secret", ""))
        return signed_out()


async def _static(request: Request) -> Response:
    return static_file(PACKAGE, STATIC, request.path_params["name"])

"""All routes of a venue as one application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from amos_sync.venue.api import Api, refused
from amos_sync.venue.door import Door
from amos_sync.venue.pages import Pages
from amos_sync.venue.room import Room
from amos_web.errors import WebRefusal
from amos_web.sessions import Sessions
from amos_web.tokens import Tokens


def application(room: Room, tokens: Tokens, sessions: Sessions) -> Starlette:
    """Raises `WebUnusable` without Jinja2."""
    door = Door(tokens, sessions)
    routes = [*Api(room, door).routes(), *Pages(room, door).routes()]
    return Starlette(routes=routes, exception_handlers={WebRefusal: refused, HTTPException: _unknown})


async def _unknown(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: no such address, or no such method there."""
    assert isinstance(error, HTTPException)
    sentence = {404: "there is nothing at this address", 405: "this address takes another method"}
    refusal = WebRefusal(error.status_code, "NotFound", sentence.get(error.status_code, error.detail))
    answer = await refused(request, refusal)
    answer.headers.update(error.headers or {})
    return answer

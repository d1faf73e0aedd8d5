"""All routes of a venue as one application."""

from starlette.applications import Starlette

from amos_sync.venue.api import Api
from amos_sync.venue.door import Door
from amos_sync.venue.pages import Pages
from amos_sync.venue.room import Room
from amos_web.answers import HANDLERS
from amos_web.sessions import Sessions
from amos_web.tokens import Tokens


def application(room: Room, tokens: Tokens, sessions: Sessions) -> Starlette:
    """Raises `WebUnusable` without Jinja2."""
    door = Door(tokens, sessions)
    return Starlette(routes=[*Api(room, door).routes(), *Pages(room, door).routes()], exception_handlers=HANDLERS)

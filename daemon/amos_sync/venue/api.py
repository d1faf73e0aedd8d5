"""The local API: JSON over HTTP for whoever has a token."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from amos_sync.venue.door import Door
from amos_sync.venue.openapi import DOCUMENT, PREFIX
from amos_sync.venue.requests import body_of, code_of, input_wish, pause_wish
from amos_sync.venue.room import Room
from amos_web.guard import Receive, Scope, Send

Answer = Callable[[Request], Awaitable[Response]]


class Api:
    """Its routes."""

    def __init__(self, room: Room, door: Door):
        self._room, self._door = room, door

    def routes(self) -> list[BaseRoute]:
        """For the application."""
        return [
            Route(f"{PREFIX}/openapi.json", self._document),
            Route(f"{PREFIX}/status", self._status),
            Route(f"{PREFIX}/events", _Events(self._room, self._door)),
            Route(f"{PREFIX}/players/{{device_id}}/inputs", self._input, methods=["POST"]),
            Route(f"{PREFIX}/players/{{device_id}}/pause", self._pause, methods=["POST"]),
            Route(f"{PREFIX}/players/{{device_id}}/pair", self._pair, methods=["POST"]),
        ]

    async def _document(self, _request: Request) -> Response:
        return JSONResponse(DOCUMENT)

    async def _status(self, request: Request) -> Response:
        self._door.check_token(request)
        return JSONResponse(self._room.status())

    async def _input(self, request: Request) -> Response:
        self._door.check_token(request)
        player = self._room.player(request.path_params["device_id"])
        return await self._given(request, input_wish(body_of(await request.body()), player))

    async def _pause(self, request: Request) -> Response:
        self._door.check_token(request)
        self._room.player(request.path_params["device_id"])
        return await self._given(request, pause_wish(body_of(await request.body())))

    async def _pair(self, request: Request) -> Response:
        self._door.check_token(request)
        player = self._room.player(request.path_params["device_id"])
        called = await self._room.pair(player.device_id or "", code_of(body_of(await request.body())))
        return JSONResponse({"paired": {"site": self._room.desk.seen.site, "name": called}})

    async def _given(self, request: Request, wish: Any) -> Response:
        await self._room.give(request.path_params["device_id"], wish)
        return JSONResponse({"taken": True})


class _Events:
    """`status` with each change; an application of its own, since it writes as its reader reads."""

    def __init__(self, room: Room, door: Door):
        self._room, self._door = room, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._door.check_token(Request(scope))
        await self._room.streams.serve("status", self._room.status_event, scope, receive, send)

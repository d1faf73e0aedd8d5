"""Between the server and every route: which Host is ours, how large a request may be, and headers of answers."""

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from amos_web.errors import WebRefusal
from amos_web.limits import BODY_BYTES_MAX, BODY_S_MAX, UNREAD_BYTES_MAX

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""A page of ours loads what is ours alone, and is shown within no other; nothing is kept by a proxy. An answer that has
such a header itself keeps it."""


class Guard:
    """Around `app`. `hosts` are the names by which we may be called, beside `localhost` and addresses in digits: a name
    that somebody else has pointed here (DNS rebinding) is none of them."""

    def __init__(self, app: App, hosts: tuple[str, ...]):
        self._app = app
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                names = {name.lower() for name, _value in own}
                message["headers"] = [*own, *(header for header in HEADERS if header[0] not in names)]
            await send(message)

        if scope["type"] != "http":
            return
        try:
            self._check(scope)
        except WebRefusal as refusal:
            await _read_away(receive, _deadline())
            return await _refuse(refusal, with_headers)
        await self._app(scope, _capped(receive), with_headers)

    def _check(self, scope: Scope) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_ours(host):
            raise WebRefusal(421, "HostUnknown", "this is not a name of this machine", "name it with --web-host NAME")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:18]) > BODY_BYTES_MAX:
            raise _too_large()

    def _is_ours(self, host: str) -> bool:
        name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        if name.lower() in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _too_large() -> WebRefusal:
    return WebRefusal(413, "BodyTooLarge", f"body: expected at most {BODY_BYTES_MAX} bytes, found more")


def _deadline() -> float:
    return asyncio.get_running_loop().time() + BODY_S_MAX


def _capped(receive: Receive) -> Receive:
    """The same, of which a body too large, or too slow, raises `WebRefusal`."""
    taken, ended, deadline = 0, False, _deadline()

    async def capped() -> MutableMapping[str, Any]:
        nonlocal taken, ended
        if ended:
            return await receive()  # waits for the other side to go
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise WebRefusal(408, "BodyTooSlow", f"body: expected all of it within {BODY_S_MAX} s") from None
        taken += len(message.get("body", b""))
        ended = not message.get("more_body", False)
        if taken > BODY_BYTES_MAX:
            if not ended:
                await _read_away(receive, deadline)
            raise _too_large()
        return message

    return capped


async def _read_away(receive: Receive, deadline: float) -> None:
    """What is left of a body, within bounds. A connection that is closed over bytes nobody read is reset, and a reset
    takes the answer with it (RFC 9112, section 9.6): who sent a little too much could not read why it was refused."""
    left = UNREAD_BYTES_MAX
    try:
        async with asyncio.timeout_at(deadline):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        pass


async def _refuse(refusal: WebRefusal, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(refusal.as_json()).encode()})

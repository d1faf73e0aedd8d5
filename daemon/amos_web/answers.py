"""Answers that every application of ours gives alike: refusals, and files that lie beside the pages."""

import json
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ExceptionHandler

from amos_web.errors import WebRefusal
from amos_web.limits import SESSION_DAYS
from amos_web.sessions import COOKIE

COMMON_CSS = "common.css"
"""The look that all pages share."""


async def refused(_request: Request, error: Exception) -> Response:
    """Every refusal in one form."""
    assert isinstance(error, WebRefusal)
    headers = {"connection": "close"} if error.status in (408, 413) else {}
    return Response(json.dumps(error.as_json()), error.status, headers, "application/json")


async def unknown(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: no such address, or no such method there."""
    assert isinstance(error, HTTPException)
    sentence = {404: "there is nothing at this address", 405: "this address takes another method"}
    refusal = WebRefusal(error.status_code, "NotFound", sentence.get(error.status_code, error.detail))
    answer = await refused(request, refusal)
    answer.headers.update(error.headers or {})
    return answer


HANDLERS: dict[type[Exception], ExceptionHandler] = {WebRefusal: refused, HTTPException: unknown}
"""For an application."""


def static_file(package: str, kinds: dict[str, str], name: str) -> Response:
    """The file of that name, of `package`'s folder `static` or ours. Raises `WebRefusal`."""
    if name == COMMON_CSS:
        return Response((files("amos_web") / "static" / name).read_bytes(), media_type="text/css")
    if name not in kinds:
        raise WebRefusal(404, "NotFound", "there is nothing at this address")
    return Response((files(package) / "static" / name).read_bytes(), media_type=kinds[name])


def signed_in(request: Request, cookie: str) -> Response:
    """To the first page, with the cookie that keeps somebody signed in."""
    answer = RedirectResponse("/", 303)
    kept_s, secure = SESSION_DAYS * 86_400, request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie, max_age=kept_s, httponly=True, samesite="strict", secure=secure)
    return answer


def signed_out() -> Response:
    """To the page at which one signs in, without the cookie."""
    answer = RedirectResponse("/signin", 303)
    answer.delete_cookie(COOKIE)
    return answer

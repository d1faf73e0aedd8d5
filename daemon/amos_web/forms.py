"""What browsers send: the fields of a form, where it came from, and which language is liked best."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from amos_web.errors import WebRefusal
from amos_web.limits import BODY_BYTES_MAX, FIELDS_MAX
from amos_web.words import chosen


def language_of(request: Request) -> str:
    """One of `LANGUAGES`."""
    return chosen(request.headers.get("accept-language", ""))


def check_origin(request: Request) -> None:
    """A form comes from a page of ours: browsers say where it comes from. Raises `WebRefusal`."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise WebRefusal(403, "OriginForeign", "this form comes from another site", "use the form of this page")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises `WebRefusal`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    data = await request.body()
    try:
        if kind != "application/x-www-form-urlencoded" or len(data) > BODY_BYTES_MAX:
            raise ValueError
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise WebRefusal(
            400, "FormWrong", f"form: expected at most {FIELDS_MAX} fields as a browser sends them"
        ) from None
    return dict(pairs)

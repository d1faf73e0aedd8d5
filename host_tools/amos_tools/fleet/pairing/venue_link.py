"""The address that a QR code beside a pairing code has: the venue's page, with the code behind #.

What is behind # is in no request, so no server and no proxy has it in a log.
"""

import re
from ipaddress import IPv6Address

from amos_cli.output import UsageError

VENUE_PAGE = "http://amos.local:8080"
"""As `amos courier run --web 0.0.0.0:8080 --web-name amos` serves it."""

SITE = "{site}"
PAGE_LETTERS_MAX = 200
PORT_MAX = 65_535
_PAGE = re.compile(r"https?://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?/?")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


def checked_page(page: str) -> str:
    """Where venues' people find their page; `SITE` in it stands for a site's name. Raises `UsageError`."""
    if len(page) > PAGE_LETTERS_MAX or not _is_page(page.replace(SITE, "site")):
        raise UsageError(
            f"venue-page: expected http(s)://HOST:PORT, with {SITE} where a site's name goes, found {page[:80]!r}"
        )
    return page.rstrip("/")


def _is_page(page: str) -> bool:
    found = _PAGE.fullmatch(page)
    if found is None or (found["port"] is not None and not 1 <= int(found["port"]) <= PORT_MAX):
        return False
    if not found["host"].startswith("["):
        return _NAME.fullmatch(found["host"]) is not None
    try:
        IPv6Address(found["host"][1:-1])
    except ValueError:
        return False
    return True


def venue_link(page: str, site: str, code: str) -> str:
    """Of a checked page. Whoever opens it has the code in the field, and presses the button themselves."""
    return f"{page.replace(SITE, site)}/#pair={code}"

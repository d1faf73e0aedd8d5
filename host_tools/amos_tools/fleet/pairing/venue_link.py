"""The address that a QR code beside a pairing code has: the venue's page, with the code behind #.

What is behind # is in no request, so no server and no proxy has it in a log.
"""

import re

from amos_cli.output import UsageError

VENUE_PAGE = "http://amos.local:8080"
"""As `amos courier run --web 0.0.0.0:8080 --web-name amos` serves it."""

SITE = "{site}"
PAGE_LETTERS_MAX = 200
_PAGE = re.compile(r"https?://[A-Za-z0-9.\[\]:{}_-]+/?")


def checked_page(page: str) -> str:
    """Where venues' people find their page; `SITE` in it stands for a site's name. Raises `UsageError`."""
    bare = page.replace(SITE, "site")
    if len(page) > PAGE_LETTERS_MAX or not _PAGE.fullmatch(page) or "{" in bare or "}" in bare:
        raise UsageError(
            f"venue-page: expected http(s)://HOST:PORT, with {SITE} where a site's name goes, found {page[:80]!r}"
        )
    return page.rstrip("/")


def venue_link(page: str, site: str, code: str) -> str:
    """Of a checked page. Whoever opens it has the code in the field, and presses the button themselves."""
    return f"{page.replace(SITE, site)}/#pair={code}"

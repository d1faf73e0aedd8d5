"""The light check of a statement as one static HTML file: no server, nothing fetched, and nothing sent anywhere.

The scripts are written in parts, in the order of `SCRIPTS`, and joined into the file. What each part checks, and what
it calls the first difference, is the same as in `amos_tools.verify.light`; a test holds the two against each other.
"""

import html
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template

SCRIPTS = (
    *("errors.js", "bytes.js", "gzip.js", "json.js", "fields.js", "cbor.js", "cose.js", "trees.js"),
    *("closing.js", "rows.js", "accounts.js", "figures.js", "detail.js", "statement.js", "show.js", "page.js"),
)
_NOWHERE = {"base-uri": "'none'", "form-action": "'none'"}
_MARK = b"<title>Check a statement of amos</title>"
_MARKED_BYTES = 4096


def is_checking_page(path: Path) -> bool:
    """Whether a file is such a page, which may be written over."""
    with path.open("rb") as file:
        return _MARK in file.read(_MARKED_BYTES)


def checking_page(ledger_key: bytes | None = None, origin: str | None = None) -> bytes:
    """The file. `ledger_key` and `origin` are what it believes unless told otherwise there."""
    script = '"use strict";\n' + "\n".join(_part(name) for name in SCRIPTS)
    style = _part("page.css")
    # The browser itself then refuses to fetch or send anything, and to run any script but this one.
    sources = {"default-src": "'none'", "script-src": _digest(script), "style-src": _digest(style)}
    policy = "; ".join(f"{name} {value}" for name, value in (sources | _NOWHERE).items())
    text = Template(_part("page.html")).substitute(
        policy=policy,
        ledger_key="" if ledger_key is None else ledger_key.hex(),
        origin=html.escape(origin or "", quote=True),
        style=style,
        script=script,
    )
    return text.encode()


def _part(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

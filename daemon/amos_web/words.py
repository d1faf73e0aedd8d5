"""Languages by gettext: `.po` files are read as they are when a program starts, so nothing is built.

Of a `.po` file this takes what ours have: comments, `msgctxt`, `msgid`, `msgid_plural`, `msgstr` and `msgstr[N]`, each
a string or several in a row.
"""

import ast
import gettext
import re
import struct
from importlib.resources.abc import Traversable
from io import BytesIO

LANGUAGES = ("en", "de")
"""The first is that of the sources, which needs no file."""

_WORD = re.compile(r"msgctxt|msgid|msgid_plural|msgstr(\[[0-5]\])?")


def translations(folder: Traversable) -> dict[str, gettext.NullTranslations]:
    """By language; `folder` has `LANGUAGE.po` for each but the first. Raises `ValueError` for a file that is none."""
    found: dict[str, gettext.NullTranslations] = {LANGUAGES[0]: gettext.NullTranslations()}
    for language in LANGUAGES[1:]:
        text = (folder / f"{language}.po").read_text("utf-8")
        found[language] = gettext.GNUTranslations(BytesIO(_machine_object(entries(text))))
    return found


def entries(text: str) -> dict[str, str]:
    """What each message is in that language; one with a plural or a context as gettext keeps it. Raises
    `ValueError`."""
    found: dict[str, str] = {}
    parts: dict[str, str] = {}
    word = ""
    for number, line in enumerate([*text.splitlines(), ""], 1):
        name, _space, rest = line.strip().partition(" ")
        if _WORD.fullmatch(name):
            word = name
            parts[word] = _string(rest, number)
        elif name.startswith('"'):
            parts[word] += _string(line.strip(), number)
        elif name and not name.startswith("#"):
            raise ValueError(f"line {number}: expected msgid, msgstr or a comment, found {name[:40]!r}")
        if not name and parts:
            key = "\0".join(parts[word] for word in ("msgid", "msgid_plural") if word in parts)
            key = f"{parts['msgctxt']}\4{key}" if "msgctxt" in parts else key
            found[key] = "\0".join(parts[word] for word in sorted(parts) if word.startswith("msgstr"))
            parts = {}
    return found


def chosen(accept: str) -> str:
    """The language that a browser's `Accept-Language` likes best of ours."""
    liked = []
    for place, item in enumerate(accept[:200].split(",")):
        name, _semicolon, quality = item.strip().partition(";q=")
        language = name[:2].lower()
        if language in LANGUAGES:
            weight = float(quality) if quality.replace(".", "", 1).isdecimal() else 1.0
            liked.append((-weight, place, language))
    return min(liked)[2] if liked else LANGUAGES[0]


def _string(text: str, number: int) -> str:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    if not isinstance(value, str):
        raise ValueError(f"line {number}: expected a string in quotes, found {text[:40]!r}")
    return value


def _machine_object(messages: dict[str, str]) -> bytes:
    """The `.mo` file of these (GNU gettext manual, "The Format of GNU MO Files")."""
    pairs = [(key.encode(), value.encode()) for key, value in sorted(messages.items())]
    offset = 28 + 16 * len(pairs)
    tables: list[list[int]] = [[], []]
    data = b""
    for column, strings in enumerate(zip(*pairs, strict=True)):
        for text in strings:
            tables[column] += [len(text), offset + len(data)]
            data += text + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + struct.pack(f"<{4 * len(pairs)}I", *tables[0], *tables[1]) + data

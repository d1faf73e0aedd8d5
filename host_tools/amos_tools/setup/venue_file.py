"""The venue's file: TOML, each setting after a sentence that says what it is. Pure."""

import tomllib
from dataclasses import dataclass
from typing import Any

MARK = "# The venue's settings, made by amos setup"
HEAD = f"""{MARK}: run it again to change them, or write here.
# amos courier run --config FILE reads [courier]; every option of that command may stand there, without its dashes.
# amos courier check FILE looks whether all of it works.
"""
COMMENTS = {
    "site": "Name of the venue: a-z, digits, - and _.",
    "broker": "HOST or HOST:PORT of the MQTT broker; port 1883, with TLS 8883.",
    "device": "Players: unix:PATH, or serial:PATH (best a name of /dev/serial/by-id), one for each.",
    "spool": "Folder for what is on its way to the ledger.",
    "ledger-key": "The ledger's public key: receipts are checked here too.",
    "publisher-key": "The publisher's public key: packs are checked here too.",
    "operator-key": "The operator's public key: packs that its desk directs are fetched.",
    "packs": "Folder or URL of the pack that players should have.",
    "username": "Name to log in with at the broker; its access rules want the site's.",
    "password-file": "Its first line is the password.",
    "tls-ca": "Certificate of the authority that vouches for the broker: TLS is used.",
    "tls-certificate": "This site's certificate.",
    "tls-key": "Its private key.",
}
"""Settings of the courier that are asked for, in the order in which they are written."""


@dataclass(frozen=True)
class PlayerHere:
    """A player on this machine."""

    name: str
    directory: str
    out: str
    board: str | None = None


@dataclass(frozen=True)
class Venue:
    """What the file says. `courier` has keys of `COMMENTS`; `more` are lines of it that somebody wrote by hand."""

    courier: dict[str, Any]
    players: tuple[PlayerHere, ...] = ()
    more: tuple[tuple[str, Any], ...] = ()


def render(venue: Venue) -> str:
    """The file's text, which reads back as what it says."""
    lines = [HEAD, "[courier]"]
    for key, comment in COMMENTS.items():
        lines.append(f"# {comment}")
        lines.append(_line(key, venue.courier[key]) if venue.courier.get(key) else f"# {key} =")
    if venue.more:
        lines.append("# Kept as they were.")
        lines += [_line(key, value) for key, value in venue.more]
    for player in venue.players:
        lines += [
            "",
            f"[player.{player.name}]",
            "# Its folder; amos setup writes what stands here into its player.json.",
        ]
        lines += [_line("directory", player.directory), _line("out", player.out)]
        lines += [_line("board", player.board)] if player.board else []
    text = "\n".join(lines) + "\n"
    read = tomllib.loads(text)
    assert read["courier"] == {k: v for k, v in venue.courier.items() if v} | dict(venue.more)
    return text


def parse(text: str) -> Venue:
    """What a file says, as far as setup asks for it. Raises `ValueError` for one that says nothing."""
    read = tomllib.loads(text)
    courier = read.get("courier")
    if not isinstance(courier, dict):
        raise ValueError("expected a table [courier]")
    known = {key: value for key, value in courier.items() if key in COMMENTS}
    for key, value in known.items():
        if key == "device" and isinstance(value, str):
            known[key] = value = [value]
        many = isinstance(value, list) and all(isinstance(each, str) for each in value)
        if not (many if key == "device" else isinstance(value, str)):
            raise ValueError(f"{key}: expected {'a list of texts' if key == 'device' else 'a text'}")
    more = tuple((key, value) for key, value in courier.items() if key not in COMMENTS)
    tables = read.get("player", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ValueError("expected tables [player.NAME]")
    players = [
        PlayerHere(name, str(table.get("directory", "")), str(table.get("out", "")), table.get("board"))
        for name, table in tables.items()
    ]
    return Venue(known, tuple(players), more)


def _line(key: str, value: Any) -> str:
    return f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    if isinstance(value, str):
        return '"' + "".join(_letter(letter) for letter in value) + '"'
    return repr(value)


def _letter(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"

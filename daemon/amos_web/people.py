"""Who may look at a ledger's pages, and as what: each came in by a one-time link, and stays by a signed cookie.

A link has a code of 160 random bits, of which SHA-256 is kept. Whoever brings it first gets a session in its place, so
nobody comes in by it again. A name has one link or one session: another link for it ends what was before.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amos_web.errors import TokenError
from amos_web.kept_rows import KeptRows
from amos_web.limits import LINK_MINUTES, PEOPLE_FILE_BYTES_MAX, PEOPLE_MAX, SESSION_DAYS
from amos_web.tokens import NAME_LETTERS_MAX, TOKEN_BYTES, hash_of

PLAYER, MUSIC, FLEET, ADMIN, PAYEE = ROLES = ("player", "music", "fleet", "admin", "payee")


@dataclass(frozen=True)
class Person:
    """`payee`: whose statements, of the role of that name. `sha256` is the code's of a link, which lets in until
    `link_until_unix_s`; once somebody came in by it, that is None, and the hash is of their session."""

    name: str
    role: str
    payee: str | None
    sha256: str
    made_unix_s: int
    link_until_unix_s: int | None


class People:
    """Those of the file at `path`, which need not be there."""

    def __init__(self, path: Path, wall_s: Callable[[], float] = time.time):
        self._rows = KeptRows(path, "people", PEOPLE_FILE_BYTES_MAX, _person)
        self._wall_s = wall_s

    def invite(self, name: str, role: str, payee: str | None = None) -> str:
        """The code of a link for this name. Raises `TokenError`."""
        if not 1 <= len(name) <= NAME_LETTERS_MAX or not name.isprintable():
            raise TokenError(f"name: expected 1 to {NAME_LETTERS_MAX} letters, found {name[:60]!r}")
        if role not in ROLES:
            raise TokenError(f"role: expected one of {', '.join(ROLES)}, found {role[:60]!r}")
        if (payee is None) == (role == PAYEE):
            raise TokenError(f"payee: expected one with the role {PAYEE}, and none with another")
        if payee is not None and not re.fullmatch(r"[a-z0-9_-]{1,64}", payee):
            raise TokenError(f"payee: expected 1 to 64 of a-z, digits, - and _, found {payee[:60]!r}")
        code, now_s = secrets.token_urlsafe(TOKEN_BYTES), int(self._wall_s())
        with self._rows.changing() as people:
            others = [each for each in people if each.name != name and self._may_come(each)]
            if len(others) >= PEOPLE_MAX:
                raise TokenError(f"people: expected at most {PEOPLE_MAX}, found as many; take one away first")
            person = Person(name, role, payee, hash_of(code), now_s, now_s + 60 * LINK_MINUTES)
            self._rows.write([*others, person])
        return code

    def enter(self, code: str) -> Person | None:
        """Who came by that code, with a session in its place; None for one that lets nobody in. Raises `TokenError`."""
        with self._rows.changing() as people:
            found = _of(people, hash_of(code))
            if found is None or found.link_until_unix_s is None or not self._may_come(found):
                return None
            session = secrets.token_hex(32)
            person = Person(found.name, found.role, found.payee, session, int(self._wall_s()), None)
            self._rows.write([person if each is found else each for each in people])
        return person

    def of_session(self, sha256: str) -> Person | None:
        """Whose session it is; None for one that is over. Raises `TokenError`."""
        found = _of(self._rows.all(), sha256)
        return found if found is not None and found.link_until_unix_s is None and self._may_come(found) else None

    def take_away(self, name: str) -> None:
        """Neither link nor session lets in any more. Raises `TokenError`."""
        with self._rows.changing() as people:
            left = [each for each in people if each.name != name]
            if len(left) == len(people):
                known = ", ".join(each.name for each in people[:20]) or "none"
                raise TokenError(f"name: expected one of {known}; found {name[:60]!r}")
            self._rows.write(left)

    def all(self) -> list[Person]:
        """Those who may come in, by name. Raises `TokenError`."""
        return sorted(filter(self._may_come, self._rows.all()), key=lambda person: person.name)

    def _may_come(self, person: Person) -> bool:
        if person.link_until_unix_s is not None:
            return self._wall_s() < person.link_until_unix_s
        return self._wall_s() < person.made_unix_s + SESSION_DAYS * 86_400


def _of(people: list[Person], sha256: str) -> Person | None:
    found = None
    for each in people:
        if hmac.compare_digest(each.sha256, sha256):
            found = each
    return found


def _person(row: Any) -> Person:
    until, payee = row["link_until_unix_s"], row["payee"]
    return Person(
        name=str(row["name"]),
        role=str(row["role"]),
        payee=None if payee is None else str(payee),
        sha256=str(row["sha256"]),
        made_unix_s=int(row["made_unix_s"]),
        link_until_unix_s=None if until is None else int(until),
    )

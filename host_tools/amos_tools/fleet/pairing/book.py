"""The desk's file of codes (`pairing.json`): the desk writes it, pages read it."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from amos.edges.durable_host import write_whole
from amos.protocol.pairing_host import CODE_DIGITS
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.pairing.codes import CODES_MAX, DAY_S, SITES_MAX, Code, Codes, Wrong
from amos_tools.fleet.rollout.plain import Field, PlainError, values_of

NAME = "pairing.json"
VERSION = 2
BOOK_BYTES_MAX = 1 << 20
_UNIX_S = Field(int, 0, 253_402_300_799)
_TEXT = Field(str, 0, 64)
_CODE = {
    **dict.fromkeys(("code", "site", "name", "ticket", "who", "device_id", "called"), _TEXT),
    **dict.fromkeys(("made_unix_s", "until_unix_s"), _UNIX_S),
    "tier": Field(int, 0, 255),
    "tries": Field(int, 0, 1 << 31),
    "ended_by": _TEXT,
}
_WRONG = {"count": Field(int, 0, 1 << 31), "until_unix_s": _UNIX_S}
_BOOK = {
    "version": Field(int, 1, VERSION),
    "codes": Field(list, 0, CODES_MAX),
    "wrong": Field(dict),
}


class BookError(FleetError):
    """The file of codes is none."""


class PairingNowError(FleetError):
    """It is soon known whether the code has paired somebody."""


def read_codes(folder: Path) -> Codes:
    """Those of the desk in that folder; none where it drew none. Raises `BookError`, OSError."""
    path = folder / NAME
    try:
        with path.open("rb") as file:
            data = file.read(BOOK_BYTES_MAX + 1)
    except FileNotFoundError:
        return Codes()
    try:
        if len(data) > BOOK_BYTES_MAX:
            raise ValueError
        return _codes_of(json.loads(data))
    except (ValueError, RecursionError, PlainError):
        raise BookError(
            f"{path}: expected what amos fleet serve writes there; move it away, and draw new codes"
        ) from None


def _codes_of(facts: Any) -> Codes:
    found = values_of("book", _BOOK, facts)
    given = [_of_version_1(each) if found["version"] == 1 else each for each in found["codes"]]
    codes = [Code(**values_of("code", _CODE, each)) for each in given]
    if len(found["wrong"]) > SITES_MAX:
        raise PlainError("wrong: too many")
    return Codes(codes, {site: Wrong(**values_of("wrong", _WRONG, each)) for site, each in found["wrong"].items()})


def _of_version_1(code: Any) -> Any:
    """No code was taken back by then."""
    return {"ended_by": ""} | code if isinstance(code, dict) else code


class Book:
    """Of one desk, for its threads: each change is durable when it returns. Raises `BookError`, OSError throughout;
    what codes came to holds as long as the desk works, although a full disk did not take it; a code that it did not
    take is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._codes = read_codes(folder)
        self._lock = threading.Lock()
        self._written = b""
        self._pairing: str | None = None

    def draw(self, site: str, name: str, tier: int, days: int, ticket: str, who: str) -> Code:
        """A code that is good for so many days; the same for the same ticket. Raises `FleetError`, also where that
        ticket drew another one."""
        with self._lock:
            now_s = int(time.time())
            drawn = self._codes.of_ticket(ticket)
            before = list(self._codes.codes), dict(self._codes.wrong)
            if drawn is None:
                taken = {code.code for code in self._codes.codes}
                number = _number()
                while number in taken:
                    number = _number()
                drawn = Code(number, site, name, tier, ticket, who, now_s, now_s + days * DAY_S)
                self._codes.add(drawn, now_s)
            elif _order_of(drawn) != (site, name, tier, days):
                raise FleetError(f"this form drew a code for {drawn.site} before; open the page anew")
            try:
                self._save()
            except OSError:
                self._codes.codes, self._codes.wrong = before
                raise
            return drawn

    def judge(self, site: str, given: str, device_id: str) -> tuple[int, Code | None, int | None]:
        """The verdict on a code, the code that pairs the player, and until when the site is locked. That this player
        took it is durable."""
        with self._lock:
            now_s = int(time.time())
            was_locked = self._codes.locked_until(site, now_s)
            verdict, code = self._codes.judge(site, given, device_id, now_s)
            if code is not None and not code.device_id:
                code = replace(code, device_id=device_id)
                self._codes.put(code)
            if was_locked is None:
                self._save()
            return verdict, code, self._codes.locked_until(site, now_s)

    def site_of(self, given: str) -> str | None:
        """Whose code it is, for the operator: somebody may take one venue for another."""
        with self._lock:
            return next((code.site for code in self._codes.codes if code.code == given), None)

    def drawn(self, ticket: str) -> Code | None:
        """What that order drew, where it was seen to."""
        with self._lock:
            return self._codes.of_ticket(ticket)

    @contextmanager
    def pairs(self, code: Code) -> Iterator[bool]:
        """Nobody takes this code back inside. False where somebody did before, so that nobody is to be enrolled."""
        with self._lock:
            kept = self._codes.of_ticket(code.ticket)
            is_good = kept is not None and not kept.ended_by
            self._pairing = code.ticket if is_good else None
        try:
            yield is_good
        finally:
            with self._lock:
                self._pairing = None

    def end(self, ticket: str, site: str, who: str) -> Code:
        """Take a code back; what it was before. A full disk leaves it as it was. Raises `PairingNowError` while its
        player is enrolled, `FleetError`."""
        with self._lock:
            if ticket == self._pairing:
                raise PairingNowError("this code pairs its player at this moment")
            before = list(self._codes.codes)
            ended = self._codes.end(ticket, site, who, int(time.time()))
            try:
                self._save()
            except OSError:
                self._codes.codes = before
                raise
            return ended

    def put(self, code: Code) -> None:
        """What became of it."""
        with self._lock:
            self._codes.put(code)
            self._save()

    def _save(self) -> None:
        """Where anything changed."""
        facts = {
            "version": VERSION,
            "codes": [asdict(code) for code in self._codes.codes],
            "wrong": {site: asdict(wrong) for site, wrong in self._codes.wrong.items()},
        }
        data = json.dumps(facts).encode()
        if data != self._written:
            write_whole(self._folder / NAME, data, 0o640)
            self._written = data


def _order_of(code: Code) -> tuple[str, str, int, int]:
    return code.site, code.name, code.tier, (code.until_unix_s - code.made_unix_s) // DAY_S


def _number() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"

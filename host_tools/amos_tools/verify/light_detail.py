"""Days and venues of a statement, for the light check: they add up to its lines, and the ledger signed them (SPEC
section 12).

How venues appear is the operator's word; which play was on which day, `--full` recomputes from the log.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from hashlib import sha256
from typing import Any

from amos_tools.verify.errors import Difference, same
from amos_tools.verify.light_formats import core_bytes, fields, good_signature, hex_bytes, objects, typed

FORMAT = "amos-statement-detail/1"
CONTEXT = b"amos/1/statement-detail\0"
POLICIES = ("name", "region", "pseudonym")
VENUE_BYTES_MAX = 1024
_TOLD = dict(days=list, undated_ms=int, sites=int, venues=list, more_venues=list)


def check_detail(part: object, core: dict[str, Any], key: bytes) -> None:
    """The section follows from the core, which was checked, as far as it can, and is signed by the key."""
    names = dict(format=str, venues=str, whole=dict, lines=list, left_out=int, signature=str)
    found = fields("detail", part, **names)
    same("detail.format", FORMAT, found["format"])
    if found["venues"] not in POLICIES:
        raise Difference("detail.venues", f"one of {', '.join(POLICIES)}", found["venues"])
    lines = [("lines", at, line) for at, line in enumerate(core["lines"])]
    lines += [("unpaid", at, line) for at, line in enumerate(core["unpaid"])]
    played = sum((Fraction(line["play_ms"]) for _of, _at, line in lines), Fraction(0))
    _check_told("detail.whole", fields("detail.whole", found["whole"], **_TOLD), int(played))
    places = {(of, at): (number, line) for number, (of, at, line) in enumerate(lines)}
    before = -1
    for number, item in enumerate(objects("detail.lines", found["lines"], of=str, line=int, **_TOLD)):
        label = f"detail.lines[{number}]"
        place, line = places.get((item["of"], item["line"]), (-1, {}))
        if place <= before:
            raise Difference(label, "one of the statement's lines, in their order", f"{item['of']} {item['line']}")
        before = place
        _check_told(label, item, int(Fraction(line["play_ms"])))
    same("detail.left_out", len(lines) - len(found["lines"]), found["left_out"])
    signature = hex_bytes("detail.signature", found["signature"], 64)
    rest = {name: value for name, value in found.items() if name != "signature"}
    message = CONTEXT + sha256(core_bytes(core)).digest() + core_bytes(rest)
    if not good_signature(key, message, signature):
        raise Difference("detail.signature", f"one by the ledger's key {key.hex()}", "one that does not verify")


def _check_told(label: str, item: dict[str, Any], ms: int) -> None:
    """Days add up to the time in play, and so do venues."""
    end = date.min
    days_ms = 0
    for number, run in enumerate(item["days"]):
        place = f"{label}.days[{number}]"
        if len(typed(place, run, list)) < 2:
            raise Difference(place, "a date and the milliseconds of one day or more", "another value")
        first = _date(f"{place}[0]", run[0])
        if first < end:
            raise Difference(f"{place}[0]", f"{end} or later", run[0])
        days_ms += _sum(place, run[1:], 1)
        try:
            end = first + timedelta(len(run) - 1)
        except OverflowError:
            raise Difference(place, "days before the year 10000", run[0]) from None
    same(f"{label}.days, sum", ms, days_ms + item["undated_ms"])
    if ms and not item["sites"]:
        raise Difference(f"{label}.sites", "1 or more", item["sites"])
    venues_ms = 0
    for number, pair in enumerate(item["venues"]):
        place = f"{label}.venues[{number}]"
        if len(typed(place, pair, list)) != 2:
            raise Difference(place, "a venue and its milliseconds", "another value")
        if len(typed(f"{place}[0]", pair[0], str).encode(errors="replace")) > VENUE_BYTES_MAX:
            raise Difference(f"{place}[0]", f"at most {VENUE_BYTES_MAX} bytes", "more")
        venues_ms += typed(f"{place}[1]", pair[1], int)
    if len(item["more_venues"]) != 2:
        raise Difference(f"{label}.more_venues", "how many, and their milliseconds", "another value")
    venues_ms += _sum(f"{label}.more_venues", item["more_venues"], 0) - item["more_venues"][0]
    same(f"{label}.venues, sum", ms, venues_ms)
    count = len(item["venues"]) + item["more_venues"][0]
    if count > item["sites"]:
        raise Difference(f"{label}.venues, count", f"at most {item['sites']}, the sites", count)


def _sum(label: str, items: Iterable[object], first: int) -> int:
    return sum(int(typed(f"{label}[{at}]", item, int)) for at, item in enumerate(items, first))


def _date(label: str, text: object) -> date:
    try:
        found = date.fromisoformat(typed(label, text, str))
    except ValueError:
        found = date.min
    if found.isoformat() != text or found.year < 1970:
        raise Difference(label, "a day like 2026-11-03", text)
    return found

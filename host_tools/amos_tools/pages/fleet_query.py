"""Which players are asked for, in which order, and the part of them that one page shows. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from operator import attrgetter
from urllib.parse import urlencode

from amos_tools.fleet.tags.tags import NO_TAGS, SITE_ITSELF, TagError, Tags, tag_of
from amos_tools.pages.fleet_rows import ALL_STATES, FleetRow
from amos_web.errors import WebRefusal

ROWS_A_PAGE = 100
TAGS_SHOWN_LETTERS = 40
WHICH_BYTES = 8
TEXT_LETTERS_MAX = 80
SORTS = {
    "site": "site",
    "name": "name",
    "state": "state",
    "heard": "heard_unix_s",
    "wanted": "pack_wanted",
    "actual": "pack_actual",
    "clock": "clock",
    "lease": "lease_days",
    "spare": "spare_segments",
    "underruns": "underruns",
    "writes": "failed_writes",
    "unsynced": "unsynced_minutes",
    "version": "version",
}
"""Column -> field of a row."""


@dataclass(frozen=True)
class Query:
    """`text` is part of a site's or a player's name or of an id; `wrong`: only those of which something is wrong;
    `tag`: only those that have it, or whose site has."""

    text: str = ""
    state: str = ""
    wrong: bool = False
    sort: str = "site"
    down: bool = False
    page: int = 1
    tag: str = ""

    def address(self, **changes: object) -> str:
        """Of the page with this query, in which something is changed."""
        words = self.words(**changes)
        return f"/fleet?{words}" if words else "/fleet"

    def words(self, **changes: object) -> str:
        """The same without the path; empty where nothing is asked for."""
        changed = replace(self, **changes)  # type: ignore[arg-type]
        given = {"q": changed.text, "state": changed.state, "wrong": "yes" if changed.wrong else ""}
        given |= {"tag": changed.tag}
        given |= {"sort": changed.sort if changed.sort != "site" else "", "down": "yes" if changed.down else ""}
        given |= {"page": str(changed.page) if changed.page != 1 else ""}
        return urlencode({name: value for name, value in given.items() if value})


@dataclass(frozen=True)
class Selected:
    """`rows` of page `page` out of `pages`; `all` are those of every page, whatever they are sorted by."""

    rows: Sequence[FleetRow]
    all: Sequence[FleetRow]
    page: int
    pages: int

    @property
    def count(self) -> int:
        """How many are selected."""
        return len(self.all)

    @property
    def sites(self) -> int:
        """At how many sites they are."""
        return len({row.site for row in self.all})

    @property
    def which(self) -> str:
        """Stands for all of them: other players have another."""
        return which(self.all)


def query_of(given: Mapping[str, str]) -> Query:
    """Of an address. Raises `WebRefusal`."""
    text, state, sort, page = given.get("q", "").strip(), given.get("state", ""), given.get("sort", "site"), "page"
    number = given.get(page, "1")
    if len(text) > TEXT_LETTERS_MAX:
        raise WebRefusal(400, "QueryWrong", f"q: expected at most {TEXT_LETTERS_MAX} letters")
    if state and state not in ALL_STATES:
        raise WebRefusal(400, "QueryWrong", f"state: expected one of {', '.join(ALL_STATES)}")
    if sort not in SORTS:
        raise WebRefusal(400, "QueryWrong", f"sort: expected one of {', '.join(SORTS)}")
    if not (number.isascii() and number.isdigit() and len(number) <= 6):
        raise WebRefusal(400, "QueryWrong", "page: expected a number")
    try:
        tag = tag_of(given["tag"]) if given.get("tag", "").strip() else ""
    except TagError as error:
        raise WebRefusal(400, "QueryWrong", str(error)) from None
    flags = {name: given.get(name, "") == "yes" for name in ("wrong", "down")}
    return Query(text, state, sort=sort, page=max(int(number), 1), tag=tag, **flags)


def in_order(rows: Iterable[FleetRow]) -> tuple[FleetRow, ...]:
    """By site and name: as `select` wants them."""
    return tuple(sorted(rows, key=attrgetter("site", "name", "device_id")))


def asked_for(rows: Sequence[FleetRow], query: Query, tags: Tags = NO_TAGS) -> list[FleetRow]:
    """All that the query selects, in their order."""
    text, holders = query.text.lower(), tags.holders(query.tag)
    whole_sites = {site for site, devices in holders.items() if SITE_ITSELF in devices}
    return [
        row
        for row in rows
        if (not query.state or row.state == query.state)
        and (not query.wrong or row.wrong)
        and (not query.tag or row.device_id in holders.get(row.site, ()) or row.site in whole_sites)
        and (not text or text in row.site or text in row.name.lower() or row.device_id.startswith(text))
    ]


def players(rows: Iterable[FleetRow]) -> list[str]:
    """As orders name them."""
    return [f"{row.site}/{row.device_id}" for row in rows]


def which(rows: Iterable[FleetRow]) -> str:
    """Stands for these players in this order."""
    ids = "".join(row.device_id for row in rows)
    return hashlib.blake2b(ids.encode(), digest_size=WHICH_BYTES).hexdigest()


def select(rows: Sequence[FleetRow], query: Query, tags: Tags = NO_TAGS) -> Selected:
    """In the order of the column that is named, what is not known last; where that is the same, as they are."""
    asked = found = asked_for(rows, query, tags)
    field = attrgetter(SORTS[query.sort])
    if query.sort != "site" or query.down:
        known = sorted((row for row in found if field(row) is not None), key=field, reverse=query.down)
        found = known + [row for row in found if field(row) is None]
    pages = max(ceil(len(found) / ROWS_A_PAGE), 1)
    page = min(query.page, pages)
    return Selected(found[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE], asked, page, pages)

"""An order: what somebody at the pages wants of players, in plain values. Checked here, for who gives it and who signs.

direct    `targets` (SITE or SITE/DEVICE), and what is wanted of them: `act` with its `value` (`ACTS`)
rollout   `plan`, as the file of `amos fleet rollout start` has it, whose `pack` is one that the desk offers
stop      `rollout`, by its name: nothing more is sent
continue  `rollout`: go on after a stop, without the players that caused it
back      `rollout`, and the `pack` that its players go back to
pair      `site`, where a code is to let one new player in for so many `days`, as `name` (empty: a free one) with that
          `tier`; `ticket`, by which its code is found: the same ticket draws one code
end       `site` and `ticket` of a code that is taken back
tag       `targets`, SITE or SITE/DEVICE with its 32 digits, and the tags to `add` there and to `remove`
"""

import re
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.pairing.codes import DAYS, DAYS_MAX
from amos_tools.fleet.pause_hours import hours_of
from amos_tools.fleet.rollout.plain import Field, PlainError, values_of
from amos_tools.fleet.rollout.plan import plan_of
from amos_tools.fleet.tags.tags import NO_TAGS, TAGS_EACH_MAX, tag_of
from amos_tools.fleet.wanted import FIELDS, Changes, position_of, volume_of

KINDS = ("direct", "rollout", "stop", "continue", "back", "pair", "end", "tag")
DIRECT, ROLLOUT, STOP, CONTINUE, BACK, PAIR, END, TAG = KINDS
ACTS = ("volume", "sliders", "pause", "tier", "restart", "sync", "forget")
TAG_ACTS = ("tag", "untag", "tag-sites", "untag-sites")
WITHOUT_VALUE = ("restart", "sync")
VERSION = 1
TARGETS_MAX = 20_000
VALUE_LETTERS_MAX = 400
RINGS_TEXT_MAX = 2000

NAME = re.compile("[a-z0-9][a-z0-9._-]{0,63}")
"""Of a roll-out, and of a pack: both are names of files."""

_SLUG = re.compile("[a-z0-9_-]{1,64}")
_TICKET_BYTES = 8
_TICKET = Field(str, form=re.compile("[0-9a-f]{16}"))

_DRAWN, _ENDED = "a code for a new player at ", "take back a code for "
_WHO = Field(str, 1, 64)
_NAME = Field(str, form=NAME)
_GIVEN = {
    DIRECT: {
        "targets": Field(list, 1, TARGETS_MAX),
        "act": Field(str, among=ACTS),
        "value": Field(str, 0, VALUE_LETTERS_MAX),
    },
    ROLLOUT: {"plan": Field(dict)},
    STOP: {"rollout": _NAME},
    CONTINUE: {"rollout": _NAME},
    BACK: {"rollout": _NAME, "pack": _NAME},
    PAIR: {
        "site": Field(str, form=_SLUG),
        "name": Field(str, form=re.compile("[a-z0-9_-]{0,64}")),
        "tier": Field(int, 0, 255),
        "days": Field(int, 1, DAYS_MAX),
        "ticket": _TICKET,
    },
    END: {"site": Field(str, form=_SLUG), "ticket": _TICKET},
    TAG: {
        "targets": Field(list, 1, TARGETS_MAX),
        "add": Field(list, 0, TAGS_EACH_MAX),
        "remove": Field(list, 0, TAGS_EACH_MAX),
    },
}


class OrderError(FleetError):
    """What is ordered has no meaning."""


@dataclass(frozen=True)
class Order:
    """`who` gives it, as the pages know them; `given` are the values of its `kind`."""

    kind: str
    who: str
    given: dict[str, Any]

    def __post_init__(self) -> None:
        """Raises `FleetError`."""
        if self.kind not in KINDS:
            raise OrderError(f"order: expected one of {', '.join(KINDS)}, found {self.kind[:40]!r}")
        try:
            values_of("order", {"who": _WHO}, {"who": self.who})
            values_of(self.kind, _GIVEN[self.kind], self.given)
        except PlainError as error:
            raise OrderError(str(error)) from None
        for name in ("targets", "add", "remove"):
            if not all(isinstance(each, str) for each in self.given.get(name, ())):
                raise OrderError(f"{self.kind}.{name}: expected texts")
        if self.kind == TAG:
            NO_TAGS.changed(self.given["targets"], self.given["add"], self.given["remove"])
        if self.kind == DIRECT:
            changes_of(self.given["act"], self.given["value"])
        if self.kind == ROLLOUT:
            plan = plan_of(self.given["plan"])
            if not NAME.fullmatch(plan.pack):
                raise OrderError("plan.pack: expected the name of a pack that the desk offers")
            if plan.place is not None:
                raise OrderError("plan.place: expected none: the desk says where its packs are")

    def facts(self) -> dict[str, Any]:
        """As its file has it."""
        return {"version": VERSION} | asdict(self)

    @property
    def told(self) -> str:
        """In a few words, for the trail."""
        if self.kind in (DIRECT, TAG):
            targets = self.given["targets"]
            whom = ", ".join(targets[:3]) + (f" and {len(targets) - 3} more" if len(targets) > 3 else "")
            return f"{self._act} for {whom}"
        if self.kind == ROLLOUT:
            return f"roll out {self.given['plan']['pack']}"
        if self.kind == PAIR:
            return f"{_DRAWN}{self.given['site']}"
        if self.kind == END:
            return f"{_ENDED}{self.given['site']}"
        return f"{self.kind} {self.given['rollout']}" + (f" to {self.given['pack']}" if self.kind == BACK else "")

    @property
    def _act(self) -> str:
        if self.kind == DIRECT:
            return f"{self.given['act']} {self.given['value']}".strip()
        parts = (("tag", self.given["add"]), ("untag", self.given["remove"]))
        return "; ".join(f"{act} {', '.join(tags)}" for act, tags in parts if tags)


def bulk_order(who: str, players: list[str], act: str, value: str) -> Order:
    """What a form wants of `players`, each SITE/DEVICE: one of `ACTS`, or of `TAG_ACTS` for the tags of `value`, which
    has commas between; those of sites are for the sites of these players. Raises `FleetError`."""
    if act not in TAG_ACTS:
        return Order(DIRECT, who, {"targets": players, "act": act, "value": value})
    of_sites, tags = act.endswith("-sites"), _parts(value)
    targets = sorted({player.partition("/")[0] for player in players}) if of_sites else players
    gives = act in ("tag", "tag-sites")
    return tag_order(who, targets, tags if gives else [], [] if gives else tags)


def tag_order(who: str, targets: list[str], add: list[str], remove: list[str]) -> Order:
    """One for tags. Raises `FleetError`."""
    tags = {name: [*dict.fromkeys(map(tag_of, texts))] for name, texts in (("add", add), ("remove", remove))}
    return Order(TAG, who, {"targets": targets} | tags)


def is_of_code(told: str) -> bool:
    """Whether what is `told` in the trail is an order of a code."""
    return told.startswith((_DRAWN, _ENDED))


def new_ticket() -> str:
    """By which one code is found."""
    return secrets.token_hex(_TICKET_BYTES)


def pair_order(
    who: str, site: str, name: str = "", tier: int = 0, days: int = DAYS, ticket: str | None = None
) -> Order:
    """One for a code; without a ticket it gets one of its own. Raises `FleetError`."""
    given = {"site": site, "name": name, "tier": tier, "days": days}
    return Order(PAIR, who, given | {"ticket": new_ticket() if ticket is None else ticket})


def order_of(facts: Any) -> Order:
    """The other way round. Raises `FleetError`."""
    fields = {"version": Field(int, VERSION, VERSION), "kind": Field(str, 1, 40), "who": _WHO, "given": Field(dict)}
    try:
        values = values_of("order", fields, facts)
    except PlainError as error:
        raise OrderError(str(error)) from None
    return Order(values["kind"], values["who"], values["given"])


def changes_of(act: str, value: str) -> Changes:
    """What is wanted, by the words of `amos fleet direct`: `volume` and `tier` are numbers, `pause` hours with commas
    between, `sliders` NAME=PERCENT with commas between, `forget` a field. Raises `FleetError`."""
    if (act in WITHOUT_VALUE) == bool(value):
        raise OrderError(f"{act}: expected {'no value' if act in WITHOUT_VALUE else 'a value'}")
    if act == "volume":
        return Changes({"volume_q15": volume_of(_number(act, value, 100))})
    if act == "tier":
        return Changes({"tier": _number(act, value, 254)})
    if act == "pause":
        return Changes({"pause": [hours_of(part) for part in _parts(value)]})
    if act == "sliders":
        return Changes({"sliders": sorted((position_of(part) for part in _parts(value)), key=lambda each: each.name)})
    if act == "forget" and value not in FIELDS:
        raise OrderError(f"forget: expected one of {', '.join(FIELDS)}, found {value[:40]!r}")
    return Changes(forgotten=(value,) if act == "forget" else (), restart=act == "restart", sync=act == "sync")


def plan_tables(pack: str, rings: str, limits: dict[str, Any]) -> dict[str, Any]:
    """A plan as its file has it, of what a form says: a line `NAME: 10 %` or `NAME: SITE, SITE/DEVICE, #TAG` for each
    ring. Raises `FleetError`."""
    if len(rings) > RINGS_TEXT_MAX:
        raise OrderError(f"rings: expected at most {RINGS_TEXT_MAX} letters")
    tables = []
    for line in filter(None, map(str.strip, rings.splitlines())):
        name, colon, rest = (part.strip() for part in line.partition(":"))
        percent = rest.removesuffix("%").strip()
        if not (name and colon and rest):
            expected = "NAME: 10 % or NAME: SITE, SITE/DEVICE, #TAG in each line"
            raise OrderError(f"rings: expected {expected}, found {line[:60]!r}")
        if rest.endswith("%"):
            tables.append({"name": name, "percent": _number("rings", percent, 100)})
        else:
            named = _parts(rest)
            players, tags = ([each for each in named if each.startswith("#") is is_tag] for is_tag in (False, True))
            given = {"players": players, "tags": tags}
            tables.append({"name": name} | {key: some for key, some in given.items() if some})
    plan = {"pack": pack, "ring": tables} | limits
    plan_of(plan)
    return plan


def _number(what: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= most):
        raise OrderError(f"{what}: expected a whole number up to {most}, found {text[:40]!r}")
    return int(text)


def _parts(text: str) -> list[str]:
    return [part for part in map(str.strip, text.split(",")) if part]

"""The plan of a roll-out: which pack, which rings, and what they may cost. Checked; nothing here does I/O."""

import difflib
from dataclasses import dataclass, replace
from typing import Any

from amos_cli.durations import seconds_of
from amos_cli.output import UsageError
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.rollout.state import LIMITS, RINGS_MAX, TEXT_LETTERS_MAX, Limits
from amos_tools.fleet.tags.tags import TagError, tag_of

_LENGTHS = {name.removesuffix("_s"): name for name in LIMITS if name.endswith("_s")}
"""Lengths of time, as people write them in a plan."""

_SHARES = [name for name in LIMITS if name.endswith("_percent")]
_OF_PLAN = ["pack", "place", "ring", *_LENGTHS, *_SHARES]
_OF_RING = ["name", "players", "tags", "percent", *_LENGTHS, *_SHARES]


class PlanError(FleetError):
    """The plan of a roll-out is not as it should be."""


@dataclass(frozen=True)
class RingPlan:
    """`players` are named as for `amos fleet direct`, with those that have one of `tags` when it starts; with `percent`
    it is so much of all players, with those of earlier rings, instead."""

    name: str
    players: tuple[str, ...]
    percent: int | None
    limits: Limits
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """`pack`: its folder, as the plan names it. `place`: where couriers find it, for the directives."""

    pack: str
    place: str | None
    rings: tuple[RingPlan, ...]

    @property
    def has_tags(self) -> bool:
        """Whether a ring names players by them."""
        return any(ring.tags for ring in self.rings)


def plan_of(content: dict[str, Any]) -> Plan:
    """Raises `PlanError`."""
    _check_keys("plan", content, _OF_PLAN)
    limits = _limits("plan", content, Limits())
    rings = content.get("ring")
    if not isinstance(rings, list) or not 0 < len(rings) <= RINGS_MAX:
        raise PlanError(f"plan.ring: expected 1 to {RINGS_MAX} tables [[ring]]")
    place = _text("plan", content, "place") if "place" in content else None
    made = tuple(_ring(number, ring, limits) for number, ring in enumerate(rings, 1))
    names = [ring.name for ring in made]
    if len(set(names)) != len(names):
        raise PlanError("plan.ring: expected a name for each, found one twice")
    return Plan(_text("plan", content, "pack"), place, made)


def _ring(number: int, content: Any, limits: Limits) -> RingPlan:
    where = f"ring {number}"
    if not isinstance(content, dict):
        raise PlanError(f"{where}: expected a table [[ring]]")
    _check_keys(where, content, _OF_RING)
    players, tags, percent = (content.get(key) for key in ("players", "tags", "percent"))
    if (players is None and tags is None) == (percent is None):
        raise PlanError(f"{where}: expected players, tags or both of them, or percent")
    if percent is not None and not (type(percent) is int and 1 <= percent <= 100):
        raise PlanError(f"{where}.percent: expected a whole number from 1 to 100, found {_shown(percent)}")
    for key, given, what in (("players", players, "SITE or SITE/DEVICE"), ("tags", tags, "tags")):
        if given is not None and not (isinstance(given, list) and given and all(isinstance(x, str) for x in given)):
            raise PlanError(f"{where}.{key}: expected a list of {what}, found {_shown(given)}")
    name = _text(where, content, "name") if "name" in content else str(number)
    return RingPlan(name, tuple(players or ()), percent, _limits(where, content, limits), _tags(where, tags or []))


def _tags(where: str, tags: list[str]) -> tuple[str, ...]:
    try:
        return tuple(map(tag_of, tags))
    except TagError as error:
        raise PlanError(f"{where}.tags: {error}") from None


def _limits(where: str, content: dict[str, Any], limits: Limits) -> Limits:
    changed: dict[str, int] = {}
    for key, name in _LENGTHS.items():
        if key in content:
            changed[name] = _seconds(f"{where}.{key}", content[key])
    for name in _SHARES:
        if name in content:
            changed[name] = content[name]
    for name, value in changed.items():
        fault = LIMITS[name].fault(value)
        if fault:
            raise PlanError(f"{where}.{name.removesuffix('_s')}: expected {fault}, found {_shown(value)}")
    return replace(limits, **changed)


def _seconds(where: str, value: Any) -> int:
    if not isinstance(value, str):
        raise PlanError(f'{where}: expected a length of time such as "2h", found {_shown(value)}')
    try:
        return seconds_of(value, where)
    except UsageError as error:
        raise PlanError(str(error)) from None


def _text(where: str, content: dict[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not 0 < len(value.encode()) <= TEXT_LETTERS_MAX or not value.isprintable():
        raise PlanError(f"{where}.{key}: expected a text of 1 to {TEXT_LETTERS_MAX} bytes, found {_shown(value)}")
    return value


def _check_keys(where: str, content: dict[str, Any], known: list[str]) -> None:
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
            raise PlanError(f"{where}.{key[:40]}: no setting; {hint}")


def _shown(value: Any) -> str:
    return repr(value)[:60]

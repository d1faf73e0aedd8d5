"""The operators' pages of packs: roll-outs in rings, and who ordered what. The desk decides about orders, and signs."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from amos_cli.output import UsageError
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import BACK, NAME, ROLLOUT, Order, plan_tables
from amos_tools.fleet.rollout.state import Health, Phase, Ring, Rollout
from amos_tools.fleet.rollout.words import is_troubled, state_of
from amos_tools.pages.frame import Frame
from amos_web.errors import WebRefusal

Found = TypeVar("Found")
TRAIL_SHOWN = 30
TROUBLED_SHOWN_MAX = 50
FORM = {"pack": "", "rings": "first: 5 %\nhalf: 50 %\nall: 100 %", "soak": "1h", "take": "1h", "percent": "10"}
"""What the form has in it at first."""

NO_DESK = "these pages know no desk that signs"


class Rollouts:
    """Their routes. `desk`: the folder of `amos fleet serve`, None where there is none. `report` is told who orders."""

    def __init__(self, frame: Frame, desk: Path | None, report: Callable[[str], None]) -> None:
        self._frame, self._report = frame, report
        self.desk = None if desk is None else DeskFolder(desk)

    @property
    def known(self) -> bool:
        """Whether there is a desk to order from."""
        return self.desk is not None

    def routes(self) -> list[BaseRoute]:
        """For the application."""
        return [
            Route("/rollouts", self._all),
            Route("/rollouts", self._start, methods=["POST"]),
            Route("/rollouts/{name}", self._one),
            Route("/weeks/{name}", self._week),
            Route("/rollouts/{name}", self._act, methods=["POST"]),
        ]

    async def order(self, order: Callable[[], Order]) -> WebRefusal | None:
        """Leave it with the desk; why not, where that cannot be."""
        desk = self.desk
        try:
            with _refusing(400):
                if desk is None:
                    raise WebRefusal(409, "NoDesk", NO_DESK, "start amos pages serve with --desk")
                given = order()
                await self._frame.on_a_thread(lambda: _put(desk, given))
        except WebRefusal as refusal:
            return refusal
        self._report(f"{given.who} ordered: {given.told}")
        return None

    async def _all(self, request: Request) -> Response:
        self._frame.entered(request, "rollouts")
        return await self._shown(request, {}, None)

    async def _week(self, request: Request) -> Response:
        self._frame.entered(request, "rollouts")
        desk, name = self.desk, request.path_params["name"]
        picture = "" if desk is None else await self._frame.on_a_thread(lambda: read_desk(lambda: desk.week(name)))
        if not picture:
            raise WebRefusal(
                404, "WeekUnknown", "the desk has no calendar of this pack", "the page of packs lists them"
            )
        return self._frame.page(request, "week", {"name": name, "picture": picture})

    async def _start(self, request: Request) -> Response:
        person, fields = await self._frame.form(request, "rollouts")
        refusal = await self.order(lambda: _rollout_of(person.name, fields))
        if refusal is None:
            return RedirectResponse("/rollouts", 303)
        return await self._shown(request, fields, refusal)

    async def _shown(self, request: Request, fields: dict[str, str], refusal: WebRefusal | None) -> Response:
        desk = self.desk
        found = None if desk is None else await self._frame.on_a_thread(lambda: read_desk(lambda: _facts(desk)))
        values = {"found": found, "given": FORM | fields, "refusal": refusal, "facts_of": rollout_facts}
        return self._frame.page(request, "rollouts", values, 200 if refusal is None else refusal.status)

    async def _one(self, request: Request) -> Response:
        self._frame.entered(request, "rollouts")
        return await self._shown_one(request, None)

    async def _act(self, request: Request) -> Response:
        person, fields = await self._frame.form(request, "rollouts")
        name, act = request.path_params["name"], fields.get("act", "")
        if act == BACK:
            given = {"rollout": name, "pack": fields.get("pack", "")}
            refusal = await self.order(lambda: Order(BACK, person.name, given))
        else:
            refusal = await self.order(lambda: Order(act, person.name, {"rollout": name}))
        if refusal is None:
            return RedirectResponse(f"/rollouts/{name}", 303)
        return await self._shown_one(request, refusal)

    async def _shown_one(self, request: Request, refusal: WebRefusal | None) -> Response:
        desk, name = self.desk, request.path_params["name"]
        if desk is None:
            raise _unknown()
        rollout = await self._frame.on_a_thread(lambda: read_desk(lambda: _loaded(desk, name)))
        offered = await self._frame.on_a_thread(lambda: read_desk(desk.offered))
        values = {"name": name, "rollout": rollout_facts(rollout), "offered": offered}
        values |= {"stale": offered.is_stale(time.time()), "waiting": len(desk.waiting())}
        code = 200 if refusal is None else refusal.status
        return self._frame.page(request, "rollout", values | {"refusal": refusal}, code)


def rollout_facts(rollout: Rollout) -> dict[str, Any]:
    """As the pages show it."""
    return {
        "phase": str(rollout.phase),
        "under_way": rollout.under_way,
        "stopped": rollout.phase is Phase.STOPPED,
        "why": rollout.why,
        "pack": rollout.target.pack_id,
        "serial": rollout.target.serial,
        "players": sum(len(ring.devices) for ring in rollout.rings),
        "rings": [_ring_facts(rollout, number, ring) for number, ring in enumerate(rollout.rings)],
    }


def _ring_facts(rollout: Rollout, number: int, ring: Ring) -> dict[str, Any]:
    counts, limits = Counter(device.health for device in ring.devices), ring.limits
    troubled = [device for device in ring.devices if is_troubled(device)] if number <= rollout.ring else []
    return {
        "name": ring.name,
        "state": state_of(rollout, number),
        "players": len(ring.devices),
        "healths": [(str(health), counts[health]) for health in Health if counts[health]],
        "soaked_s": min(ring.soaked_ms // 1000, limits.soak_s),
        "share": min(ring.soaked_ms // (10 * limits.soak_s), 100),
        "limits": limits,
        "troubled": troubled[:TROUBLED_SHOWN_MAX],
        "more": max(len(troubled) - TROUBLED_SHOWN_MAX, 0),
    }


def _rollout_of(who: str, fields: dict[str, str]) -> Order:
    limits: dict[str, Any] = {name: fields[name].strip() for name in ("soak", "take") if fields.get(name, "").strip()}
    percent = fields.get("percent", "").strip()
    if percent:
        if not (percent.isascii() and percent.isdigit() and len(percent) <= 3):
            raise WebRefusal(400, "OrderWrong", f"percent: expected a whole number, found {percent[:40]!r}")
        limits |= {f"{what}_percent": int(percent) for what in ("refuse", "silent", "vanish")}
    return Order(ROLLOUT, who, {"plan": plan_tables(fields.get("pack", ""), fields.get("rings", ""), limits)})


def _facts(desk: DeskFolder) -> dict[str, Any]:
    offered, waiting, rollouts = desk.offered(), desk.waiting(), desk.rollouts()
    return {
        "packs": offered.packs,
        "stale": offered.is_stale(time.time()),
        "worked_unix_s": offered.unix_s,
        "waiting": len(waiting),
        "rollouts": rollouts,
        "live": bool(waiting) or any(rollout is not None and rollout.under_way for _name, rollout, _fault in rollouts),
        "trail": desk.trail(TRAIL_SHOWN),
    }


def _put(desk: DeskFolder, order: Order) -> None:
    with _refusing(409):
        desk.put(order)


def _loaded(desk: DeskFolder, name: str) -> Rollout:
    if not NAME.fullmatch(name) or not desk.store(name).path.exists():
        raise _unknown()
    return desk.store(name).load()


def _unknown() -> WebRefusal:
    return WebRefusal(404, "RolloutUnknown", "there is no roll-out of this name", "the page of packs lists them")


def read_desk(read: Callable[[], Found]) -> Found:
    """What it finds in a desk's folder. Raises `WebRefusal`."""
    with _refusing(503):
        return read()


@contextmanager
def _refusing(status: int) -> Iterator[None]:
    try:
        yield
    except (FleetError, UsageError, OSError) as error:
        raise WebRefusal(status, type(error).__name__, " ".join(str(error).split())) from None

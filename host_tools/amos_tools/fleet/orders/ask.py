"""An order from the command line, to the desk that sees to it."""

import getpass
import time

from amos_tools.fleet.errors import FleetError, UnreachableError
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import Order

LOOK_S = 0.1
TRAIL_LINES = 100
"""Among the last of these is what became of an order that was seen to just now."""


def user_name() -> str:
    """Who gives it, for the trail."""
    try:
        return getpass.getuser()[:64] or "somebody"
    except (KeyError, OSError):
        return "somebody"


def ordered(desk: DeskFolder, order: Order, wait_s: float) -> str:
    """What came of it, once the desk has seen to it; taken back where no desk does so in time. Raises `FleetError`,
    OSError."""
    path, end_s = desk.put(order), time.monotonic() + wait_s
    while path.exists():
        if time.monotonic() >= end_s:
            path.unlink(missing_ok=True)
            raise UnreachableError(f"{desk.path}: no desk saw to it, and none will: does amos fleet serve run?")
        time.sleep(LOOK_S)
    line = told_of(desk, order)
    if line is None or line["outcome"] == "refused":
        raise FleetError("the desk told nothing of it" if line is None else line["sentence"])
    return line["sentence"]


def told_of(desk: DeskFolder, order: Order) -> dict[str, str] | None:
    """The trail's line of it."""
    lines = desk.trail(TRAIL_LINES)
    return next((line for line in lines if (line["who"], line["what"]) == (order.who, order.told)), None)

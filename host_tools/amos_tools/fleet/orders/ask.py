"""An order from the command line, to the desk that sees to it."""

import getpass
import re
import time
from pathlib import Path

from amos_tools.fleet.errors import FleetError, UnreachableError
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import Order

LOOK_S = 0.1
IN_HAND_S = 5.0
"""After the time that somebody waits for the desk: what it has in hand is not taken back any more."""

TRAIL_LINES = 100
"""Among the last of these is what became of an order that was seen to just now."""


_ERROR = re.compile(r"\A[A-Za-z]+Error: ")
"""The desk's name for it, in the place of which there is the command's."""


def user_name() -> str:
    """Who gives it, for the trail."""
    try:
        return getpass.getuser()[:64] or "somebody"
    except (KeyError, OSError):
        return "somebody"


def ordered(desk: DeskFolder, order: Order, wait_s: float) -> str:
    """What came of it, once the desk has seen to it; taken back where no desk has it in hand in time. Raises
    `FleetError`, OSError."""
    path = desk.put(order)
    if not seen_to(desk, path, wait_s):
        raise UnreachableError(f"{desk.path}: no desk saw to it, and none will: does amos fleet serve run?")
    return sentence_of(desk, path, order)


def seen_to(desk: DeskFolder, path: Path, wait_s: float) -> bool:
    """Whether the desk saw to what was put there, or has it in hand; else it is taken back. Raises OSError."""
    if waited(desk, path, wait_s):
        return True
    if desk.take_back(path):
        return False
    waited(desk, path, IN_HAND_S)
    return True


def waited(desk: DeskFolder, path: Path, wait_s: float) -> bool:
    """Whether the desk is done with what was put there, after so long at most. Raises OSError."""
    end_s = time.monotonic() + wait_s
    while not desk.is_done(path):
        if time.monotonic() >= end_s:
            return False
        time.sleep(LOOK_S)
    return True


def sentence_of(desk: DeskFolder, path: Path, order: Order) -> str:
    """What the desk tells of what was put there. Raises `FleetError` where it refused it, or still has it in hand;
    OSError."""
    if not desk.is_done(path):
        raise UnreachableError(f"{desk.path}: the desk has it in hand; trail.jsonl there tells what becomes of it")
    line = told_of(desk, order)
    if line is None:
        raise FleetError("the desk told nothing of it")
    if line["outcome"] == "refused":
        raise FleetError(_ERROR.sub("", line["sentence"]))
    return line["sentence"]


def told_of(desk: DeskFolder, order: Order) -> dict[str, str] | None:
    """The trail's line of it."""
    lines = desk.trail(TRAIL_LINES)
    return next((line for line in lines if (line["who"], line["what"]) == (order.who, order.told)), None)

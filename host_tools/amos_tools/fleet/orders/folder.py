"""The folder between the pages and the desk that signs: orders go in, roll-outs and a trail come out.

Pages write in `orders` alone, and read the rest: what stands in a roll-out's state is signed as it stands there.

orders/ID.json       one order each, in the order of their names; gone once it is seen to, or taken back
orders/ID.taken.json one that the desk has in hand: nobody takes it back any more
rollouts/NAME.json   the state of a roll-out, as of `amos fleet rollout`
desk.json            that the desk works, and which packs it offers
weeks/NAME.svg       the calendar of a pack that it offers; empty where that has none
tags.json            tags of players and sites (`amos_tools.fleet.tags.kept`)
pairing.json         codes for new players (`amos_tools.fleet.pairing.book`)
trail.jsonl          who ordered what, and what became of it, a line each
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amos.edges.durable_host import write_whole
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.orders.order import NAME, Order, OrderError, order_of
from amos_tools.fleet.rollout.state import Rollout
from amos_tools.fleet.rollout.store import Store

ORDER_BYTES_MAX = 1 << 21
"""So many targets, each with its 32 digits."""

ORDERS_MAX = 64
"""That wait; more are refused, as from a desk that does not work."""

DESK_BYTES_MAX = 1 << 18
WEEK_BYTES_MAX = 1 << 20
TRAIL_BYTES_MAX = 1 << 16
"""Of its end, for people; the file keeps all."""

TAKEN = ".taken.json"
ROLLOUTS_MAX = 200
STALE_S = 20
SENTENCE_LETTERS_MAX = 1000


class DeskFolderError(FleetError):
    """The folder is none of a desk, or is full."""


@dataclass(frozen=True)
class Offered:
    """What the desk says of itself: when, and which packs there are, each with `name`, `serial` and `pack_id`."""

    unix_s: int = 0
    packs: tuple[dict[str, Any], ...] = ()

    def is_stale(self, now_s: float) -> bool:
        """Whether it does not work, as far as anybody knows: orders wait for it."""
        return now_s - self.unix_s > STALE_S


class DeskFolder:
    """Of one desk. Raises `FleetError` or OSError throughout."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._orders, self._rollouts, self._weeks = (path / name for name in ("orders", "rollouts", "weeks"))

    def make(self) -> None:
        """What is missing of it; others of its group may put orders in."""
        for folder, mode in (
            (self.path, 0o2750),
            (self._rollouts, 0o2750),
            (self._weeks, 0o2750),
            (self._orders, 0o2770),
        ):
            if not folder.is_dir():
                folder.mkdir()
                folder.chmod(mode)

    @contextmanager
    def worked(self) -> Iterator[None]:
        """Nobody else works there meanwhile: two desks would see to each order twice."""
        descriptor = os.open(self.path / "desk.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DeskFolderError(f"{self.path}: another amos fleet serve works there") from None
            yield
        finally:
            os.close(descriptor)

    def put(self, order: Order) -> Path:
        """Where it is until it is seen to; durable when this returns."""
        if not self._orders.is_dir():
            raise DeskFolderError(f"{self.path}: expected the folder of amos fleet serve")
        if len(self.waiting()) >= ORDERS_MAX:
            raise DeskFolderError(f"orders: expected fewer than {ORDERS_MAX} that wait: does amos fleet serve run?")
        data = json.dumps(order.facts()).encode()
        if len(data) > ORDER_BYTES_MAX:
            raise OrderError(f"order: expected at most {ORDER_BYTES_MAX} bytes, found {len(data)}")
        path = self._orders / f"{time.time_ns():020}-{secrets.token_hex(4)}.json"
        write_whole(path, data, 0o660)
        return path

    def waiting(self) -> list[Path]:
        """Orders that are not seen to yet, the first that came first. What is no file is none: a pipe would hold up the
        desk for good."""
        found = (path for path in self._orders.glob("*.json") if not path.name.startswith("."))
        return sorted(path for path in found if path.is_file() and not path.is_symlink())

    def take(self, path: Path) -> Path | None:
        """Have one of those in hand; where it is from then on. None: whoever gave it took it back before."""
        if path.name.endswith(TAKEN):
            return path
        try:
            return path.rename(_in_hand(path))
        except FileNotFoundError:
            return None

    def take_back(self, path: Path) -> bool:
        """Whether nobody sees to what was `put` there. False: the desk has had it in hand."""
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def is_done(self, path: Path) -> bool:
        """Whether what was `put` there, and not taken back, is done with."""
        return not path.exists() and not _in_hand(path).exists()

    def read(self, path: Path) -> Order:
        """One of those that wait."""
        return order_of(_json(path, ORDER_BYTES_MAX))

    def store(self, name: str) -> Store:
        """Of the roll-out of that name."""
        if not NAME.fullmatch(name):
            raise DeskFolderError(f"roll-out: expected a name of a-z, digits, ., - and _, found {name[:60]!r}")
        return Store(self._rollouts / f"{name}.json")

    def names(self) -> list[str]:
        """Of the roll-outs, the latest first."""
        paths = [path for path in self._rollouts.glob("*.json") if NAME.fullmatch(path.stem)]
        return [path.stem for path in sorted(paths, key=_changed_ns, reverse=True)[:ROLLOUTS_MAX]]

    def free_name(self, wanted: str) -> str:
        """`wanted`, with a number behind it where there is such a roll-out."""
        number, name = 1, wanted
        while self.store(name).path.exists():
            number += 1
            name = f"{wanted}-{number}"
        return name

    def rollouts(self) -> list[tuple[str, Rollout | None, str]]:
        """(name, roll-out, why it cannot be read) of each, the latest first."""
        found: list[tuple[str, Rollout | None, str]] = []
        for name in self.names():
            try:
                found.append((name, self.store(name).load(), ""))
            except (FleetError, OSError) as error:
                found.append((name, None, str(error)))
        return found

    def offer(self, offered: Offered) -> None:
        """Say that the desk works."""
        facts = {"version": 1, "unix_s": offered.unix_s, "packs": list(offered.packs)}
        write_whole(self.path / "desk.json", json.dumps(facts, indent=1).encode(), 0o640)

    def offered(self) -> Offered:
        """What the desk said last; nothing where it never worked."""
        path = self.path / "desk.json"
        if not path.exists():
            return Offered()
        facts = _json(path, DESK_BYTES_MAX)
        try:
            packs = [{name: pack[name] for name in ("name", "serial", "pack_id")} for pack in facts["packs"]]
            return Offered(int(facts["unix_s"]), tuple(packs))
        except (TypeError, KeyError, ValueError):
            raise DeskFolderError(f"{path}: expected what amos fleet serve writes there") from None

    def draw(self, name: str, svg: str) -> None:
        """Keep the calendar of the pack of that name."""
        write_whole(self._weeks / f"{name}.svg", svg.encode(), 0o640)

    def week(self, name: str) -> str:
        """It; empty where there is none."""
        path = self._weeks / f"{name}.svg"
        if not NAME.fullmatch(name) or not path.exists():
            return ""
        with path.open("rb") as file:
            data = file.read(WEEK_BYTES_MAX + 1)
        return data.decode() if len(data) <= WEEK_BYTES_MAX else ""

    def tell(self, who: str, what: str, outcome: str, sentence: str = "") -> None:
        """A line of the trail, of the desk."""
        facts = {"unix_s": int(time.time()), "who": who, "what": what, "outcome": outcome}
        line = json.dumps(facts | {"sentence": sentence[:SENTENCE_LETTERS_MAX]}) + "\n"
        descriptor = os.open(self.path / "trail.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, 0o640)
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def trail(self, count: int) -> list[dict[str, Any]]:
        """Its last lines, the latest first; a line that is none is left out."""
        path = self.path / "trail.jsonl"
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - TRAIL_BYTES_MAX, 0))
            lines = file.read(TRAIL_BYTES_MAX).splitlines()
        return [facts for line in reversed(lines) if (facts := _trail_line(line)) is not None][:count]


def _in_hand(path: Path) -> Path:
    return path.with_name(path.name.partition(".")[0] + TAKEN)


def _trail_line(line: bytes) -> dict[str, Any] | None:
    try:
        facts = json.loads(line)
        return {"unix_s": int(facts["unix_s"])} | {
            name: str(facts[name]) for name in ("who", "what", "outcome", "sentence")
        }
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _json(path: Path, bytes_max: int) -> Any:
    with path.open("rb") as file:
        data = file.read(bytes_max + 1)
    try:
        if len(data) > bytes_max:
            raise ValueError
        return json.loads(data)
    except (ValueError, RecursionError):
        raise DeskFolderError(f"{path.name}: expected JSON of at most {bytes_max} bytes") from None

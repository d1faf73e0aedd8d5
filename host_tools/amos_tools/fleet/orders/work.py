"""The desk that signs: it takes orders from its folder, and keeps every roll-out going. It decides as the commands do.

An order is taken in hand, and gone once it is seen to. A crash before that has it done again: a directive says the
same twice, and a roll-out of the same pack to the same players sends nothing to those that have it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from amos import crypto
from amos.packs.folder import BLOBS_NAME
from amos.protocol.cose import TYP_MANIFEST, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.manifest import Manifest
from amos.protocol.printable_host import printable
from amos.score.score import decode_score
from amos_mqtt.broker import Broker
from amos_tools.fleet.desk import Desk
from amos_tools.fleet.direct import is_heard, members_of, publish, said, to_direct
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.orders.folder import DeskFolder, DeskFolderError, Offered
from amos_tools.fleet.orders.order import BACK, CONTINUE, DIRECT, END, NAME, PAIR, STOP, TAG, Order, changes_of
from amos_tools.fleet.pairing.book import Book, PairingNowError
from amos_tools.fleet.pairing.codes import PAIRING
from amos_tools.fleet.rollout.decide import go_on
from amos_tools.fleet.rollout.pack_folder import pack_of
from amos_tools.fleet.rollout.plan import plan_of
from amos_tools.fleet.rollout.rings import rings_of
from amos_tools.fleet.rollout.run_commands import check_back, turn_back
from amos_tools.fleet.rollout.runner import Runner
from amos_tools.fleet.rollout.state import Pack, Phase, Rollout
from amos_tools.fleet.rollout.store import stopped
from amos_tools.fleet.tags.kept import read_tags, write_tags
from amos_tools.fleet.tags.tags import NO_TAGS
from amos_tools.fleet.tags.tags import told as tagging_told
from amos_tools.simulate.week import week_of, week_svg

TURN_S = 0.2
OFFER_S = 5.0
AGAIN_S = 10.0
"""Before what could not be done is tried again: a roll-out without a broker, an order on a full disk."""

RUN_S = 2.0
"""At most so long after it was told to, the desk ends."""

END_S_MAX = 30.0
"""For what a thread does at that moment."""

FOLLOW_S = 5.0
"""So long a directive waits to hear that it is followed; the page of the fleet shows it later too."""

AT_ONCE = (STOP, END)
"""What ends something waits for nothing that goes on."""

PACKS_MAX = 200
NO_BOOK = "this desk pairs nobody: start amos fleet serve with --ledger or --ledger-key"


@dataclass(frozen=True)
class Packs:
    """Those in the folders of `folder`, by their names; couriers find them at `place` with the name behind it."""

    folder: Path
    place: str | None

    def named(self, name: str) -> Pack:
        """Raises `FleetError`, OSError."""
        if not NAME.fullmatch(name) or not (self.folder / name / "manifest.cose").is_file():
            raise DeskFolderError(f"pack: expected one that the desk offers, found {name[:60]!r}")
        return pack_of(self.folder / name, self.place_of(name))

    def place_of(self, name: str) -> str | None:
        """Where couriers find it."""
        return None if self.place is None else f"{self.place.rstrip('/')}/{name}"

    def offered(self) -> list[dict[str, object]]:
        """Each as the pages show it; what is no pack is left out."""
        found = []
        for path in sorted(self.folder.glob("*/manifest.cose"))[:PACKS_MAX]:
            try:
                pack = self.named(path.parent.name)
            except (FleetError, OSError):
                continue
            found.append({"name": path.parent.name, "serial": pack.serial, "pack_id": pack.pack_id})
        return found

    def week(self, name: str) -> str | None:
        """Its calendar as SVG; None where its score cannot be read."""
        folder = self.folder / name
        try:
            with (folder / "manifest.cose").open("rb") as file:
                signed = file.read(MANIFEST_BYTES_MAX)
            manifest = Manifest.decode(parse_typed(signed, TYP_MANIFEST, MANIFEST_BYTES_MAX).payload)
            with (folder / BLOBS_NAME / manifest.score_sha256.hex()).open("rb") as file:
                score = decode_score(file.read(manifest.score_bytes))
        except (OSError, ProtocolError):
            return None
        return week_svg(week_of(score), f"{manifest.name}: the week")


class Worker:
    """`turn` until told to `end`. `report(line)` is told what happens. Without a `book` it draws no codes."""

    def __init__(
        self,
        folder: DeskFolder,
        packs: Packs,
        broker: Broker,
        seed: bytes,
        report: Callable[[str], None],
        book: Book | None = None,
    ) -> None:
        self._book = book
        self._folder, self._packs, self._broker, self._seed = folder, packs, broker, seed
        self._report = report
        self._ending = threading.Event()
        self._running: dict[str, threading.Thread] = {}
        self._drawn: dict[str, str] = {}
        self._hand: threading.Thread | None = None
        self._in_hand: Path | None = None
        self._not_before_s: dict[str, float] = {}
        self._at_rest: dict[str, int] = {}
        self._offered_s = float("-inf")

    def turn(self) -> None:
        """See to what waits, and to what goes on. Raises OSError, `FleetError` where the folder cannot be read."""
        now_s = time.monotonic()
        if now_s - self._offered_s >= OFFER_S:
            self._offered_s = now_s
            self._or_later("desk.json", self._offer)
        for path in self._folder.waiting():
            number = path.name.partition(".")[0]  # it is called otherwise once it is taken
            if now_s >= self._not_before_s.get(number, 0.0):
                self._or_later(number, partial(self._take, path))
        for name in self._folder.names():
            thread = self._running.get(name)
            if (thread is None or not thread.is_alive()) and now_s >= self._not_before_s.get(name, 0.0):
                self._begin(name)
        self._ending.wait(TURN_S)

    def _or_later(self, name: str, act: Callable[[], None]) -> None:
        """A full disk ends no desk: what could not be written down is tried again after a while."""
        try:
            act()
        except OSError as error:
            self._later(name, error)

    def end(self) -> None:
        """What goes on is kept as it is, and goes on when the desk works again."""
        self._ending.set()
        for thread in [*self._running.values(), *([] if self._hand is None else [self._hand])]:
            thread.join(END_S_MAX)

    def _offer(self) -> None:
        packs = self._packs.offered()
        for pack in packs:
            name, pack_id = str(pack["name"]), str(pack["pack_id"])
            if self._drawn.get(name) != pack_id:
                self._folder.draw(name, self._packs.week(name) or "")
                self._drawn[name] = pack_id
        self._folder.offer(Offered(int(time.time()), tuple(packs)))

    def _take(self, path: Path) -> None:
        """End at once what is to be ended; of the rest one after the other, on a thread that may wait."""
        if path == self._in_hand:
            return
        try:
            order = self._folder.read(path)
        except FileNotFoundError:
            return  # it was taken back
        except (FleetError, OSError) as error:
            return self._done(path, "", path.name, error)
        is_free = self._hand is None or not self._hand.is_alive()
        if order.kind not in AT_ONCE and not is_free:
            return
        taken = self._folder.take(path)
        if taken is None:
            return
        if order.kind in AT_ONCE:
            return self._see_to(taken, order)
        self._in_hand = taken
        self._hand = threading.Thread(target=self._in_turn, args=(taken, order), name="order", daemon=True)
        self._hand.start()

    def _in_turn(self, path: Path, order: Order) -> None:
        """One whose end cannot be written down is seen to again after a while."""
        try:
            self._see_to(path, order)
        except OSError as error:
            self._report(printable(f"{path.name}: {error}; it is tried again in {AGAIN_S:.0f} s", 1000))
            self._ending.wait(AGAIN_S)
            self._in_hand = None

    def _see_to(self, path: Path, order: Order) -> None:
        try:
            told: str | Exception = self._do(order)
        except PairingNowError:
            return  # it stays in hand, and is looked at again at once
        except (FleetError, OSError) as error:
            told = error
        self._done(path, order.who, order.told, told)

    def _done(self, path: Path, who: str, what: str, told: str | Exception) -> None:
        if isinstance(told, Exception):
            self.tell(who, what, "refused", f"{type(told).__name__}: {told}")
        else:
            self.tell(who, what, "done", told)
        path.unlink(missing_ok=True)

    def _do(self, order: Order) -> str:
        given = order.given
        if order.kind == DIRECT:
            return self._direct(given["targets"], given["act"], given["value"])
        if order.kind == STOP:
            return self._stop(given["rollout"])
        if order.kind == CONTINUE:
            return self._go_on(given["rollout"])
        if order.kind == BACK:
            return self._back(given["rollout"], self._packs.named(given["pack"]))
        if order.kind == PAIR:
            return self._pair(order)
        if order.kind == END:
            return self._end_code(order)
        if order.kind == TAG:
            return self._tag(order.given["targets"], order.given["add"], order.given["remove"])
        return self._start(order)

    def _direct(self, targets: list[str], act: str, value: str) -> str:
        changes = changes_of(act, value)
        with self._desk() as desk:
            desk.members.check_own_key()
            members = to_direct(members_of(desk, targets, everybody=False), changes, take_over=False)
            for member in members:
                publish(desk, member, changes, self._seed)
            desk.wait(lambda: all(map(is_heard, members)) or self._ending.is_set(), FOLLOW_S)
            told = [f"{member.name} {said(member)}" for member in members if not member.follows]
        follows = f"{len(members) - len(told)} of {len(members)} follow"
        return "; ".join([follows, *told[:5]])

    def _start(self, order: Order) -> str:
        plan = plan_of(order.given["plan"])
        pack = self._packs.named(plan.pack)
        tags = read_tags(self._folder.path) if plan.has_tags else NO_TAGS
        with self._desk() as desk:
            desk.members.check_own_key()
            rollout = Rollout(pack, rings_of(plan, bytes.fromhex(pack.pack_id), desk.members, tags))
        name = self._folder.free_name(plan.pack[:50])
        store = self._folder.store(name)
        with store.held():
            store.seen_to_it()
            store.save(rollout)
        rings = ", ".join(f"{ring.name} of {len(ring.devices)}" for ring in rollout.rings)
        return f"{name} begins with rings {rings}"

    def _stop(self, name: str) -> str:
        store = self._folder.store(name)
        rollout = store.load()
        if not rollout.under_way:
            raise FleetError(f"{name} is {rollout.phase}: there is nothing to stop")
        store.ask_to_stop()
        return f"{name} stops"

    def _go_on(self, name: str) -> str:
        store = self._folder.store(name)
        with store.held(RUN_S):
            rollout = store.load()
            if rollout.phase is not Phase.STOPPED:
                raise FleetError(f"{name}: expected one that stopped, found one that is {rollout.phase}")
            go_on(rollout)
            store.save(rollout)
        return f"{name} goes on without the players that caused the stop"

    def _back(self, name: str, earlier: Pack) -> str:
        store = self._folder.store(name)
        check_back(store.load(), earlier)
        with stopped(store) as rollout:
            turn_back(rollout, earlier)
            store.save(rollout)
        return f"{name} goes back to pack {earlier.serial}"

    def _pair(self, order: Order) -> str:
        if self._book is None:
            raise FleetError(NO_BOOK)
        before = self._book.drawn(order.given["ticket"])
        drawn = self._book.draw(**order.given, who=order.who)
        state = drawn.state(time.time())
        told = f"it is good until {datetime.fromtimestamp(drawn.until_unix_s, UTC):%Y-%m-%d %H:%M} UTC"
        if state not in PAIRING:
            told = f"it is {state}" + (f", taken back by {drawn.ended_by}" if drawn.ended_by else "")
        return told if before is None else f"it was drawn before; {told}"

    def _end_code(self, order: Order) -> str:
        if self._book is None:
            raise FleetError(NO_BOOK)
        code = self._book.end(**order.given, who=order.who)
        if code.ended_by:
            return f"code {code.code} was taken back before, by {code.ended_by}"
        sent = "; what the desk sent to the ledger before, that may still take" if code.device_id else ""
        return f"code {code.code} pairs nobody from here on{sent}"

    def _tag(self, targets: list[str], add: list[str], remove: list[str]) -> str:
        before = read_tags(self._folder.path)
        after = before.changed(targets, add, remove)
        if after != before:
            write_tags(self._folder.path, after)
        return tagging_told(before, after, targets, remove)

    def _begin(self, name: str) -> None:
        """Have a thread run it, where it is under way. One that is not is looked at again once its file has changed."""
        store = self._folder.store(name)
        try:
            changed_ns = store.path.stat().st_mtime_ns
            if self._at_rest.get(name) == changed_ns:
                return
            if not store.load().under_way:
                self._at_rest[name] = changed_ns
                return
        except (FleetError, OSError) as error:
            return self._later(name, error)
        thread = threading.Thread(target=self._run, args=(name,), name=f"rollout {name}", daemon=True)
        self._running[name] = thread
        thread.start()

    def _run(self, name: str) -> None:
        store = self._folder.store(name)
        try:
            with store.held(), self._desk() as desk:
                rollout = store.load()
                runner = Runner(desk, store, rollout, self._seed, lambda line: self.tell("", name, "told", line))
                while rollout.under_way and not self._ending.is_set():
                    runner.run(RUN_S)
        except (FleetError, OSError) as error:
            self._later(name, error)

    def _later(self, name: str, error: Exception) -> None:
        self._report(printable(f"{name}: {error}; it is tried again in {AGAIN_S:.0f} s", 1000))
        self._not_before_s[name] = time.monotonic() + AGAIN_S

    def _desk(self) -> Desk:
        return Desk(self._broker, crypto.public_key(self._seed))

    def tell(self, who: str, what: str, outcome: str, sentence: str) -> None:
        """In the trail, and to who runs this. Raises OSError."""
        self._folder.tell(who, what, outcome, printable(sentence, 1000))
        self._report(printable(f"{who or 'desk'}: {what}: {outcome}: {sentence}", 1000))

"""A day in the life of a ledger, step by step, which may be begun again at any point; and how the world sees it.

Couriers send again what they have no receipt for, and operators repeat a command that did not say that it was done. So
the whole script runs again on a ledger that was killed, and comes to the same end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from every_kind import signed_opt_outs
from ledger_check import Check, Seen

from amos.protocol.answer import RECEIPTED, UNAVAILABLE
from amos.protocol.batch import batch_entry
from amos.protocol.licence_pool import OPEN
from amos.protocol.loss import Loss, sign_loss
from amos.protocol.revocation import Revocation, sign_revocation
from amos.protocol.topics import ENROLMENT, TIME
from amos_ledger import registry
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.losing import declare_loss
from amos_ledger.opt_outs import add_opt_outs
from amos_ledger.placing_sites import SitesWanted, place
from amos_ledger.rulings import rule, ruling_on
from amos_ledger.settle_period import settle_period
from amos_ledger.store.failures import DATABASE_ERRORS

NOON = 1_793_534_400
LATER = NOON + 3600
"""After the closing, and near enough to `NOON` that the day can be begun again: a ledger refuses a clock a day back."""

OLD_SEGMENTS, OLD_MINUTES = 16, 220
"""In the log before the day begins, so that the 256th entry, which fills a tile, comes in it. Minutes in which nothing
came, unlike segments, cost a closing nothing."""

COMMANDS = ("pack", "ruling", "opt-outs", "loss", "pool", "closing", "closing of a pool", "revocation")
CLOSINGS = ("closing", "closing of a pool")
COMMANDS_SAY = (LedgerError, OSError, *DATABASE_ERRORS)
"""What a command may end with (`one_line_errors` makes a sentence of it). The ledger at work raises nothing at all."""

Tell = Callable[[Any], None]


@dataclass
class Script:
    """Everything that is sent, signed beforehand; `world` is the world that has the ledger.

    sent      message's SHA-256 → the segment inside
    counting  the segments that the log has in the end
    database  the address of the database, where it is not a file of the ledger's folder
    """

    world: Any
    database: str | None = None
    steps: list[tuple[str, Callable[[Ledger], Any]]] = field(default_factory=list)
    sent: dict[bytes, bytes] = field(default_factory=dict)
    counting: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        world = self.world
        plain, forked, late = (world.device(number) for number in (1, 2, 3))
        self.old = [plain.seal() for _ in range(OLD_SEGMENTS)]
        with self.folder.open_store() as store, store.transaction():
            for minute_s in range(NOON - 60 * OLD_MINUTES, NOON, 60):
                store.note_batch(store.append([batch_entry(minute_s)]), minute_s)
        world.ledger.take([self._message(plain, segment) for segment in self.old], NOON)
        world.ledger.close()
        self._plan(plain, forked, late)

    def _plan(self, plain: Any, forked: Any, late: Any) -> None:
        world, new = self.world, type(plain)(4, self.world.pack.id)
        other = type(world.pack).make(world.publisher, number=2, stems=5, serial=2)
        twin = type(forked)(2, world.pack.id)
        first, second, third, fourth = ([plain.seal() for _ in range(count)] for count in (4, 1, 2, 2))
        late.pack = other.id
        waiting = [late.seal() for _ in range(2)]
        enrolment = self._enrolment(new)
        nonce = Message(plain.topic(TIME), bytes(16), bytes(32), 16)
        hole = sign_loss(
            Loss(version=1, device_id=new.key.id, first=2, last=3, unix_s=1), world.operator.id, world.operator.sign
        )
        gone = sign_revocation(
            Revocation(version=1, device_id=forked.key.id, unix_s=NOON - 60), world.operator.id, world.operator.sign
        )
        begun, _lost, _also, after = (new.seal() for _ in range(4))
        shown = (world.path / "public" / "checkpoint").read_bytes()
        forked_segments = [forked.seal(), twin.seal([(0, 0, 9)]), forked.seal()]
        played = [*self.old, *first, *second, *third, *fourth, *waiting, *forked.sealed, begun, after]
        self.counting = set(played)
        self.steps = [
            ("enrolment", lambda ledger: ledger.take([enrolment], NOON)),
            ("batch", self._take(NOON, plain, *first)),
            ("duplicates", self._take(NOON, plain, *first[:2], first[1])),
            ("gap", self._take(NOON, plain, *third)),
            ("gap filled", self._take(NOON, plain, *second)),
            ("unknown pack", self._take(NOON + 60, late, *waiting)),
            ("pack", lambda _ledger: world.publish(other)),
            ("tick", Ledger.tick),
            ("fork", self._take(NOON + 60, forked, *forked_segments)),
            ("ruling", lambda _ledger: self._rule(forked.key.id, twin.sealed[0])),
            ("tick", Ledger.tick),
            ("time", lambda ledger: ledger.date([nonce], (NOON + 60) * 1000)),
            ("heads", lambda ledger: ledger.hear([shown])),
            ("opt-outs", lambda _ledger: add_opt_outs(self.folder, signed_opt_outs(world, 1, NOON - 99))),
            ("new device", self._take(NOON + 120, new, begun, after)),
            ("loss", lambda _ledger: declare_loss(self.folder, hole)),
            ("tick", Ledger.tick),
            ("pool", lambda _ledger: self._open_pool()),
            ("closing", lambda _ledger: settle_period(self.folder, "2026-11", 10**9, "EUR")),
            ("closing of a pool", lambda _ledger: settle_period(self.folder, "2026-11", 10**6, "EUR", "inns")),
            ("revocation", lambda _ledger: self._revoke(gone)),
            ("after the closing", self._take(LATER, plain, *fourth)),
        ]

    @property
    def folder(self) -> Folder:
        return Folder(self.world.path)

    def move(self, path: Path) -> None:
        """The ledger is in another folder from here on, for this process."""
        self.world.path, self.world.folder = path, Folder(path)

    def _enrolment(self, device: Any) -> Message:
        return Message.of(device.topic(ENROLMENT), device.enrolment(self.world.operator))

    def _message(self, device: Any, segment: bytes) -> Message:
        message: Message = device.message(segment)
        self.sent[message.sha256] = segment
        return message

    def _take(self, received_s: int, device: Any, *segments: bytes) -> Callable[[Ledger], Any]:
        messages = [self._message(device, segment) for segment in segments]
        return lambda ledger: ledger.take(messages, received_s)

    def _rule(self, device_id: bytes, rejected: bytes) -> None:
        """The copy's segment is rejected, then the quarantine lifted. What is done already is not done again."""
        operator = self.world.operator
        with self.folder.open_store() as store:
            for named in ([sha256(rejected).hexdigest()], None):
                if store.quarantines.in_force(device_id) is not None:
                    rule(self.folder, store, ruling_on(store, device_id, named, "x", operator.seed, lambda: NOON))
            registry.publish(self.folder, store)

    def _open_pool(self) -> None:
        """One in which the site is from after the closing on, so that what waits is of both pools."""
        wanted = SitesWanted(OPEN, "inns", ["harbour"], LATER, "x")
        place(self.folder, wanted, self.world.operator.seed, lambda: NOON + 180)

    def _revoke(self, data: bytes) -> None:
        with self.folder.open_store() as store:
            registry.revoke(self.folder, store, data)
            registry.publish(self.folder, store)

    def _begun(self, tell: Tell) -> Ledger | None:
        """The ledger at work; one that cannot read its folder says so, and is begun again once."""
        for _ in range(2):
            try:
                return Ledger(self.folder)
            except COMMANDS_SAY as error:
                tell(("refused", f"begin: {error!r}"))
        return None

    def run(self, tell: Tell, days: int = 1, close: bool = True) -> None:
        """All of it, with one ledger at work, `days` times, but for closings that said that they are done. What is
        refused by name is told; nothing else may be raised."""
        ledger = self._begun(tell)
        if ledger is None:
            return
        done: set[str] = set()
        for day in range(days):
            tell(("day", day))
            for name, step in self.steps:
                if name in done:
                    continue
                try:
                    found = step(ledger)
                except COMMANDS_SAY as error:
                    assert name in COMMANDS, f"{name}: {error!r}"
                    tell(("refused", f"{name}: {error!r}"))
                    found = ()
                else:
                    done |= {name} & {*CLOSINGS}
                tell(("saw", self.seen(found)))
        if close:
            ledger.close()

    def seen(self, found: Any) -> tuple[list[tuple[bytes, int, bytes | None, str | None]], bytes | None]:
        """(message, verdict, receipt, detail) of the answers, and the checkpoint that stands published."""
        replies = found if isinstance(found, list) else []
        answers = [reply.answer for reply in replies if hasattr(reply, "answer")]
        told = [(answer.message_sha256, answer.verdict, answer.receipt, answer.detail) for answer in answers]
        try:
            return told, (self.world.path / "public" / "checkpoint").read_bytes()
        except OSError:
            return told, None  # reading fails as well, where everything does


@dataclass
class Witness:
    """Gathers what the world saw, and judges the ledger by it. `refusals` are those of the last day."""

    script: Script
    seen: Seen = field(default_factory=Seen)
    refusals: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen.sent = set(self.script.sent.values())

    def hear(self, item: tuple[str, Any]) -> None:
        kind, content = item
        assert kind != "raised", content
        if kind == "refused":
            self.refusals.append(content)
        elif kind == "day":
            self.refusals.clear()
        elif kind == "saw":
            answers, checkpoint = content
            self.seen.checkpoints |= {checkpoint} - {None}
            self.refusals += [f"unavailable: {detail}" for *_, verdict, _, detail in answers if verdict == UNAVAILABLE]
            for message, verdict, receipt, _detail in answers:
                assert (receipt is not None) == (verdict in RECEIPTED)
                if message in self.script.sent and receipt is not None:
                    self.seen.receipts.add((self.script.sent[message], receipt))

    def copy(self) -> "Witness":
        """One that has seen the same so far."""
        other = Witness(self.script)
        other.seen.receipts |= self.seen.receipts
        other.seen.checkpoints |= self.seen.checkpoints
        return other

    def judge(self) -> Check:
        """What holds at any moment, whatever was interrupted."""
        world = self.script.world
        self.seen.checkpoints.add((world.path / "public" / "checkpoint").read_bytes())
        check = Check(world.path, world.folder.trust.origin, world.folder.public_key, self.script.database)
        check.all(self.seen)
        return check

    def go_on(self) -> Check:
        """Fresh processes recover and begin the day again; in the end everything is there that should be."""
        self.recover()
        return self.live_on()

    def recover(self) -> None:
        """A fresh process does what waits, and ends."""
        ledger = Ledger(self.script.folder)
        for reply in ledger.tick():
            self.hear(("saw", self.script.seen([reply])))
        ledger.close()

    def live_on(self) -> Check:
        """Another one begins the day again."""
        self.script.run(self.hear)
        return self.judge_end()

    def judge_end(self) -> Check:
        """What holds when the last day went undisturbed."""
        assert not self.refusals, self.refusals
        check = self.judge()
        assert {check.entries[index] for index in check.segments} == self.script.counting
        return check

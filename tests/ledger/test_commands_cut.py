"""A command that is killed, or whose machine loses power, at any operation on the disk can be given again.

Closing, rulings, publishing and the like are steps of the day in `test_every_operation.py`. Here are orders of money,
and the commands that make a ledger or make one again: each is cut short at its N-th operation, given again, and then a
day is lived on what it left, judged by `ledger_check`.
"""

import random
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from audited import audited
from crash_script import Script, Witness
from disk_model import NAMES, NOTHING, STRACE_FLAGS, TRACED, Call, Disk, Kept, calls_of, torn
from folder_state import State, digest, read_state, write_state
from ledger_check import Check, Seen
from stops import GO_ON, Stop, Tell, run_stopping
from storage_faults import OPERATIONS, calls, killed_at, recorded, run

from amos.protocol.forgone import Forgone, sign_forgone
from amos_ledger.folder import Folder, init_folder
from amos_ledger.forgoing import forgo
from amos_ledger.heads import Heads
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.recovery import recover
from amos_ledger.store.store import Store
from amos_ledger.transferring import Order, Repeated, transfer

SAMPLE = 3


@dataclass
class Lived:
    """A ledger after a day; `mirror` is what it published, `yesterday` its folder before the day, `full` what is in
    it."""

    script: Script
    witness: Witness
    today: Path
    yesterday: Path
    mirror: Path
    full: Check


@pytest.fixture(scope="module")
def lived(script: Script, fresh: Callable[[], Witness], tmp_path_factory: pytest.TempPathFactory) -> Lived:
    home = tmp_path_factory.mktemp("lived")
    witness = fresh()
    path = script.world.path
    yesterday = Path(shutil.copytree(path, home / "yesterday"))
    script.run(witness.hear)
    full = witness.judge_end()
    today = Path(shutil.copytree(path, home / "today"))
    mirror = Path(shutil.copytree(audited(Folder(today)), home / "mirror"))
    return Lived(script, witness, today, yesterday, mirror, full)


class Command:
    """A command on a prepared folder; `judge` looks at what an interruption left, `end` at what came in the end."""

    def __init__(self, lived: Lived) -> None:
        self.lived = lived
        self.world: Any = lived.script.world
        self.witness = lived.witness

    @property
    def path(self) -> Path:
        path: Path = self.world.path
        return path

    def prepare(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(self.lived.today, self.path)

    def run(self) -> None:
        raise NotImplementedError

    def judge(self) -> None:
        """What lies there while nobody has given the command again."""
        self.witness.copy().judge()

    def end(self) -> None:
        self.judge()
        self.witness.copy().go_on()


class Init(Command):
    def prepare(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir()

    def run(self) -> None:
        init_folder(self.path, "new.example/amos", self.world.operator.public, self.world.publisher.public)

    def judge(self) -> None:
        """No ledger, or a whole one; a key that stays."""

    def end(self) -> None:
        folder = Folder(self.path)
        with folder.open_store() as store:
            assert store.entries(0, 9).__next__()[1] == b"amos-ledger/1 new.example/amos\n"
        key = folder.public_key
        self.run()
        assert Folder(self.path).public_key == key
        Check(self.path, "new.example/amos", key).totals()


class Rebuild(Command):
    def run(self) -> None:
        rebuild_folder(Folder(self.path), 0)


class RecoverFromNothing(Command):
    """Nothing is left but the key and whom the ledger trusts."""

    def prepare(self) -> None:
        super().prepare()
        for item in self.path.iterdir():
            if item.name not in ("ledger.key", "trust.json"):
                shutil.rmtree(item) if item.is_dir() else item.unlink()

    def run(self) -> None:
        recovered = recover(Folder(self.path, recovered=True), [str(self.lived.mirror)])
        assert recovered.missing == 0

    def judge(self) -> None:
        """There may be no store at all, and none that is not whole."""
        if (self.path / "ledger.sqlite").exists():
            with Store(self.path / "ledger.sqlite") as store:
                assert store.size() == len(self.lived.full.entries) and store.root() == self.lived.full.tree.root(
                    store.size()
                )

    def end(self) -> None:
        self.witness.copy().judge()
        self.witness.copy().go_on()


class RecoverOverYesterday(RecoverFromNothing):
    """Yesterday's back-up was put back, and the broker told of today's head."""

    def prepare(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(self.lived.yesterday, self.path)
        with Folder(self.path).open_store() as store:
            Heads(Folder(self.path)).take(store, (self.lived.mirror / "checkpoint").read_bytes())

    def judge(self) -> None:
        """Yesterday's store or today's, or none."""
        if (self.path / "ledger.sqlite").exists():
            with Store(self.path / "ledger.sqlite") as store:
                assert store.root() == self.lived.full.tree.root(store.size())


class Forgo(RecoverOverYesterday):
    """Nobody has what was lost: the operator gives it up. What was receipted since is sent again."""

    def prepare(self) -> None:
        super().prepare()
        folder = Folder(self.path)
        with folder.open_store() as store:
            highest = Heads(folder).highest(store)
            assert highest is not None
            facts = {"version": 1, "unix_s": 1, "kept_size": store.size()}
        lost = Forgone(**facts, lost_size=highest.size, lost_root=highest.root)
        self.word = sign_forgone(lost, self.world.operator.id, self.world.operator.sign)
        self.witness = Witness(self.lived.script)

    def run(self) -> None:
        forgo(Folder(self.path), self.word)

    def judge(self) -> None:
        Check(self.path, self.world.folder.trust.origin, self.world.folder.public_key).all(Seen())

    def end(self) -> None:
        self.judge()
        self.witness.copy().go_on()


class Transfers(Command):
    """Money of each kind of order moves; who does not know whether an order was taken gives it again."""

    ORDERS = (
        Order("income", "EUR", "income/enterprise", "pool/communal", 5_000_000, "licence", "2026-12"),
        Order("refund", "EUR", "pool/communal", "income/enterprise", 2_000_000, "too much", "2026-12"),
        Order("correction", "EUR", "payee/ada", "payee/ben", 10_000, "wrong split", "2026-11"),
        Order("hold", "EUR", "payee/ada", "held/ada", 30_000, "dispute"),
        Order("release", "EUR", "held/ada", "payee/ada", 30_000, "settled"),
        Order("payout", "EUR", "payee/ben", "bank", 40_000, "bank transfer 7"),
    )

    def run(self) -> None:
        for order in self.ORDERS:
            with suppress(Repeated):
                transfer(Folder(self.path), order)

    def end(self) -> None:
        with Folder(self.path).open_store() as store:
            made = [item.amount_micro for _index, item in store.transfers.said(store.size())]
        assert made == [order.amount_micro for order in self.ORDERS], "each once, in their order"
        super().end()


COMMANDS = (Transfers, Init, Rebuild, RecoverFromNothing, RecoverOverYesterday, Forgo)


@pytest.fixture(params=COMMANDS, ids=lambda kind: kind.__name__)
def command(request: pytest.FixtureRequest, lived: Lived, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The clock stands, since a store that is made keeps what it showed: what is the same otherwise is the same."""
    unix_s = time.time()
    monkeypatch.setattr(time, "time", lambda: unix_s)
    made: Command = request.param(lived)
    return made


class Again:
    """Gives the command again on each state that was left: once on each, and once what follows from what that leaves.
    `cuts` were looked at."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._left: set[bytes] = set()
        self._ended: set[bytes] = set()
        self.cuts = 0

    def on(self, state: State) -> None:
        """The command was cut short, and left this."""
        self.cuts += 1
        if _is_among(self._left, state):
            return
        write_state(self._command.path, state)
        self._command.judge()
        self._command.run()
        if not _is_among(self._ended, read_state(self._command.path)):
            self._command.end()

    def __str__(self) -> str:
        return f"{self.cuts} cuts, {len(self._left)} different states, {len(self._ended)} after the command"


def _is_among(states: set[bytes], state: State) -> bool:
    """Whether it was there before."""
    key = digest(state)
    known = key in states
    states.add(key)
    return known


def recording(strace: list[str], command: Command, trace: Path) -> tuple[Disk, list[Call]]:
    """The disk before the command, and what the command does to it."""
    command.prepare()
    disk = Disk(command.path)
    ran = run([*strace, *STRACE_FLAGS], [f"trace={calls(TRACED)}"], lambda _tell: command.run(), trace)
    assert ran.code == 0, ran.told
    return disk, list(calls_of(trace))


def cut(disk: Disk, found: list[Call], again: Again, chosen: Callable[[int], list[Kept]]) -> None:
    """Lose power after each operation as `chosen` says of it."""
    count = 0
    for call in found:
        disk.do(call)
        if call.name in OPERATIONS:
            count += 1
            for kept in chosen(count):
                again.on(disk.state(kept))


@pytest.mark.usefixtures("stops")
def test_killed_at_some_operations(command: Command) -> None:
    command.prepare()
    operations = recorded(OPERATIONS, lambda _tell: command.run())
    for operation in random.Random(7).sample(operations, SAMPLE):
        command.prepare()
        assert killed_at(operation, lambda _tell: command.run()).killed
        Again(command).on(read_state(command.path))


def test_power_cut_at_some_operations(strace: list[str], command: Command, tmp_path: Path) -> None:
    chance = random.Random(8)
    disk, found = recording(strace, command, tmp_path / "trace")
    count = sum(call.name in OPERATIONS for call in found)
    some = set(chance.sample(range(1, count + 1), SAMPLE))
    kinds = (NOTHING, NAMES, torn("some"))
    cut(disk, found, Again(command), lambda number: [chance.choice(kinds)] if number in some else [])


@pytest.mark.sweep
@pytest.mark.usefixtures("stops")
def test_killed_at_every_operation(command: Command, tmp_path: Path) -> None:
    """It stops before each of them, and is given again on the disk as it stands there: that is how a kill leaves it."""
    command.prepare()
    path = Path(shutil.copytree(command.path, tmp_path / "ledger"))
    again = Again(command)

    def work(_tell: Tell) -> None:
        command.world.path = path
        command.run()

    def stopped(_stop: Stop) -> int:
        again.on(read_state(path))
        return GO_ON

    ran = run_stopping(OPERATIONS, work, stopped)
    assert ran.code == 0, ran.told
    again.on(read_state(path))
    print(f"{type(command).__name__} killed before {again}")


@pytest.mark.sweep
def test_power_cut_at_every_operation(strace: list[str], command: Command, tmp_path: Path) -> None:
    again = Again(command)
    cut(
        *recording(strace, command, tmp_path / "trace"),
        again,
        lambda number: [NOTHING, NAMES, torn(f"{number}")],
    )
    print(f"{type(command).__name__} at power cuts: {again}")

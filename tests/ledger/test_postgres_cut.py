"""A ledger on PostgreSQL whose process dies, or whose connection breaks, at any message of the database's protocol.

The script of a day (`crash_script`) is killed before it sends a message to the server, or when it has the answer and
has not read it: so before and behind each statement and each commit. Or the connection breaks there, and the same
process goes on. Judged as in `test_every_operation.py`; couriers and commands begin the day again.

A kill leaves what was committed, and the folder as it stands. Most messages change neither, so a sweep kills once for
each state in which database and folder ever were: before the message that changes it, when the transaction that is
under way has done all that it does.
"""

import errno
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from crash_script import Script, Witness
from folder_state import digest, read_state
from stops import DIE, GO_ON, Decide, Ran, Stop, run_stopping

from amos_ledger.folder import init_folder
from amos_tools.postgres_server import Server

MESSAGES = (SENT := "sendto", "recvfrom")
"""What the driver speaks with: a message to the server, and a look at its answer, which comes when it is there."""

SAMPLE = 4
SHARDS = 2
STRIDE = 8
ORIGIN = "ledger.example/amos"

pytestmark = pytest.mark.usefixtures("stops")


@dataclass(frozen=True)
class Moment:
    """Before the `sent`-th message to the server; or when its answer is there, and not read."""

    sent: int
    answered: bool


class Moments:
    """Calls `decide` at each moment once: how often an answer is looked at is not for us to say."""

    def __init__(self, decide: Callable[[Moment, Stop], int]) -> None:
        self._decide = decide
        self._at = Moment(0, True)

    def __call__(self, stop: Stop) -> int:
        if stop.operation.name == SENT:
            self._at = Moment(self._at.sent + 1, False)
        elif self._at.answered:
            return GO_ON
        else:
            self._at = Moment(self._at.sent, True)
        return self._decide(self._at, stop)


def at(moment: Moment, decided: int) -> Decide:
    """Goes on but at this moment."""
    return Moments(lambda now, _stop: decided if now == moment else GO_ON)


@pytest.fixture(scope="module")
def postgres_url(postgres: Server) -> str:
    """That of an empty database, whose user may make others."""
    return postgres.database()


@pytest.fixture(scope="module")
def script(made_once: Path, postgres_url: str, make_world: Callable[[Path], Any], tmp_path_factory: Any) -> Script:
    path = tmp_path_factory.mktemp("postgres") / "ledger"
    blank = make_world(made_once)
    init_folder(path, ORIGIN, blank.operator.public, blank.publisher.public, postgres_url)
    world = make_world(path)
    world.publish(world.pack)
    return Script(world, postgres_url)


@pytest.fixture(scope="module")
def fresh(script: Script, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Witness]:
    """Puts folder and database back as they were when the day began."""
    path = script.world.path
    kept = Path(shutil.copytree(path, tmp_path_factory.mktemp("kept") / "ledger"))
    name = urlsplit(postgres_url).path[1:]
    template = f"{name}_kept"
    administer(postgres_url, f"DROP DATABASE IF EXISTS {template}", f"CREATE DATABASE {template} TEMPLATE {name}")

    def again() -> Witness:
        shutil.rmtree(path)
        shutil.copytree(kept, path)
        administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {template}")
        return Witness(script)

    return again


def administer(url: str, *statements: str) -> None:
    """Statements about whole databases, from beside the one at `url`."""
    with psycopg.connect(urlsplit(url)._replace(path="/postgres").geturl(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(scope="module")
def moments(script: Script, fresh: Callable[[], Witness]) -> list[Moment]:
    """All of the first of two days."""
    fresh()
    found: list[Moment] = []

    def note(moment: Moment, _stop: Stop) -> int:
        found.append(moment)
        return GO_ON

    ran = run_stopping(MESSAGES, partial(script.run, close=False), Moments(note))
    assert ran.code == 0, ran.told[-1]
    return found


def hear(ran: Ran, witness: Witness) -> None:
    for item in ran.told:
        witness.hear(item)
    assert ran.killed or ran.code == 0, ran.told[-1]


def kill_and_go_on(witness: Witness, moment: Moment) -> None:
    hear(run_stopping(MESSAGES, witness.script.run, at(moment, DIE)), witness)
    witness.judge()
    witness.go_on()


def break_and_live_on(witness: Witness, moment: Moment) -> None:
    """A connection is found broken when an answer is read: what was sent to a server that is gone is known by that
    only."""
    hear(run_stopping(MESSAGES, partial(witness.script.run, days=2), at(moment, errno.ECONNRESET)), witness)
    witness.judge_end()


def last_of_each_state(script: Script, url: str) -> list[Moment]:
    """The last moment of each state of database and folder in a day; PostgreSQL's snapshot names which transactions
    have ended."""
    found: list[tuple[Any, Moment]] = []
    with psycopg.connect(url, autocommit=True) as connection:

        def note(moment: Moment, stop: Stop) -> int:
            row = connection.execute("SELECT pg_current_snapshot()::text").fetchone()
            state = row, digest(read_state(script.world.path)), len(stop.told)
            if found and found[-1][0] == state:
                found.pop()
            found.append((state, moment))
            return GO_ON

        ran = run_stopping(MESSAGES, script.run, Moments(note))
    assert ran.code == 0, ran.told[-1]
    return [moment for _state, moment in found]


@pytest.mark.long
def test_killed_at_some_messages(fresh: Callable[[], Witness], moments: list[Moment]) -> None:
    assert len(moments) > 500
    for moment in random.Random(3).sample(moments, SAMPLE):
        kill_and_go_on(fresh(), moment)


@pytest.mark.long
def test_connection_broken_at_some_messages(fresh: Callable[[], Witness], moments: list[Moment]) -> None:
    for moment in random.Random(3).sample([moment for moment in moments if moment.answered], SAMPLE):
        break_and_live_on(fresh(), moment)


@pytest.mark.sweep
@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_in_every_state(
    script: Script, postgres_url: str, fresh: Callable[[], Witness], moments: list[Moment], shard: int
) -> None:
    fresh()
    chosen = last_of_each_state(script, postgres_url)
    for moment in chosen[shard::SHARDS]:
        kill_and_go_on(fresh(), moment)
    print(f"killed in {len(chosen[shard::SHARDS])} of {len(chosen)} states, of {len(moments)} moments")


@pytest.mark.sweep
@pytest.mark.parametrize("shard", range(SHARDS))
def test_connection_broken_at_messages_of_the_whole_day(
    fresh: Callable[[], Witness], moments: list[Moment], shard: int
) -> None:
    """Nearly two thousand messages, a second and more for each: so every so many of them."""
    answered = [moment for moment in moments if moment.answered]
    chosen = answered[shard * STRIDE :: SHARDS * STRIDE]
    for moment in chosen:
        break_and_live_on(fresh(), moment)
    print(f"broken at {len(chosen)} of {len(answered)} messages")

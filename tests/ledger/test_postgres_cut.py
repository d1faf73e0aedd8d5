"""A ledger on PostgreSQL whose process dies, or whose connection breaks, at any message of the database's protocol.

The script of a day (`crash_script`) is killed before it sends its N-th message to the server, or before it reads the
N-th answer, for every N: so before and behind each statement and each commit. Or the connection breaks there, and the
same process goes on. Judged as in `test_every_operation.py`; couriers and commands begin the day again.
"""

import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from crash_script import Script, Witness
from storage_faults import Operation, failing_at, killed_at, recorded

from amos_ledger.folder import init_folder
from amos_tools.postgres_server import Server

MESSAGES = ("sendto", ANSWER := "recvfrom")
"""What the driver speaks with: a message to the server, and a look whether it has answered."""

SAMPLE = 4
STRIDE = 41
Interrupt = Callable[[list[str], Witness, Operation], None]
ORIGIN = "ledger.example/amos"


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
def messages(
    strace: list[str], script: Script, fresh: Callable[[], Witness], tmp_path_factory: pytest.TempPathFactory
) -> list[Operation]:
    """All of the first of two days."""
    return recorded(
        strace, MESSAGES, partial(fresh().script.run, close=False), tmp_path_factory.mktemp("trace") / "trace"
    )


def kill_and_go_on(strace: list[str], witness: Witness, message: Operation) -> None:
    ran = killed_at(strace, message, witness.script.run)
    for item in ran.told:
        witness.hear(item)
    assert ran.killed or ran.code == 0, ran.told[-1]
    witness.judge()
    witness.go_on()


def break_and_live_on(strace: list[str], witness: Witness, message: Operation) -> None:
    ran = failing_at(strace, message, "ECONNRESET", partial(witness.script.run, days=2))
    for item in ran.told:
        witness.hear(item)
    assert ran.code == 0, ran.told[-1]
    witness.judge_end()


def interruptions(messages: list[Operation]) -> dict[Interrupt, list[Operation]]:
    """A process may die at any message. A connection is found broken when an answer is read: what was sent to a server
    that is gone is known by that only."""
    return {kill_and_go_on: messages, break_and_live_on: [message for message in messages if message.name == ANSWER]}


@pytest.mark.long
@pytest.mark.parametrize("interrupt", [kill_and_go_on, break_and_live_on])
def test_interrupted_at_some_messages(
    strace: list[str], fresh: Callable[[], Witness], messages: list[Operation], interrupt: Interrupt
) -> None:
    assert len(messages) > 500
    for message in random.Random(3).sample(interruptions(messages)[interrupt], SAMPLE):
        interrupt(strace, fresh(), message)


@pytest.mark.sweep
@pytest.mark.parametrize("interrupt", [kill_and_go_on, break_and_live_on])
def test_interrupted_at_messages_of_the_whole_day(
    strace: list[str], fresh: Callable[[], Witness], messages: list[Operation], interrupt: Interrupt
) -> None:
    """Thousands of messages, seconds for each: so every so many of them, which are others for each way."""
    for message in interruptions(messages)[interrupt][::STRIDE]:
        interrupt(strace, fresh(), message)

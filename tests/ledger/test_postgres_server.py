"""A PostgreSQL server that forgets, dies, hangs or is not there: what was receipted stays, and the service goes on."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from databases import only_postgres
from stalling_proxy import StallingProxy

from amos.crypto import verify
from amos.protocol.answer import ACCEPTED, UNAVAILABLE
from amos.protocol.receipt import parse_receipt
from amos_ledger import database_there
from amos_ledger.database_there import wait_for_database
from amos_ledger.heads import checked_store
from amos_ledger.store import postgres_database
from amos_ledger.store.failures import ConnectionLost, PostgresFailed
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.store.store import Store
from amos_ledger.worker import Worker
from amos_tools import toolchain
from amos_tools.postgres_server import Server

NOON = 1_793_534_400
WRITES_LATER = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "0"}


@pytest.fixture
def forgetful(postgres: Server) -> Iterator[Server]:
    """A server of its own that says `committed` long before it has written anything."""
    server = Server(*toolchain.postgres(), settings=WRITES_LATER)  # type: ignore[misc]
    yield server
    server.stop()


def test_what_was_receipted_outlives_a_server_that_answers_too_early(
    forgetful: Server, make_world: Any, tmp_path: Path
) -> None:
    world = make_world(tmp_path / "ledger", forgetful.database())
    device = world.device()
    segments = [device.seal() for _ in range(3)]
    answers = world.take(device, *segments)
    forgetful.kill()
    forgetful.start()
    world.ledger.close()
    with checked_store(world.folder) as store:
        entries = [entry for _index, entry in store.entries(0, store.size())]
    for segment, answer in zip(segments, answers, strict=True):
        assert answer.verdict == ACCEPTED and answer.receipt is not None
        parse_receipt(answer.receipt).check(segment, world.folder.public_key, verify)
        assert segment in entries
    assert [answer.verdict for answer in world.take(device, device.seal())] == [ACCEPTED]


@pytest.mark.parametrize(("said", "meant"), [("off", "on"), ("local", "local"), ("remote_write", "remote_write")])
def test_a_commit_is_on_the_disk_of_the_server(postgres: Server, said: str, meant: str) -> None:
    """Which replicas have it as well is for the operator to say, in the database's or the role's settings."""
    url = postgres.database()
    with psycopg.connect(url, autocommit=True) as connection:
        name = urlsplit(url).path[1:]
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = {said}".encode())
    database = PostgresPlace(url).open(create=True)
    try:
        assert database.one("SELECT current_setting('synchronous_commit')") == (meant,)
    finally:
        database.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_database, "_PATIENCE_S", 1)
    monkeypatch.setattr(postgres_database, "_ANSWERS_S", 1.5)
    monkeypatch.setattr(postgres_database, "WAIT_S", 2)
    monkeypatch.setattr(database_there, "PAUSES_S", (0.1, 0.2))


@pytest.fixture
def proxied(postgres: Server, made_on_postgres: Path, tmp_path_factory: Any) -> Iterator[tuple[StallingProxy, str]]:
    url = postgres.database((made_on_postgres / "database").read_text().strip())
    proxy = StallingProxy(tmp_path_factory.mktemp("door"), postgres.folder)
    name = urlsplit(url).path[1:]
    yield proxy, f"postgresql://amos@/{name}?host={quote(str(proxy.folder), safe='')}"
    proxy.close()


@only_postgres
def test_a_peer_that_hangs_is_given_up(world: Any, hurried: None, proxied: tuple[StallingProxy, str]) -> None:
    """Its connection stays open and says nothing: couriers are answered, and it goes on when the peer does."""
    proxy, url = proxied
    device = world.device()
    worker = Worker(PostgresPlace(url))
    assert worker.take([device.message(device.seal())], NOON) and worker.trouble is None
    proxy.stalled = True
    began_s = time.monotonic()
    (reply,) = worker.take([device.message(device.seal())], NOON)
    assert reply.answer.verdict == UNAVAILABLE and time.monotonic() - began_s < 40
    assert worker.trouble is not None and ("said nothing" in worker.trouble or "timeout" in worker.trouble)
    proxy.stalled = False
    worker.take([device.message(device.seal())], NOON)
    assert worker.trouble is None
    worker.close()


def test_a_statement_that_takes_long_is_ended_in_a_service_only(
    postgres: Server, hurried: None, made_on_postgres: Path
) -> None:
    place = PostgresPlace(postgres.database((made_on_postgres / "database").read_text().strip()))
    with Store(place) as store:
        store._database.run("SELECT pg_sleep(2)")
        store.serve()
        with pytest.raises(Exception, match="statement timeout"):
            store._database.run("SELECT pg_sleep(2)")


@pytest.mark.parametrize("held", [True, False])
def test_what_is_read_or_held_for_long_stands(
    postgres: Server, made_on_postgres: Path, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    """A rebuild works for minutes while it holds the log, and a check while it sees one state of it."""
    impatient = "SET idle_in_transaction_session_timeout = 200"
    monkeypatch.setattr(postgres_database, "_SETTINGS", (*postgres_database._SETTINGS, impatient))
    place = PostgresPlace(postgres.database((made_on_postgres / "database").read_text().strip()))
    with ExitStack() as ending:
        if held:
            database = ending.enter_context(place.held())
        else:
            database = ending.enter_context(closing(place.open()))
            ending.enter_context(database.snapshot())
        size = database.one("SELECT size FROM log_head")
        time.sleep(0.6)
        assert database.one("SELECT size FROM log_head") == size
    lost = pytest.raises(ConnectionLost, match="idle-in-transaction")
    with closing(place.open()) as database, lost, database.transaction():
        database.one("SELECT 1")
        time.sleep(0.6)
        database.one("SELECT 1")


def test_a_service_waits_for_its_database(hurried: None, tmp_path: Path, postgres: Server) -> None:
    nowhere = PostgresPlace(f"postgresql://amos@/x?host={quote(str(tmp_path), safe='')}")
    said: list[str] = []
    stop = threading.Event()
    tried: list[int] = []

    def reach() -> None:
        tried.append(1)
        (nowhere if len(tried) < 4 else PostgresPlace(postgres.url())).open().close()

    assert wait_for_database(reach, said.append, stop, None)
    assert len(said) == 2 and "No such file" in said[0] and said[1] == "reaches the database"
    with pytest.raises(ConnectionLost, match="No such file"):
        wait_for_database(lambda: nowhere.open(), said.append, stop, 0.3)
    stop.set()
    assert not wait_for_database(lambda: nowhere.open(), said.append, stop, None)
    with pytest.raises(PostgresFailed, match="does not exist") as refused:
        wait_for_database(lambda: PostgresPlace(postgres.url("nobodys")).open(), said.append, stop, None)
    assert not isinstance(refused.value, ConnectionLost), "that does not pass by waiting"

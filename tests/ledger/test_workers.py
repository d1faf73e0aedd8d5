"""Several processes take in usage for one ledger in PostgreSQL, and are killed, doubled and cut off meanwhile.

Afterwards every segment is in the log exactly once, has a receipt that verifies, and counts once.
"""

import os
import random
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from accrued import rolled_frames
from audited import audited
from databases import only_postgres

from amos.protocol.answer import ACCEPTED, DUPLICATE, UNAVAILABLE
from amos.protocol.checkpoint_host import Checkpoint, sign_checkpoint
from amos.protocol.receipt import parse_receipt
from amos_ledger import rotating
from amos_ledger.errors import StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import Standing
from amos_ledger.intake.reading import Message, read
from amos_ledger.ledger import Ledger, persist
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.recovery import recover
from amos_ledger.scrub import scrub
from amos_ledger.store.failures import Conflict
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.store.store import Store
from amos_ledger.worker import Worker

pytestmark = only_postgres

NOON = 1_793_534_400


@contextmanager
def child(work: Callable[[], None]) -> Iterator[int]:
    """`work` in a process of its own, which is killed at the end."""
    number = os.fork()
    if not number:
        try:
            work()
        finally:
            os._exit(0)
    try:
        yield number
    finally:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)


def taking(place: PostgresPlace, messages: list[Message], seed: int) -> Callable[[], None]:
    """Takes in the messages in batches, in their order and again and again, as couriers send them."""

    def work() -> None:
        dice, worker = random.Random(seed), Worker(place)
        while True:
            first = dice.randrange(len(messages))
            worker.take(messages[first : first + dice.randrange(1, 24)], NOON)

    return work


def check_whole(world: Any, devices: list[Any]) -> None:
    sealed = [segment for device in devices for segment in device.sealed]
    with world.folder.open_store() as store:
        entries = [entry for _, entry in store.entries(0, store.size())]
        usage = [entry for entry in entries if entry in set(sealed)]
        assert sorted(usage) == sorted(sealed)
        rows = store.chain.heads.segments(0, store.size(), 10**6)
        receipts = {row[0]: store.chain.heads.receipted(*row[1:3])[1] for row in rows}
        for index, entry in enumerate(entries):
            if entry in set(sealed):
                world.check_receipt(entry, receipts[index])
        totals = store.totals()
        assert totals.accepted == len(sealed)
        frames = sum(sum(device.frames_sealed) for device in devices)
        assert totals.frames == frames
        assert rolled_frames(store) == frames
    assert scrub(world.folder) == []


def sealing(world: Any, devices: int, segments: int) -> tuple[list[Any], list[Message]]:
    """(devices, their messages mixed, of each device in order)."""
    made = [world.device(number) for number in range(1, devices + 1)]
    for device in made:
        device.frames_sealed = []
    messages = []
    for _ in range(segments):
        for device in made:
            usage = device.usage()
            device.frames_sealed.append(usage.played_frames())
            messages.append(device.message(device.seal()))
    return made, messages


def finish(world: Any, place: PostgresPlace, messages: list[Message]) -> None:
    """What couriers do in the end: everything once more, until there is a receipt for it."""
    worker = Worker(place)
    for start in range(0, len(messages), 64):
        worker.take(messages[start : start + 64], NOON)
        assert worker.trouble is None
    world.ledger.tick()
    assert world.ledger.trouble is None
    for start in range(0, len(messages), 64):
        replies = worker.take(messages[start : start + 64], NOON)
        assert [reply.answer.verdict for reply in replies] == [DUPLICATE] * len(messages[start : start + 64])
    worker.close()


def test_killed_and_doubled_at_any_moment(world: Any) -> None:
    place, dice = world.folder.place, random.Random(7)
    devices, messages = sealing(world, 5, 24)
    doubled = Ledger(Folder(world.path))
    for round in range(10):
        with child(taking(place, messages, 2 * round)), child(taking(place, messages, 2 * round + 1)):
            until_s = time.monotonic() + dice.uniform(0.05, 0.6)
            while time.monotonic() < until_s:
                world.ledger.tick()
                doubled.tick()
    doubled.close()
    finish(world, place, messages)
    check_whole(world, devices)


def test_what_a_worker_accepts_is_receipted_by_whoever_serves(world: Any) -> None:
    devices, messages = sealing(world, 1, 2)
    worker = Worker(world.folder.place)
    assert worker.take(messages, NOON) == []
    assert worker.take(messages, NOON) == []  # no receipt yet: the one who waits for it is sent it
    told = world.answers(world.ledger.tick())
    assert [answer.verdict for answer in told] == [ACCEPTED, ACCEPTED]
    again = [reply.answer for reply in worker.take(messages, NOON)]
    assert [(item.verdict, item.receipt) for item in again] == [(DUPLICATE, item.receipt) for item in told]
    check_whole(world, devices)


def test_a_worker_without_a_key_has_receipts_of_an_earlier_key_made_anew(world: Any) -> None:
    """A player that follows the ledger's new key takes no receipt by the old one."""
    _devices, messages = sealing(world, 1, 2)
    assert {answer.verdict for answer in world.answers(world.ledger.take(messages, NOON))} == {ACCEPTED}
    world.ledger.close()
    before = world.folder.key_id
    rotating.rotate_ledger(world.folder, 0)
    worker = Worker(world.folder.place)
    for _ in range(2):
        assert worker.take(messages, NOON) == [] and worker.trouble is None
    told = [reply.answer for reply in world.ledger.tick()]
    assert [answer.verdict for answer in told] == [DUPLICATE] * 2
    assert {parse_receipt(answer.receipt).message.kid for answer in told} == {world.folder.key_id} != {before}
    assert world.ledger.tick() == []
    worker.close()


class Proxy:
    """Stands between a worker and the server, and cuts what goes through it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._through: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._path)
                self._through += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        through, self._through = self._through, []
        for end in through:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()


def test_a_connection_that_is_cut_is_made_anew_and_counts_nothing_twice(world: Any, postgres: Any) -> None:
    devices, messages = sealing(world, 3, 40)
    name = world.folder.place.url.rpartition("?")[0].rpartition("/")[2]
    with closing(Proxy(str(postgres.folder / ".s.PGSQL.5432"))) as proxy:
        worker = Worker(PostgresPlace(f"postgresql://amos@127.0.0.1:{proxy.port}/{name}"))
        stop = threading.Event()

        def cutting() -> None:
            dice = random.Random(3)
            while not stop.wait(dice.uniform(0.0, 0.08)):
                proxy.cut()

        cutter = threading.Thread(target=cutting)
        cutter.start()
        for start in range(0, len(messages), 6):
            worker.take(messages[start : start + 6], NOON)
        stop.set()
        cutter.join()
        worker.close()
    finish(world, world.folder.place, messages)
    check_whole(world, devices)


def test_a_server_that_is_gone_is_unavailable_and_recovers_by_itself(world: Any) -> None:
    _devices, messages = sealing(world, 1, 1)
    missing = Path(world.path / "no-socket")
    worker = Worker(PostgresPlace(f"postgresql://amos:secret@/x?host={missing}"))
    (reply,) = worker.take(messages, NOON)
    assert reply.answer.verdict == UNAVAILABLE
    assert worker.trouble is not None and "secret" not in worker.trouble and "secret" not in (reply.answer.detail or "")


def test_a_period_that_closes_while_a_batch_is_decided_makes_it_decide_again(world: Any) -> None:
    _devices, messages = sealing(world, 1, 1)
    place = world.folder.place

    def closed_meanwhile() -> None:
        with Store(place) as other:
            other.append_closing("2026-11", b"closing")

    with Store(place) as store, pytest.raises(Conflict), store.intake([read(messages[0]).device_id]):
        assert store.closed_periods() == set()
        closed_meanwhile()
        store.append_usage(messages[0].payload, NOON)
    with Store(place) as store:
        persist(store, [read(messages[0])], NOON, False)
        assert store.periods() == ["2026-12"]


def test_a_worker_goes_on_in_the_store_that_took_the_place_of_its_own(world: Any) -> None:
    devices, messages = sealing(world, 2, 6)
    worker = Worker(world.folder.place)
    worker.take(messages[:6], NOON)
    world.ledger.tick()
    world.ledger.close()
    rebuild_folder(world.folder, 0)
    worker.take(messages[6:], NOON)
    worker.close()
    finish(world, world.folder.place, messages)
    check_whole(world, devices)


def test_whoever_waits_for_the_head_of_a_store_that_gives_way_is_told(world: Any) -> None:
    place = world.folder.place
    new = place.variant("new")
    Store.create(new, world.folder.trust.origin, world.folder.public_key)
    failed: list[Exception] = []

    def waits() -> None:
        try:
            with Store(place) as store, store.transaction():
                store.append([b"x"])
        except Exception as error:
            failed.append(error)

    with place.held() as database:
        waiting = threading.Thread(target=waits)
        waiting.start()
        time.sleep(0.5)
        place.give_way(database, new, "old")
    waiting.join()
    assert isinstance(failed[0], (Conflict, StorageFailed))


def test_workers_stop_while_the_ledger_has_signed_more_than_its_log_has(world: Any) -> None:
    devices, messages = sealing(world, 1, 2)
    worker = Worker(world.folder.place)
    with world.folder.open_store() as store:
        ahead = Checkpoint(store.origin, store.size() + 3, bytes(32))
    note = sign_checkpoint(ahead, world.folder.public_key, world.folder.sign)
    assert world.ledger.hear([note]) == [Standing.AHEAD]
    world.ledger.tick()
    assert world.ledger.behind
    assert [reply.answer.verdict for reply in worker.take(messages, NOON)] == [UNAVAILABLE] * 2
    for path in world.folder.ahead.iterdir():
        path.unlink()
    world.ledger.tick()
    finish(world, world.folder.place, messages)
    check_whole(world, devices)


def test_a_ledger_is_recovered_from_what_is_published(world: Any, tmp_path: Path) -> None:
    devices, messages = sealing(world, 2, 5)
    worker = Worker(world.folder.place)
    worker.take(messages[:8], NOON)
    world.ledger.tick()
    world.ledger.close()
    mirror = shutil.copytree(audited(world.folder), tmp_path / "mirror")
    with world.folder.open_store() as store:
        size = store.size()
    assert recover(world.folder, [str(mirror)]).entries == size
    worker.close()
    finish(world, world.folder.place, messages)
    check_whole(world, devices)

"""A ledger made again from mirrors of what it published: in folders, at web servers, whole and spoilt."""

import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from audited import audited
from go_log import GoLog
from settled_world import World as SettledWorld
from settled_world import play_november, unix_s

from amos.protocol.answer import ACCEPTED, DUPLICATE
from amos_ledger import recovery
from amos_ledger.errors import AlreadyServing, KeyUnusable, RecoveryFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import Heads
from amos_ledger.mirrored_log import NoMirror, TwoHistories
from amos_ledger.recovery import recover
from amos_ledger.settle_period import settle_period

EURO = 1_000_000
NOT_IN_THE_LOG = ("earned", "ledger", "tally", "anchor", "head", "held", "evidence", "node", "entry")


@pytest.fixture
def settled(tmp_path: Path) -> SettledWorld:
    world = SettledWorld(tmp_path / "ledger")
    play_november(world)
    settle_period(world.folder, "2026-11", 100 * EURO, "EUR")
    world.play(0, [(1, 5_000)], unix_s(2026, 12, 2), unix_s(2026, 12, 3))
    return world


@pytest.fixture
def mirror(settled: SettledWorld, tmp_path: Path) -> Path:
    return settled.copy(tmp_path / "mirror")


class Served:
    """A static web server over a folder; `spoil` names files that it gives otherwise."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.unwell = 0
        served = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                served.asked.append(self.path)
                if served.unwell:
                    served.unwell -= 1
                    self.send_error(503)
                    return
                super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


@pytest.fixture
def web(mirror: Path) -> Iterator[Served]:
    served = Served(mirror)
    yield served
    served.close()


def forget(world: SettledWorld, *kept: str) -> Folder:
    """All of the ledger's folder is gone but its key and whom it trusts."""
    for path in world.path.iterdir():
        if path.name not in ("ledger.key", "trust.json", *kept):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return Folder(world.path, recovered=True)


def tables(folder: Folder) -> dict[str, list[tuple[Any, ...]]]:
    """What counts, of each table: without when a receipt was made, and what no log tells."""
    with folder.open_store() as store:
        database = store._database
        names = [name for (name,) in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for name in sorted(set(names) - set(NOT_IN_THE_LOG)):
            columns = [row[1] for row in database.rows(f"PRAGMA table_info({name})")]
            counted = [column for column in columns if column not in LOCAL_COLUMNS]
            found[name] = sorted(database.rows(f"SELECT {', '.join(counted)} FROM {name}"), key=repr)
        return found


LOCAL_COLUMNS = {"received_unix_s", "message_sha256", "clock_epoch", "start_unix_ms",
                 "end_unix_ms"}  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "url"])
def test_any_mirror_is_a_full_back_up(
    settled: SettledWorld, mirror: Path, web: Served, kind: str, go_log: GoLog
) -> None:
    before, signed = tables(settled.folder), (settled.folder.public / "checkpoint").read_bytes()
    statements = {path.name: path.read_bytes() for path in (settled.folder.public / "statements/2026-11-EUR").iterdir()}
    folder = forget(settled)
    recovered = recover(folder, [str(mirror) if kind == "folder" else web.url])
    assert (recovered.before, recovered.missing, recovered.failures) == (0, 0, ())
    assert tables(folder) == before
    assert (folder.public / "checkpoint").read_bytes() == signed
    again = settle_period(folder, "2026-11", 100 * EURO, "EUR")
    assert not again.closed.fresh
    for path in again.statements.values():
        assert path.read_bytes() == statements[path.name]
    assert settled.verify().amount_micro
    settled.play(0, [(2, 700)], unix_s(2026, 12, 4), unix_s(2026, 12, 4))  # and it goes on
    go_log.follows(signed, folder)


def test_what_a_back_up_lacks_comes_from_the_mirror_and_resends_are_duplicates(
    settled: SettledWorld, tmp_path: Path, go_log: GoLog
) -> None:
    yesterday = Path(shutil.copytree(settled.path, tmp_path / "yesterday"))
    segment = settled.players[1].play([(2, 900)], unix_s(2026, 12, 5))
    assert settled.send(1, segment, unix_s(2026, 12, 5)) == [ACCEPTED]
    mirror = settled.copy(tmp_path / "mirror")
    shutil.rmtree(settled.path)
    shutil.copytree(yesterday, settled.path)
    with Folder(settled.path).open_store() as store:
        Heads(settled.folder).take(store, (mirror / "checkpoint").read_bytes())
    recovered = recover(Folder(settled.path), [str(mirror)])
    assert recovered.entries > recovered.before > 0 and recovered.missing == 0
    assert settled.send(1, segment, unix_s(2026, 12, 6)) == [DUPLICATE]
    assert not list(settled.folder.ahead.iterdir())
    assert (settled.path / "ledger.sqlite.before-recovery").exists()
    for copy in (yesterday / "public", mirror):
        go_log.follows((copy / "checkpoint").read_bytes(), settled.folder)


def test_the_highest_of_several_is_taken_and_spoilt_bundles_come_from_the_others(
    settled: SettledWorld, mirror: Path, tmp_path: Path, go_log: GoLog
) -> None:
    settled.play(0, [(1, 5_000)], unix_s(2026, 12, 3), unix_s(2026, 12, 3))
    later = settled.copy(tmp_path / "later")
    also_later = settled.copy(tmp_path / "also-later")
    with settled.folder.open_store() as store:
        size = store.size()
    bundle = later / "tile" / "entries" / "000.p" / str(size)
    data = bytearray(bundle.read_bytes())
    data[-100] ^= 1
    bundle.write_bytes(data)
    folder = forget(settled)
    with pytest.raises(NoMirror, match="entries that the checkpoint commits to"):
        recover(folder, [str(mirror), str(later)])
    recovered = recover(folder, [str(mirror), str(later), str(also_later)])
    assert recovered.entries == size
    for copy in (mirror, later, also_later):
        go_log.follows((copy / "checkpoint").read_bytes(), folder)


def test_a_forged_or_foreign_mirror_is_none(settled: SettledWorld, mirror: Path, tmp_path: Path) -> None:
    other = SettledWorld(tmp_path / "other")
    play_november(other)
    folder = forget(settled)
    with pytest.raises(NoMirror, match="signature"):
        recover(folder, [str(audited(other.folder))])
    with pytest.raises(NoMirror, match="expected checkpoint, found none"):
        recover(folder, [str(tmp_path)])
    tile = max((mirror / "tile" / "0" / "000.p").iterdir(), key=lambda path: int(path.name))
    tile.write_bytes(bytes(len(tile.read_bytes())))
    with pytest.raises(NoMirror, match="tiles that give the root"):
        recover(folder, [str(mirror)])
    (mirror / "checkpoint").write_bytes(b"x" * 10_000)
    with pytest.raises(NoMirror, match="at most 8192 bytes"):
        recover(folder, [str(mirror)])
    assert not (settled.path / "ledger.sqlite").exists()


def test_a_web_server_that_stumbles_is_asked_again_and_what_was_fetched_is_not(
    settled: SettledWorld, mirror: Path, web: Served, monkeypatch: pytest.MonkeyPatch, go_log: GoLog
) -> None:
    folder = forget(settled)
    web.unwell = 2
    with monkeypatch.context() as patch:
        patch.setattr(recovery, "_build", lambda *_: (_ for _ in ()).throw(RecoveryFailed("the power fails")))
        with pytest.raises(RecoveryFailed, match="power"):
            recover(folder, [web.url])
    assert sum("/tile/entries/" in name for name in web.asked) == 1
    recover(folder, [web.url])
    assert sum("/tile/entries/" in name for name in web.asked) == 1
    assert not (settled.path / "recovering").exists()
    go_log.follows((mirror / "checkpoint").read_bytes(), folder)


def test_two_histories_are_told_apart(settled: SettledWorld, tmp_path: Path) -> None:
    yesterday = Path(shutil.copytree(settled.path, tmp_path / "yesterday"))
    settled.play(0, [(1, 5_000)], unix_s(2026, 12, 3), unix_s(2026, 12, 3))
    one = settled.copy(tmp_path / "one")
    shutil.rmtree(settled.path)
    shutil.copytree(yesterday, settled.path)
    settled.play(1, [(1, 5_000)], unix_s(2026, 12, 3), unix_s(2026, 12, 3))
    settled.play(1, [(1, 5_000)], unix_s(2026, 12, 3), unix_s(2026, 12, 3))
    two = settled.copy(tmp_path / "two")
    folder = forget(settled)
    with pytest.raises(TwoHistories, match="one: expected the root"):
        recover(folder, [str(one), str(two)])


def test_a_store_is_not_given_for_less_and_not_while_it_is_served(settled: SettledWorld, mirror: Path) -> None:
    settled.play(0, [(1, 5_000)], unix_s(2026, 12, 3), unix_s(2026, 12, 3))
    with pytest.raises(RecoveryFailed, match="nothing is to be had there"):
        recover(settled.folder, [str(mirror)])
    with settled.folder.serving(), pytest.raises(AlreadyServing):
        recover(settled.folder, [str(mirror)])
    (settled.path / "ledger.key").unlink()
    with pytest.raises(KeyUnusable):
        Folder(settled.path, recovered=True)


def test_a_manifest_that_no_mirror_has_is_named(settled: SettledWorld, mirror: Path) -> None:
    name = sorted((mirror / "manifests").iterdir())[0]
    name.unlink()
    with pytest.raises(RecoveryFailed, match=name.name):
        recover(forget(settled), [str(mirror)])

"""A folder put back as it was: what was signed since stops it, whoever shows it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from databases import only_sqlite
from settled_world import World as SettledWorld
from settled_world import play_november

from amos.protocol.answer import UNAVAILABLE
from amos.protocol.checkpoint_host import sign_checkpoint
from amos_ledger import registry
from amos_ledger.errors import RolledBack
from amos_ledger.folder import Folder
from amos_ledger.heads import Heads, Standing, checked_store
from amos_ledger.ledger import Ledger
from amos_ledger.settle_period import settle_period

EURO = 1_000_000


def put_back(path: Path, copy: Path) -> None:
    """As an operator restores a back-up: the folder as a whole."""
    shutil.rmtree(path)
    shutil.copytree(copy, path)


def head_of(folder: Folder) -> bytes:
    return (folder.public / "checkpoint").read_bytes()


def hear(folder: Folder, note: bytes) -> list[Standing]:
    ledger = Ledger(folder)
    try:
        return ledger.hear([note])
    finally:
        ledger.close()


@pytest.fixture
def settled(tmp_path: Path) -> SettledWorld:
    world = SettledWorld(tmp_path / "ledger")
    play_november(world)
    return world


def test_a_month_closed_with_100_is_not_closed_again_with_1_on_yesterdays_folder(
    settled: SettledWorld, tmp_path: Path
) -> None:
    yesterday = Path(shutil.copytree(settled.path, tmp_path / "yesterday"))
    settle_period(settled.folder, "2026-11", 100 * EURO, "EUR")
    signed = head_of(settled.folder)
    assert settled.verify().amount_micro
    put_back(settled.path, yesterday)
    assert hear(Folder(settled.path), signed) == [Standing.AHEAD]
    with pytest.raises(RolledBack, match="amos ledger status"):
        settle_period(Folder(settled.path), "2026-11", 1 * EURO, "EUR")
    assert not (settled.folder.public / "statements").exists()
    with settled.folder.open_store() as store:
        assert not store.closings()


@only_sqlite
def test_a_ledger_behind_answers_nothing_that_is_signed(world: Any, tmp_path: Path) -> None:
    device = world.device()
    first, second = device.seal(), device.seal()
    [before] = world.take(device, first)
    world.ledger.close()
    yesterday = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    world.restart()
    world.take(device, second)
    signed = head_of(world.folder)
    world.ledger.close()
    put_back(world.path, yesterday)
    world.restart()
    assert world.ledger.hear([signed]) == [Standing.AHEAD]
    assert world.ledger.behind and "amos ledger status" in str(world.ledger.trouble)
    [answer] = world.take(device, second)
    assert answer.verdict == UNAVAILABLE and answer.receipt is None and "signed a tree of" in str(answer.detail)
    assert world.totals().accepted == 1 and before.receipt
    world.restart()  # another process knows it from the folder
    assert world.ledger.behind


def test_only_this_ledgers_signature_makes_a_head(world: Any) -> None:
    device = world.device()
    world.take(device, device.seal())
    note = head_of(world.folder)
    forged = note.replace(b"\n3\n", b"\n9\n") if b"\n3\n" in note else note.replace(b"\n", b"\n9", 1)
    signed_by_another = sign_checkpoint(
        registry.publish(world.folder, world.folder.open_store()), world.operator.public, world.operator.sign
    )
    for bad in (b"", forged, signed_by_another, note[:-9], b"\xff" * 2000, note * 2):
        assert world.ledger.hear([bad]) == [Standing.FORGED]
    assert world.ledger.hear([note]) == [Standing.CONTAINED]
    assert not world.ledger.behind and not world.folder.ahead.exists()
    [answer] = world.take(device, device.seal())
    assert answer.receipt


@only_sqlite
def test_the_same_size_with_another_root_is_a_contradiction(world: Any, tmp_path: Path) -> None:
    device, other = world.device(1), world.device(2)
    world.ledger.close()
    yesterday = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    world.restart()
    world.take(device, device.seal())
    signed = head_of(world.folder)
    world.ledger.close()
    put_back(world.path, yesterday)
    world.restart()
    world.take(other, other.seal())  # nobody showed it anything yet
    assert world.ledger.hear([signed]) == [Standing.AHEAD]
    with pytest.raises(RolledBack), checked_store(world.folder):
        pass


@only_sqlite
def test_what_the_log_contains_by_now_is_no_hindrance(world: Any, tmp_path: Path) -> None:
    """The folder was put back, and then the right one after all."""
    device = world.device()
    world.ledger.close()
    yesterday = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    world.restart()
    world.take(device, device.seal())
    signed = head_of(world.folder)
    world.ledger.close()
    today = Path(shutil.copytree(world.path, tmp_path / "today"))
    put_back(world.path, yesterday)
    hear(world.folder, signed)
    shutil.copytree(world.folder.ahead, today / "ahead")
    put_back(world.path, today)
    with checked_store(world.folder), world.folder.open_store() as store:
        assert Heads(world.folder).highest(store) is None


def test_heads_kept_are_bounded_and_the_highest_stay(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amos_ledger.heads.AHEAD_HEADS_MAX", 3)
    with world.folder.open_store() as store:
        head = registry.publish(world.folder, store)
        for size in (50, 90, 10, 70, 60, 80):
            note = sign_checkpoint(type(head)(head.origin, size, bytes(32)), world.folder.public_key, world.folder.sign)
            Heads(world.folder).take(store, note)
    assert len(list(world.folder.ahead.iterdir())) == 3
    with world.folder.open_store() as store:
        highest = Heads(world.folder).highest(store)
    assert highest is not None and highest.size == 90

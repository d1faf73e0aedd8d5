"""Cuts of power at every step of a rotation of the key, and at every step of what takes it up again."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amos import crypto
from amos.device_key import load_key
from amos.edges.key_files import NEXT_KEY, REQUEST, KeyFault, exists
from amos.identity import Identity
from amos.key_rotation import read_history, rotate
from amos.protocol.handover import open_key_history

HARDWARE = [(1, b"10000000a1b2c3d4")]
FIRST = 9

Content = dict[str, bytes]


class Board:
    board = "linux"
    voices = 16


class Medium:
    """A folder of which only what was synced is sure to survive. `cuts` is every folder that a cut may have left.

    A file's bytes survive when it was synced, its name when the folder was; else both may survive or not.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._synced: dict[int, bytes] = {}
        self._names: dict[str, int] = {}
        self._held: list[int] = []
        self.cuts: list[Content] = []
        self._fsync, self._rename, self._remove, self._unlink = os.fsync, os.rename, os.remove, os.unlink
        for path in folder.iterdir():
            self._names[path.name] = path.stat().st_ino
            self._synced[path.stat().st_ino] = path.read_bytes()
            self._hold(path)
        monkeypatch.setattr(os, "fsync", self.fsync)
        for name in ("rename", "remove", "unlink"):
            monkeypatch.setattr(os, name, self._before(getattr(os, name)))

    def _hold(self, path: Path) -> None:
        self._held.append(os.open(path, os.O_RDONLY))  # so that no other file gets its number

    def close(self) -> None:
        for descriptor in self._held:
            os.close(descriptor)

    def _before(self, act: Callable[..., None]) -> Callable[..., None]:
        def recorded(*arguments: object) -> None:
            self.note()
            act(*arguments)
            self.note()

        return recorded

    def fsync(self, descriptor: int) -> None:
        number = os.fstat(descriptor).st_ino
        if number == self._folder.stat().st_ino:
            self.note()
            self._names = {path.name: path.stat().st_ino for path in self._folder.iterdir()}
        else:
            (path,) = [path for path in self._folder.iterdir() if path.stat().st_ino == number]
            self._hold(path)
            old, new = self._synced.get(number, b""), path.read_bytes()
            for torn in (new[: len(new) // 2], new[: len(new) // 2] + old[len(new) // 2 :], b""):
                self.note()
                self.cuts += [{**self.cuts[-2], path.name: torn}, {**self.cuts[-1], path.name: torn}]
            self._synced[number] = new
        self.note()

    def note(self) -> None:
        there = {path.name: path.read_bytes() for path in self._folder.iterdir()}
        sure = {name: self._synced.get(number, b"") for name, number in self._names.items()}
        for content in (there, sure):
            self.cuts.append(content)


def restore(folder: Path, content: Content) -> None:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in content.items():
        (folder / name).write_bytes(data)


def start(folder: Path) -> Identity:
    """As the player starts: what a cut left is taken up, then what is asked for is done."""
    directory = str(folder)
    seed, history, _bound = load_key(directory, HARDWARE)
    identity = Identity(seed, Board, history)
    if exists(directory + REQUEST) or exists(directory + NEXT_KEY):
        rotate(directory, identity, FIRST, HARDWARE)
    return identity


def cuts_of(folder: Path, content: Content) -> list[Content]:
    restore(folder, content)
    with pytest.MonkeyPatch.context() as monkeypatch:
        medium = Medium(folder, monkeypatch)
        start(folder)
        medium.close()
    unique = {tuple(sorted(cut.items())): cut for cut in medium.cuts}
    return list(unique.values())


@pytest.fixture(params=["bound", "plain", "again"])
def asked(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Content]:
    """A player's folder with a key of its own and a request."""
    if request.param == "plain":
        monkeypatch.setitem(globals(), "HARDWARE", [])
    folder = tmp_path / "before"
    folder.mkdir()
    start(folder)
    (folder / REQUEST[1:]).touch()
    if request.param == "again":  # a key that was rotated before
        start(folder)
        (folder / REQUEST[1:]).touch()
    yield {path.name: path.read_bytes() for path in folder.iterdir()}


def restored(folder: Path, asked: Content) -> int:
    """The folder before it was asked for a rotation; how many there were."""
    restore(folder, {name: data for name, data in asked.items() if name != REQUEST[1:]})
    history = read_history(str(folder))
    return len(history.handovers) if history else 0


def whole(folder: Path, device_id: bytes, old_key: bytes, before: int) -> None:
    """The rotation happened once, from `FIRST` on and after those `before`, and the old secret is gone."""
    identity = start(folder)
    assert identity.device_id == device_id
    assert identity.key_history is not None
    history = open_key_history(identity.key_history, crypto.verify)
    assert [handover.first_sequence for handover in history.handovers] == [FIRST] * (before + 1)
    assert history.public_key == identity.public_key != history.first_key
    assert sorted(path.name for path in folder.iterdir()) == ["device.key", "key-history.0", "key-history.1"]
    assert all(old_key not in path.read_bytes() for path in folder.iterdir())


def test_every_cut_leaves_a_key_and_one_rotation(tmp_path: Path, asked: Content) -> None:
    old_key = asked["device.key"]
    before = restored(tmp_path / "first", asked)
    device_id = start(tmp_path / "first").device_id
    cuts = cuts_of(tmp_path / "cut", asked)
    assert len(cuts) > 25
    again = 0
    for cut in cuts:
        restore(tmp_path / "found", cut)
        whole(tmp_path / "found", device_id, old_key, before)
        for second in cuts_of(tmp_path / "cut", cut):
            restore(tmp_path / "found", second)
            whole(tmp_path / "found", device_id, old_key, before)
            again += 1
    assert again > 200


def failing(monkeypatch: pytest.MonkeyPatch, at: int, for_good: bool = False) -> list[int]:
    """The `at`th sync fails, and all after it `for_good`; those that were asked for."""
    synced: list[int] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == at or (for_good and len(synced) > at):
            raise OSError("no")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return synced


def test_storage_that_fails_never_leaves_two_keys_that_sign(tmp_path: Path, asked: Content) -> None:
    """Either the old key signs on, or the new one does, or the player ends and the next start knows."""
    old_key = asked["device.key"]
    before = restored(tmp_path / "first", asked)
    first = start(tmp_path / "first")
    ended, old, new = 0, 0, 0
    for at in range(1, 30):
        restore(tmp_path / "found", asked)
        seed, history, _bound = load_key(str(tmp_path / "found"), HARDWARE)
        identity = Identity(seed, Board, history)
        with pytest.MonkeyPatch.context() as monkeypatch:
            synced = failing(monkeypatch, at)
            try:
                rotate(str(tmp_path / "found"), identity, FIRST, HARDWARE)
                in_force: bytes | None = identity.key_id
            except KeyFault:
                in_force, ended = None, ended + 1
            except OSError:
                in_force, old = identity.key_id, old + 1
                assert in_force == first.key_id
        if len(synced) < at:
            break
        if in_force not in (None, first.key_id):
            new += 1
            assert load_key(str(tmp_path / "found"), HARDWARE)[1].public_key == identity.public_key
        whole(tmp_path / "found", first.device_id, old_key, before)
    else:
        raise AssertionError("expected an end")
    assert ended >= 1 and old >= 1 and new >= 3


def test_a_player_starts_with_its_new_key_where_its_file_cannot_be_put_in_place(tmp_path: Path, asked: Content) -> None:
    """A disk that is full from the handover on: whatever fails, at each start the same key signs."""
    before = restored(tmp_path / "first", asked)
    first = start(tmp_path / "first")
    tried = 0
    for at in range(1, 30):
        restore(tmp_path / "found", asked)
        seed, history, _bound = load_key(str(tmp_path / "found"), HARDWARE)
        identity = Identity(seed, Board, history)
        with pytest.MonkeyPatch.context() as monkeypatch:
            synced = failing(monkeypatch, at, for_good=True)
            try:
                rotate(str(tmp_path / "found"), identity, FIRST, HARDWARE)
            except (KeyFault, OSError):
                continue
            if identity.key_id == first.key_id or len(synced) < at:
                break
            tried += 1
            for _life in range(2):
                seed, history, _bound = load_key(str(tmp_path / "found"), HARDWARE)
                found = Identity(seed, Board, history)
                assert (found.key_id, found.device_id) == (identity.key_id, first.device_id)
                if exists(str(tmp_path / "found") + NEXT_KEY):
                    assert "the last change waits" in rotate(str(tmp_path / "found"), found, FIRST, HARDWARE)
        whole(tmp_path / "found", first.device_id, asked["device.key"], before)
    assert tried >= 3

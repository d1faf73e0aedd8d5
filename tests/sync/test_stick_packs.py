"""Packs on a stick that FAT damaged, that pile up, and that do not fit; the commands say what to do, and that helps."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import Patience
from sync_shops import stick_command
from test_courier_packs import shelve

from amos import crypto
from amos_mqtt.broker import Broker
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.notes import Notes
from amos_sync.report import reading
from amos_sync.stick_folder import StickFolder
from amos_tools.demo.broker import free_port
from pack_examples import PUBLISHER, Pack

KEY = crypto.public_key(PUBLISHER)
OTHERS = b"o" * 32


class Site:
    """A courier without broker and players, which puts the pack in `packs` on sticks."""

    def __init__(self, folder: Path, name: str, key: bytes | None = KEY) -> None:
        self.spool, self.packs, self._key = folder / name, folder / f"{name}-packs", key
        self._folder = folder

    def has(self, pack: Pack | None) -> "Site":
        """Run it until it has this pack to give away; None for a site that has none."""
        if pack is not None:
            shelve(self.packs, pack)
        settings = Settings(
            self.spool.name, (f"unix:{self._folder}/nobody",), Broker("127.0.0.1", free_port()), self.spool,
            publisher_key=self._key, packs=None if pack is None else self.packs,
        )  # fmt: skip
        courier = Courier(settings, Notes(lambda _line: None))
        patience = Patience()
        while not self._gives(pack):
            assert patience.lasts()
            courier.turn(20)
        courier.close()
        return self

    def _gives(self, pack: Pack | None) -> bool:
        with reading(self.spool) as database:
            named = database.execute("SELECT 1 FROM facts WHERE name = 'client_id'").fetchone()
            given = database.execute("SELECT payload FROM documents WHERE name = 'pack'").fetchone()
        return named is not None and (pack is None or (given is not None and bytes(given[0]) == pack.signed))

    def export(self, stick: Path, ends: int = 0) -> dict[str, Any]:
        return stick_command("export", "--to", stick, "--spool", self.spool, ends=ends)

    def brings(self, stick: Path, ends: int = 0) -> dict[str, Any]:
        facts: dict[str, Any] = stick_command("import", "--from", stick, "--spool", self.spool, ends=ends)["import"]
        return facts


@pytest.fixture
def hub(tmp_path: Path) -> Site:
    return Site(tmp_path, "hub").has(Pack(5))


@pytest.fixture
def shop(tmp_path: Path) -> Site:
    return Site(tmp_path, "shop").has(None)


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    stick = tmp_path / "stick"
    stick.mkdir()
    return stick


def there(stick: Path) -> set[str]:
    return {path.name for path in (stick / "amos" / "packs").iterdir()}


def files_of(*packs: Pack) -> set[str]:
    return {name for pack in packs for name in (f"{pack.id.hex()[:32]}.manifest", *(blob.hex() for blob in pack.blobs))}


def flip(path: Path, at: int = 100) -> None:
    """Other bytes of the same length, as FAT leaves them after a stick was pulled out."""
    data = bytearray(path.read_bytes())
    for index in range(at, at + 16):
        data[index] ^= 0xFF
    path.write_bytes(data)


def blob(stick: Path) -> Path:
    return max(path for path in (stick / "amos" / "packs").iterdir() if len(path.name) == 64)


@pytest.mark.parametrize("damage", ["flipped", "short", "gone", "manifest"])
def test_what_is_damaged_on_a_stick_is_written_anew_by_the_next_export(
    hub: Site, shop: Site, stick: Path, damage: str
) -> None:
    hub.export(stick)
    spoilt = blob(stick)
    if damage == "flipped":
        flip(spoilt)
    elif damage == "short":
        os.truncate(spoilt, 50)
    elif damage == "gone":
        spoilt.unlink()
    else:
        flip(next((stick / "amos" / "packs").glob("*.manifest")))
    (sentence,) = shop.brings(stick, ends=1)["refused"]
    assert "plug the stick in where the music comes from, which writes anew what is damaged" in sentence
    others = {path: path.stat().st_ino for path in (stick / "amos" / "packs").iterdir() if len(path.name) == 64}
    assert hub.export(stick)["export"]["pack"] == "pack 5 (test)"
    assert all(path.stat().st_ino == inode for path, inode in others.items() if path != spoilt), "whole blobs stay"
    assert shop.brings(stick)["pack"] == "pack 5 (test)"
    assert there(stick) == files_of(Pack(5))


def test_a_pack_here_that_is_damaged_is_mended_from_the_stick_that_brought_it(
    hub: Site, shop: Site, stick: Path
) -> None:
    hub.export(stick)
    shop.brings(stick)
    spoilt = next((shop.spool / "carried-pack" / "blobs").iterdir())
    whole = spoilt.read_bytes()
    flip(spoilt)
    assert shop.brings(stick)["pack"] == "pack 5 (test)"
    assert spoilt.read_bytes() == whole
    assert shop.brings(stick)["pack"] is None, "it is whole"


def test_the_publishers_older_packs_give_way_and_nothing_of_others(hub: Site, stick: Path, tmp_path: Path) -> None:
    others = Site(tmp_path, "others", crypto.public_key(OTHERS)).has(Pack(1, names="xyz", seed=OTHERS))
    others.export(stick)
    hub.export(stick)
    packs = stick / "amos" / "packs"
    (packs / "holiday.jpg").write_bytes(b"foreign")
    (packs / ("0" * 64)).write_bytes(b"a blob of an export that was broken off before its manifest")
    (packs / ("a" * 60 + ".new")).write_bytes(b"half a blob")
    for serial in (6, 7):
        hub.has(Pack(serial, names="abcd" + str(serial)))
        hub.export(stick)
    expected = files_of(Pack(7, names="abcd7"), Pack(1, names="xyz", seed=OTHERS))
    assert there(stick) == {*expected, "holiday.jpg"}


def test_blobs_stay_while_there_is_a_manifest_that_this_version_cannot_read(hub: Site, stick: Path) -> None:
    packs = stick / "amos" / "packs"
    packs.mkdir(parents=True)
    later = hashlib.sha256(b"of a later version").hexdigest()[:32] + ".manifest"
    (packs / later).write_bytes(b"of a later version")
    (packs / ("0" * 64)).write_bytes(b"its blob")
    hub.export(stick)
    hub.has(Pack(6, names="abcd"))
    hub.export(stick)
    assert there(stick) == files_of(Pack(6, names="abcd")) | {later, "0" * 64}


def test_a_newer_pack_stays_and_is_named_unless_it_is_damaged(hub: Site, stick: Path, tmp_path: Path) -> None:
    newer = Site(tmp_path, "newer").has(Pack(9, names="abcz"))
    newer.export(stick)
    assert hub.export(stick)["export"]["pack"] == "pack 9 (test)"
    assert there(stick) == files_of(Pack(9, names="abcz"))
    flip(blob(stick))
    assert hub.export(stick)["export"]["pack"] == "pack 5 (test)"
    assert there(stick) == files_of(Pack(5))


def test_without_the_publishers_key_nobodys_pack_gives_way(stick: Path, tmp_path: Path) -> None:
    keyless = Site(tmp_path, "keyless", None).has(Pack(5))
    keyless.export(stick)
    keyless.has(Pack(6, names="xy"))
    keyless.export(stick)
    assert there(stick) == files_of(Pack(5), Pack(6, names="xy"))


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """A stick of so many bytes in all."""
    size = {"bytes": 1 << 40}

    def free_bytes(stick: StickFolder) -> int:
        root = next(path for path in (stick.path, *stick.path.parents) if path.name == "amos").parent
        return size["bytes"] - sum(path.stat().st_size for path in root.rglob("*") if path.is_file())

    monkeypatch.setattr(StickFolder, "free_bytes", property(free_bytes))
    yield size


def test_the_older_pack_makes_room_for_the_next(hub: Site, stick: Path, full: dict[str, int]) -> None:
    for serial in range(6, 9):
        hub.has(Pack(serial, names=f"{serial}abcd", frames=9000))
        full["bytes"] = 250_000 + sum(map(len, Pack(serial, names=f"{serial}abcd", frames=9000).blobs.values()))
        assert hub.export(stick)["export"]["pack"] == f"pack {serial} (test)"


def test_a_pack_that_does_not_fit_is_a_finding_that_says_how_much_is_missing(
    hub: Site, stick: Path, full: dict[str, int]
) -> None:
    pack = Pack(6, names="abcd", frames=1_000_000)
    hub.has(pack)
    full["bytes"] = sum(map(len, pack.blobs.values())) - 5_000_000
    facts = hub.export(stick, ends=1)
    assert facts["export"]["pack"] is None
    assert 5_000_000 < facts["export"]["pack_missing_bytes"] < 5_300_000
    assert facts["words"][-2:] == [
        "There is no room for the music itself: 6 MB are missing. Delete other things from the stick, or take a larger"
        " one, and plug it in here again.",
        "Receipts and lists are on the stick.",
    ]
    assert "6 MB are missing" in (stick / "amos" / "read-me.txt").read_text()
    assert there(stick) == set(), "nothing of it was begun"


def test_a_stick_that_is_full_before_it_says_so_keeps_no_part_of_a_pack(
    hub: Site, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def fails(source: str, target: str, **folders: int) -> None:
        if target.endswith(".manifest"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target, **folders)

    monkeypatch.setattr(os, "replace", fails)
    facts = hub.export(stick, ends=1)
    assert "the stick is full; delete something from it, or take a larger one" in facts["words"][-2]
    assert there(stick) == set()


def test_something_else_named_packs_keeps_the_music_off_and_nothing_else(hub: Site, stick: Path) -> None:
    (stick / "amos").mkdir()
    (stick / "amos" / "packs").touch()
    facts = hub.export(stick, ends=1)
    sentence = f"{stick}/amos/packs: expected a folder, found a file; rename or delete that"
    assert facts["words"][-2] == f"The music itself is not on the stick: {sentence}."
    assert facts["export"]["pack_trouble"] == facts["words"][-2:]


def test_a_pack_here_that_is_damaged_is_said_and_all_else_is_on_the_stick(hub: Site, stick: Path) -> None:
    flip(next((hub.packs / "blobs").iterdir()))
    facts = hub.export(stick, ends=1)
    assert "The music itself is not on the stick: " in facts["words"][-2]
    assert "start the courier anew: it fetches that again, or says what is wrong with --packs" in facts["words"][-2]
    assert (stick / "amos" / "read-me.txt").read_text().splitlines() == facts["words"]

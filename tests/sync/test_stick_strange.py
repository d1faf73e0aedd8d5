"""Sticks as strangers, pulled cables and full cards leave them: named, passed over, and nothing harmed."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mount_namespace import mount_namespace
from patience import wait_until
from sync_journals import sealed
from sync_shops import Shop, stick_command

from amos.protocol import bundle_host as bundles
from amos.protocol.answer import ACCEPTED, Answer
from amos.protocol.bundle_host import BundleHeader, BundleItem, BundleWriter
from amos.protocol.envelope_host import wrap
from amos_sync import stick_export, stick_folder
from amos_sync.errors import StickError, StickFull
from amos_sync.limits import STICK_NAMES_MAX
from amos_sync.stick_folder import NAME, StickFolder
from amos_sync.stick_import import BundleImport
from amos_sync.stick_shelf import MANIFEST_FILE

LIAR = "liar-" + "0" * 16


def made_up(*items: BundleItem, site: str = "liar") -> bytes:
    writer = BundleWriter()
    header = BundleHeader(version=1, site=site, courier=bytes(8), unix_s=5, part=0)
    return b"".join([writer.header(header), *map(writer.add, items), writer.end()])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop without a broker that has pulled what its player has."""
    shop = Shop(tmp_path_factory.mktemp("shop"), "harbour", [30])
    shop.start()
    shop.wait_pulled()
    yield shop
    shop.end()


@pytest.fixture
def stick(tmp_path: Path, shop: Shop) -> Path:
    """With the shop's own bundle on it."""
    stick_command("export", "--to", tmp_path, "--spool", shop.spool)
    return tmp_path


def refused(stick: Path, shop: Shop) -> list[str]:
    sentences: list[str] = stick_command("import", "--from", stick, "--spool", shop.spool, ends=None)["import"][
        "refused"
    ]
    return sentences


def test_what_is_no_bundle_is_named_and_read_no_further(stick: Path, shop: Shop) -> None:
    folder = stick / "amos"
    (own,) = folder.glob("*.bundle")
    whole = own.read_bytes()
    os.symlink("/etc/passwd", folder / f"{LIAR}-001.bundle")
    os.mkfifo(folder / f"{LIAR}-002.bundle")
    (folder / f"{LIAR}-003.bundle").write_bytes(whole[:-10])
    (folder / f"{LIAR}-004.bundle").write_bytes(whole[:500] + b"?" + whole[501:])
    (folder / f"{LIAR}-005.bundle").mkdir()
    with (folder / f"{LIAR}-006.bundle").open("wb") as file:
        file.truncate(1 << 33)
    os.symlink(folder, folder / "packs")
    *sentences, packs = refused(stick, shop)
    assert packs.endswith("/amos/packs: expected a folder, found a link; rename or delete that")
    assert [sentence[:29] for sentence in sentences] == [f"{LIAR}-00{number}.bundle"[:29] for number in range(1, 7)]
    for sentence, words in zip(
        sentences,
        ("found a link", "expected a file", "torn", "damaged|expected", "expected a file", "at most"),
        strict=True,
    ):
        assert any(word in sentence for word in words.split("|")), sentence
    assert shop.report()["waiting"] == 30


def test_an_amos_folder_that_is_a_link(tmp_path: Path, shop: Shop) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = tmp_path / "stick"
    root.mkdir()
    os.symlink(elsewhere, root / "amos")
    facts = stick_command("export", "--to", root, "--spool", shop.spool, ends=1)
    assert facts["refusal"]["name"] == "StickError"
    assert not list(elsewhere.iterdir())


def test_a_liars_items_harm_nothing(stick: Path, shop: Shop) -> None:
    """Usage of nobody, a receipt that nobody signed, a place that no player has, documents of any name."""
    device_id = shop.players[0].player.device_id
    stranger = sealed(b"s" * 32, 2)
    message = wrap(shop.sealed[29])
    forged = Answer(
        message_sha256=hashlib.sha256(message).digest(), verdict=ACCEPTED, device_id=device_id, sequence=30,
        receipt=b"\xd2\x84" + bytes(80),
    )  # fmt: skip
    lies = made_up(
        BundleItem(kind=bundles.USAGE, device_id=device_id, content=wrap(stranger[0])),
        BundleItem(kind=bundles.USAGE, device_id=device_id, content=b"\x01garbage"),
        BundleItem(kind=bundles.ANSWER, device_id=device_id, content=forged.encode()),
        BundleItem(kind=bundles.ANSWER, device_id=device_id, content=b"\xff"),
        BundleItem(kind=bundles.TOOK, device_id=device_id, count=(1 << 63) - 1),
        BundleItem(kind=bundles.TIME, device_id=device_id, content=b"short"),
        BundleItem(kind=bundles.DOCUMENT, name="../../etc/passwd", content=b"x"),
        BundleItem(kind=bundles.DOCUMENT, name="rotation/1", content=b"x"),
        BundleItem(kind=bundles.DOCUMENT, name="forgone", content=b"x"),
        BundleItem(kind=bundles.DOCUMENT, device_id=device_id, name="anchor", content=b"x"),
        BundleItem(kind=bundles.DOCUMENT, name="opt-outs", content=b"lies"),
        BundleItem(kind=77, device_id=device_id, content=b"later"),
    )
    (stick / "amos" / f"{LIAR}-000.bundle").write_bytes(lies)
    told = stick_command("import", "--from", stick, "--spool", shop.spool, ends=1)["import"]
    assert told["untaken"] == {"broken": 7}
    log = shop.spool.with_suffix(".log").read_text
    wait_until(lambda: not list((shop.spool / "inbox").iterdir()), log)
    found = shop.report()
    assert (found["waiting"], found["running"]) == (30, True)
    assert shop.players[0].player.last_receipted == 0
    assert "Traceback" not in log()


def test_names_are_fit_for_fat(stick: Path) -> None:
    names = [path.name for path in (stick / "amos").rglob("*")]
    assert names
    for name in names:
        assert NAME.fullmatch(name) and len(name) <= 64
    assert len({name.lower() for name in names}) == len(names)


def test_an_export_again_takes_the_place_of_the_one_before(stick: Path, shop: Shop) -> None:
    before = sorted(path.name for path in (stick / "amos").glob("*.bundle"))
    (stick / "amos" / before[0].replace("-000", "-007")).write_bytes(b"of a larger one before")
    stick_command("export", "--to", stick, "--spool", shop.spool)
    assert sorted(path.name for path in (stick / "amos").glob("*.bundle")) == before


def test_a_stick_that_is_nearly_full_takes_the_oldest(
    tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = stick_export.SPARE_BYTES + stick_export.BUNDLE_ITEM_BYTES_MAX + 5000
    monkeypatch.setattr(StickFolder, "free_bytes", property(lambda _self: room))
    facts = stick_command("export", "--to", tmp_path, "--spool", shop.spool, ends=1)
    told = facts["export"]
    assert told["full"] and 0 < told["segments"] < 30
    assert (
        f"The stick is full: {30 - told['segments']} of 30 recordings are not on it. They need 1 MB more: "
        in facts["words"][1]
    )
    assert 0 < told["missing_bytes"] < 1_000_000


def test_an_error_of_the_stick_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StickFolder(tmp_path, create=True) as stick:
        stick.write("a", lambda file: file.write(b"before") and None)
        for number, kind in ((28, StickFull), (30, StickError), (5, StickError)):

            def fail(_file: object, number: int = number) -> None:
                raise OSError(number, os.strerror(number))

            with pytest.raises(kind):
                stick.write("a", fail)
        assert stick.names() == ["a"]
        assert (tmp_path / "amos" / "a").read_bytes() == b"before"


def test_a_real_file_system_that_is_full_and_then_read_only(tmp_path: Path, shop: Shop) -> None:
    with mount_namespace() as mounts:
        mounts.run("mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(tmp_path))
        command = [*mounts.enter, sys.executable, "-m", "amos_sync.cli", "export", "--to", str(tmp_path)]
        command += ["--spool", str(shop.spool)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, "The stick is full" in done.stdout) == (1, True), done
        assert not [name for name in os.listdir(mounts.path(tmp_path) / "amos") if name.endswith(".new")]
        mounts.run("mount", "-o", "remount,ro", str(tmp_path))
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert "cannot be written; is its switch on read-only?" in done.stderr


@pytest.mark.parametrize("kind", ["a file", "a link"])
@pytest.mark.parametrize("command", ["export", "import"])
def test_something_else_of_the_folders_name_is_named(tmp_path: Path, shop: Shop, kind: str, command: str) -> None:
    if kind == "a file":
        (tmp_path / "amos").touch()
    else:
        os.symlink(tmp_path, tmp_path / "amos")
    way = "--to" if command == "export" else "--from"
    refusal = stick_command(command, way, tmp_path, "--spool", shop.spool, ends=1)["refusal"]
    assert refusal["sentence"] == f"{tmp_path}/amos: expected a folder, found {kind}; rename or delete that"


def test_something_else_of_an_inner_folders_name_is_named(tmp_path: Path) -> None:
    place = tmp_path / "amos" / "packs"
    place.parent.mkdir()
    place.touch()
    with StickFolder(tmp_path, create=True) as stick, pytest.raises(StickError) as found:
        stick.inner("packs", create=True)
    assert str(found.value) == f"{place}: expected a folder, found a file; rename or delete that"


@pytest.mark.parametrize("name", ["read-me.txt", "read-me.txt.new"])
def test_something_else_of_a_files_name_is_named(tmp_path: Path, shop: Shop, name: str) -> None:
    place = tmp_path / "amos" / name
    place.mkdir(parents=True)
    refusal = stick_command("export", "--to", tmp_path, "--spool", shop.spool, ends=1)["refusal"]
    assert refusal["sentence"] == f"{place}: expected a file or a free name, found a folder; rename or delete that"


def test_what_this_user_may_not_read_is_not_called_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "amos").mkdir()

    def denied(*_words: object, **_options: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(stick_folder.os, "open", denied)
    with pytest.raises(StickError, match="opened by this user; mount the stick for this user, or be the one who mount"):
        StickFolder(tmp_path, create=False)


def test_manifests_are_found_behind_any_number_of_blobs(tmp_path: Path) -> None:
    folder = tmp_path / "amos"
    folder.mkdir()
    for number in range(STICK_NAMES_MAX + 100):
        (folder / f"{number:064x}").touch()
    names = [f"{number:032x}.manifest" for number in range(3)]
    for name in names:
        (folder / name).touch()
    with StickFolder(tmp_path, create=False) as stick:
        assert stick.names(MANIFEST_FILE) == names


def test_a_stick_without_a_mark_is_left_alone(tmp_path: Path, shop: Shop) -> None:
    facts = stick_command("carry", tmp_path, "--spool", shop.spool, ends=1)
    assert "not marked for amos" in facts["refusal"]["sentence"]
    assert not list(tmp_path.iterdir())
    assert stick_folder.MARK_NAME == "amos-stick.txt"


def test_several_imports_at_once_beside_who_takes_what_they_leave(tmp_path: Path, shop: Shop) -> None:
    """Sticks in two sockets; the courier, at its quickest, has taken a bundle before the other import looks at it."""
    sticks = [tmp_path / name for name in ("left", "right")]
    for number, stick in enumerate(sticks):
        (stick / "amos").mkdir(parents=True)
        for part in range(8):
            item = BundleItem(kind=bundles.DOCUMENT, name="rotation/1", content=bytes([number, part]) * 2_000)
            (stick / "amos" / f"{LIAR}-{part:03d}.bundle").write_bytes(made_up(item))
    ended = threading.Event()

    def take() -> None:
        while not ended.is_set():
            for path in (shop.spool / "inbox").glob("*.bundle"):
                path.unlink(missing_ok=True)

    def bring(stick: Path) -> int:
        taken = 0
        for _turn in range(12):
            with StickFolder(stick, create=False) as folder:
                taken += len(BundleImport(shop.spool, folder, lambda _done, _all: None).read().taken)
        return taken

    with ThreadPoolExecutor(5) as threads:
        taking = threads.submit(take)
        try:
            brought = [imported.result() for imported in [threads.submit(bring, stick) for stick in sticks * 2]]
        finally:
            ended.set()
        taking.result()
    assert brought == [96] * 4


def test_what_an_import_left_that_was_broken_off_goes_with_the_next(stick: Path, shop: Shop) -> None:
    left = shop.spool / "inbox" / ".0123456789ab.new"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half of it")
    stick_command("import", "--from", stick, "--spool", shop.spool)
    assert not left.exists()

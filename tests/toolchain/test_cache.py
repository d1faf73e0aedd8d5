"""The cache holds whole bundles or nothing, whoever else uses it and whatever fails."""

import subprocess
import threading
from pathlib import Path

import pytest

from amos_tools.toolchain import cache, debian
from amos_tools.toolchain.debian import Bundle, unpacked
from amos_tools.toolchain.errors import ToolMissing

BUNDLE = Bundle("thing", ("thing",), "amd64")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "amos" / "tools"


def leftovers(tools: Path) -> set[str]:
    return {path.name for path in tools.iterdir()} - {"lock"}


def test_folder_is_below_the_users_cache(tools: Path) -> None:
    assert cache.folder() == tools


def test_a_user_without_a_home_gets_a_folder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = cache.folder()
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o077 == 0
    assert cache.folder() == folder


def test_a_temporary_folder_that_others_can_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cache.folder().chmod(0o777)
    with pytest.raises(ToolMissing, match="belongs to someone else"):
        cache.folder()


def test_a_failed_fetch_leaves_nothing(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(bundle: Bundle, workspace: Path, root: Path) -> None:
        (root / "half").touch()
        raise ToolMissing("no network")

    monkeypatch.setattr(debian, "_fetch", fetch)
    with pytest.raises(ToolMissing, match="no network"):
        unpacked(BUNDLE)
    assert not leftovers(tools)


def test_a_bundle_that_fails_its_check_leaves_nothing(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(root: Path) -> None:
        raise ToolMissing("does not start")

    monkeypatch.setattr(debian, "_fetch", lambda bundle, workspace, root: (root / "program").touch())
    with pytest.raises(ToolMissing, match="does not start"):
        unpacked(BUNDLE, check)
    assert not leftovers(tools)


def test_a_full_disk_is_one_sentence(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(bundle: Bundle, workspace: Path, root: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(debian, "_fetch", fetch)
    with pytest.raises(ToolMissing, match=r"thing could not be unpacked into .*No space left"):
        unpacked(BUNDLE)


def test_what_a_crash_left_is_removed_by_the_next_fetch(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = cache.folder() / (cache.PARTIAL + "dead")
    dead.mkdir()
    monkeypatch.setattr(debian, "_fetch", lambda bundle, workspace, root: None)
    root = unpacked(BUNDLE)
    assert leftovers(tools) == {root.name}


def test_two_that_ask_together_fetch_once(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Path] = []
    second_waits = threading.Event()

    def fetch(bundle: Bundle, workspace: Path, root: Path) -> None:
        fetched.append(root)
        second.start()
        second_waits.wait(timeout=60)
        second.join(timeout=0.2)
        assert second.is_alive(), "the second got in while the first was fetching"

    def ask_second() -> None:
        second_waits.set()
        unpacked(BUNDLE)

    second = threading.Thread(target=ask_second)
    monkeypatch.setattr(debian, "_fetch", fetch)
    unpacked(BUNDLE)
    second.join(timeout=60)
    assert not second.is_alive()
    assert len(fetched) == 1


def test_other_contents_are_another_bundle() -> None:
    assert BUNDLE.folder_name() == Bundle("thing", ("thing",), "amd64").folder_name()
    assert BUNDLE.folder_name() != Bundle("thing", ("thing", "libc6"), "amd64").folder_name()
    assert BUNDLE.folder_name() != Bundle("thing", ("thing",), "amd64", only=("usr/bin/thing",)).folder_name()
    assert BUNDLE.folder_name() != Bundle("thing", ("thing",), "amd64", closure=True).folder_name()


def test_of_a_package_only_what_is_wanted_is_unpacked(tmp_path: Path) -> None:
    """Names with wildcards stand for what is beside them, never for what is below another folder."""
    package, root = tmp_path / "thing", tmp_path / "root"
    (package / "DEBIAN").mkdir(parents=True)
    control = "Package: thing\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: a\n"
    (package / "DEBIAN" / "control").write_text(control)
    paths = ("lib/x86/a.o", "lib/x86/big/a.o", "lib/x86/ab/deep/c", "lib/arm/a.o", "bin/run", "bin/running")
    for name in paths:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    (package / "bin/run").chmod(0o755)
    subprocess.run(["dpkg-deb", "-b", package, tmp_path / "thing.deb"], check=True, capture_output=True)
    debian._unpack(tmp_path / "thing.deb", root, ("lib/x*/a*", "bin/run"))
    found = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
    assert found == {name: name for name in ("lib/x86/a.o", "lib/x86/ab/deep/c", "bin/run")}
    assert (root / "bin/run").stat().st_mode & 0o777 == 0o755

"""What `pip install .` installs is whole: boards, units and firmware come with it, from a folder where there is no
project."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from board_standin import PackageIndex, StandInBoard
from patience import wait_until

from amos_ledger.folder import Folder

PROJECT = Path(__file__).resolve().parents[2]
BUILD_TIMEOUT_S = 300

Amos = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it; what it depends on is this environment's, except for amos."""
    folder = tmp_path_factory.mktemp("wheel")

    def pip(*words: str) -> None:
        command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
        subprocess.run(command, check=True, timeout=BUILD_TIMEOUT_S)

    pip("wheel", "--no-deps", f"--wheel-dir={folder}", str(PROJECT))
    (wheel,) = folder.glob("amos-*.whl")
    venv.create(folder / "venv", symlinks=True)
    pip(f"--python={folder / 'venv/bin/python'}", "install", "--no-deps", str(wheel))
    # A path in a .pth file brings the packages below it, but not what their own .pth files name: this project's source.
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "venv"


@pytest.fixture
def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture
def amos(installed: Path, environment: dict[str, str], tmp_path: Path) -> Amos:
    """Runs the installed command in an empty folder."""
    empty = tmp_path / "empty"
    empty.mkdir()

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [str(installed / "bin/amos"), *words]
        return subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, timeout=300)

    return run


def test_it_is_the_wheel_that_is_tested(installed: Path, environment: dict[str, str]) -> None:
    names = "amos, amos_ledger, amos_sync, amos_mqtt, amos_batches, amos_tools as last"
    code = f"import {names}; print(amos.__file__, last.__file__)"
    command = [str(installed / "bin/python"), "-c", code]
    done = subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=True)
    assert all(Path(path).is_relative_to(installed) for path in done.stdout.split())


def test_boards_are_there(amos: Amos) -> None:
    done = amos("boards")
    assert done.returncode == 0 and done.stderr == ""
    for path in (PROJECT / "boards").glob("*.toml"):
        assert path.stem in done.stdout
        assert "audio.rate_hz" in amos("boards", path.stem).stdout


def test_units_and_their_user_are_there_and_the_page_that_they_name(amos: Amos, installed: Path) -> None:
    folder = Path(amos("boards", "--units").stdout.rstrip("\n"))
    assert folder.is_relative_to(installed)
    inside = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert inside == {path.name: path.read_bytes() for path in (PROJECT / "boards/linux").iterdir()}
    named = "file:///opt/amos/"
    pages = [
        line.rpartition(named)[2]
        for content in inside.values()
        for line in content.decode().splitlines()
        if line.startswith("Documentation=")
    ]
    units = [name for name in inside if name.endswith((".service", ".mount"))]
    assert len(pages) == len(units) >= 4 and all((installed / page).is_file() for page in pages)


def test_the_firmware_can_be_written_out_and_is_the_projects(amos: Amos, tmp_path: Path) -> None:
    out = tmp_path / "firmware"
    assert amos("boards", "--firmware", str(out)).returncode == 0
    written = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    listed = {name for name, _source in json.loads(written["package.json"])["urls"]}
    assert set(written) == listed | {"package.json", "manifest.py"}
    assert written == {name: (PROJECT / "firmware" / name).read_bytes() for name in written}

    again = amos("boards", "--firmware", str(out))
    assert again.returncode == 1
    assert again.stderr == f"OutputRefused: {out}: expected an empty folder or none, found other things\n"


@pytest.mark.long
def test_a_board_is_provisioned(
    amos: Amos, board: StandInBoard, operator: Path, ledger: Folder, pack: Path, index: PackageIndex, tmp_path: Path
) -> None:
    words = ["--site=harbour", "--name=bar", "--tier=1", "--board=pico-2-w", "--wait-s=60", f"--index={index.url}"]
    words += [f"--port={board.prompt}", f"--link={board.link}", f"--pack={pack}", f"--operator-key-file={operator}"]
    done = amos("device", "provision", *words, f"--ledger={ledger.path}", f"--records={tmp_path / 'kept'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ledger: enrolled; play counts from here on"


@pytest.fixture
def player(installed: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Starts the installed player as its unit does, once it has settings."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [str(installed / "bin/python"), "-m", "amos", str(tmp_path / "bar")]
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL))
        wait_until(lambda: (tmp_path / "bar.sock").exists() or started[0].poll() is not None, "a link")

    yield start
    for process in started:
        process.terminate()
        process.wait(60)


def test_a_linux_player_is_provisioned_and_plays(
    amos: Amos, player: Callable[[], None], operator: Path, ledger: Folder, pack: Path, tmp_path: Path
) -> None:
    port = f"unix:{tmp_path / 'bar.sock'}"
    words = ["--site=harbour", "--name=bar", "--tier=255", "--board=pi-4", "--setting=out=null", f"--pack={pack}"]
    words += [
        f"--port={port}",
        f"--operator-key-file={operator}",
        f"--ledger={ledger.path}",
        f"--records={tmp_path / 'kept'}",
    ]
    words += [f"--setting=link={port}", f"--directory={tmp_path / 'bar'}", "--setting=board_class=mcu"]
    first = amos("device", "provision", *words, "--wait-s=0")
    assert first.returncode == 3 and first.stdout.startswith("settings: written to "), first.stdout + first.stderr
    player()
    done = amos("device", "provision", *words, "--wait-s=60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ledger: enrolled; play counts from here on"
    assert "playing" in amos("device", "status", port).stdout

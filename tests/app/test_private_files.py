"""What a player keeps is its owner's alone, whatever the umask, on both runtimes, and no link leads its writes away."""

import json
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from other_user import others_read
from test_app import PUBLISHER, pack

from amos import crypto
from amos_tools.device.run import micropython_environment

__all__ = ("pack",)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter: those that pytest makes are closed to others by themselves."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(params=["cpython", "micropython"])
def command(request: pytest.FixtureRequest) -> list[str]:
    return [sys.executable] if request.param == "cpython" else request.getfixturevalue("micropython")


def run_player(command: list[str], folder: Path, umask: int, pack: Path) -> None:
    """A player plays for a minute of its music and leaves."""
    settings: dict[str, object] = {"publisher_key": crypto.public_key(PUBLISHER).hex(), "ledger_key": "00" * 32}
    settings |= {
        "pack": str(pack),
        "linger": "no",
        "out": "null",
        "pace": "free",
        "tier": 255,
        "link": f"pty:{folder}/link",
    }
    (folder / "player.json").write_text(json.dumps(settings | {"minutes": 1}))
    done = subprocess.run(
        [*command, "-m", "amos", str(folder)],
        env=micropython_environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        umask=umask,
    )
    assert "Traceback" not in done.stdout + done.stderr


def kept_by_player(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "player.json"]


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_another_user_reads_nothing_that_a_player_keeps(
    command: list[str], folder: Path, umask: int, pack: Path
) -> None:
    run_player(command, folder, umask, pack)
    files = kept_by_player(folder)
    assert {"device.key", "journal.ring", "time.0", "sessions.jsonl"} <= {path.name for path in files}
    assert others_read(files) == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    folders = [path for path in folder.rglob("*") if path.is_dir()]
    assert folders and {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_the_question_is_answered_by_the_system(folder: Path) -> None:
    (folder / "open").write_bytes(b"1")
    (folder / "open").chmod(0o644)
    assert others_read([folder / "open"]) == [str(folder / "open")]


def test_a_key_that_others_could_read_is_closed_to_them_at_the_next_start(
    command: list[str], folder: Path, pack: Path
) -> None:
    (folder / "device.key").write_bytes(b"d" * 32)
    (folder / "device.key").chmod(0o644)
    run_player(command, folder, 0, pack)
    assert others_read([folder / "device.key"]) == []


@pytest.mark.parametrize("name", ["device.key.new", "time.0", "time.1", "journal.ring.unfinished", "sessions.jsonl"])
def test_a_link_in_place_of_a_file_to_write_leads_nowhere(
    command: list[str], folder: Path, name: str, pack: Path
) -> None:
    player, victim = folder / "player", folder / "victim"
    player.mkdir()
    victim.write_bytes(b"somebody else's")
    (player / name).symlink_to(victim)
    run_player(command, player, 0, pack)
    assert victim.read_bytes() == b"somebody else's"

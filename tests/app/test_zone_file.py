"""/etc/localtime replaced under running players: by a switched link, by rename, by writing over it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mount_namespace import MountNamespace, mount_namespace
from patience import wait_until
from test_app import RATE_HZ, Player
from test_operator_input import SPEAKING, a_pack, inputs_of

from amos.score.inputs import INPUT_CLOCK
from amos_tools.device.call import ask_status
from amos_tools.device.run import micropython_environment

ZONES = Path("/usr/share/zoneinfo")
HOURS = {"Asia/Kolkata": 5.5, "Pacific/Honolulu": -10.0, "Asia/Tokyo": 9.0, "America/Bogota": -5.0, "Asia/Dubai": 4.0}
"""Zones without summer time, and their hours before UTC."""


def by_link(path: Path, zone: str) -> None:
    """As `ln -sf` does: for a moment there is none."""
    path.unlink(missing_ok=True)
    path.symlink_to(ZONES / zone)


def by_renamed_link(path: Path, zone: str) -> None:
    """As `timedatectl set-timezone` does."""
    other = path.with_name("localtime.new")
    other.symlink_to(ZONES / zone)
    other.rename(path)


def by_renamed_file(path: Path, zone: str) -> None:
    other = path.with_name("localtime.new")
    shutil.copyfile(ZONES / zone, other)
    other.rename(path)


def by_writing(path: Path, zone: str) -> None:
    if path.is_symlink():
        path.unlink()
    path.write_bytes((ZONES / zone).read_bytes())


def by_writing_with_its_date(path: Path, zone: str) -> None:
    """As `rsync --inplace --times` does: the same file of the same age."""
    before = path.stat()
    path.write_bytes((ZONES / zone).read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: list[tuple[Callable[[Path, str], None], str]] = [
    (by_link, "Asia/Kolkata"),
    (by_renamed_link, "Pacific/Honolulu"),
    (by_renamed_file, "Asia/Tokyo"),
    (by_writing, "America/Bogota"),
    (by_writing_with_its_date, "Asia/Dubai"),
]


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_pack(tmp_path_factory.mktemp("speaking"), SPEAKING)


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[MountNamespace]:
    """One with an /etc of its own, which is the folder `etc`."""
    etc = tmp_path / "etc"
    etc.mkdir()
    for name in ("passwd", "group", "machine-id", "alternatives", "ld.so.cache", "hostname"):
        if Path("/etc", name).is_file():
            shutil.copy(Path("/etc", name), etc / name)
    by_link(etc / "localtime", "Etc/UTC")
    with mount_namespace() as found:
        found.run("mount", "--bind", str(etc), "/etc")
        yield found


def hours_told(player: Player) -> list[float]:
    """The local time of each clock input in hours before UTC, by this machine's clock."""
    found = []
    for usage in player.segments()[:-1]:
        assert usage.anchor_unix_ms is not None and usage.anchor_ms is not None
        for frame, kind, value in inputs_of(usage):
            if kind == INPUT_CLOCK:
                ms = usage.anchor_unix_ms + usage.start_ms - usage.anchor_ms
                utc_s = ms / 1000 + (frame - usage.first_frame) / RATE_HZ
                found.append(((value - utc_s) % 86400 / 3600 + 12) % 24 - 12)
    return found


@pytest.mark.long
@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
@pytest.mark.parametrize("told", [None, ":/etc/localtime"])
def test_each_change_reaches_the_score(
    namespace: MountNamespace,
    speaking: Path,
    tmp_path: Path,
    runtime: str,
    told: str | None,
    request: pytest.FixtureRequest,
) -> None:
    command = [sys.executable] if runtime == "cpython" else request.getfixturevalue("micropython")
    player = Player(tmp_path / "player", speaking, command)
    line = "unix" if runtime == "cpython" else "pty"
    settings = player.settings | {"pace": "clocked", "link": f"{line}:{player.folder}/link"}
    (player.folder / "player.json").write_text(json.dumps(settings))
    script = Path(__file__).with_name("zone_player.py")
    words = [*namespace.enter, *command, str(script), str(player.folder)]
    environment = {name: value for name, value in micropython_environment().items() if name != "TZ"}
    process = subprocess.Popen(words, env=environment | ({"TZ": told} if told else {}), stdout=subprocess.PIPE)
    port = f"{'unix' if line == 'unix' else 'serial'}:{player.folder}/link"
    try:
        ask_status(port, 60)
        for change, zone in CHANGES:
            frame = ask_status(port).frame
            wait_until(lambda since=frame: ask_status(port).frame > since + RATE_HZ // 2, "play")  # type: ignore[misc]
            change(tmp_path / "etc" / "localtime", zone)
        frame = ask_status(port).frame
        wait_until(lambda: ask_status(port).frame > frame + 2 * RATE_HZ, "play")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    code, out = player.run(minutes=1, pace="free")  # which seals what one that was killed had flushed
    assert code == 0, out
    hours = [round(hour, 1) for hour in hours_told(player)]
    kept = [hour for hour, before in zip(hours, [None, *hours], strict=False) if hour != before]
    zones = [HOURS[zone] for _change, zone in CHANGES]
    assert [hour for hour in kept if hour] == zones

"""The units as systemd itself judges them, in a root of their own with the program they start."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from amos_tools import package_data
from amos_tools.boards import board_names, load_board

UNITS = [
    *("amos-player@.service", "amos-courier.service", "amos-ledger.service", "amos-ledger-watch.service"),
    *("amos-pages.service", "amos-desk.service"),
]
STICK_UNITS = ["amos-stick.service", "run-amosstick.mount"]
EXPOSURE_MAX = 2.0
TARGETS = ["sysinit", "basic", "shutdown", "multi-user", "network-online", "sound", "local-fs"]


def instance(unit: str) -> str:
    return unit.replace("@.", "@bar.")


def setting(unit: str, name: str) -> list[str]:
    return re.findall(rf"(?m)^{name}=(.*)$", (package_data.UNITS / unit).read_text())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed: the units are judged only where systemd is")
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for unit in [*UNITS, *STICK_UNITS]:
        shutil.copy(package_data.UNITS / unit, units)
    for target in TARGETS:
        (units / f"{target}.target").write_text("[Unit]\nDescription=there\nDefaultDependencies=no\n")
    program = tmp_path / "opt/amos/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


def analyze(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = ["systemd-analyze", f"--root={root}", "--no-pager", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("unit", [*UNITS, *STICK_UNITS])
def test_units_are_right(root: Path, unit: str) -> None:
    done = analyze(root, "verify", instance(unit))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_wrong_unit_is_found(root: Path) -> None:
    unit = root / "etc/systemd/system/amos-courier.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in analyze(root, "verify", unit.name).stderr


@pytest.mark.parametrize("unit", [*UNITS, STICK_UNITS[0]])
def test_units_are_hardened(root: Path, unit: str) -> None:
    done = analyze(root, "security", "--offline=true", instance(unit))
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert exposure is not None, done.stdout + done.stderr
    assert float(exposure[1]) <= EXPOSURE_MAX


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_watched_restarted_and_write_only_their_own_folders(unit: str) -> None:
    assert setting(unit, "Type") == ["notify"] and setting(unit, "Restart") == ["always"]
    assert 0 < int(setting(unit, "WatchdogSec")[0]) <= 60
    assert setting(unit, "ProtectSystem") == ["strict"] and setting(unit, "StateDirectory")
    assert setting(unit, "ReadWritePaths") == (["-%S/amos-desk/orders"] if unit == "amos-pages.service" else [])


def test_who_signs_is_another_user_than_who_answers_browsers() -> None:
    pages, desk = "amos-pages.service", "amos-desk.service"
    assert setting(pages, "User") == ["amos"] and setting(desk, "User") == setting(desk, "Group") == ["amos-desk"]
    assert setting(pages, "SupplementaryGroups") == ["amos-desk"] and desk in setting(pages, "After")[0]
    assert setting(desk, "StateDirectoryMode") == ["0750"] and not setting(desk, "RestrictSUIDSGID")
    (command,) = setting(desk, "ExecStart")
    assert command.split()[1:] == ["-m", "amos_tools", "fleet", "serve", "%S/amos-desk", "$AMOS_DESK"]
    users = (package_data.UNITS / "amos.sysusers").read_text()
    assert {line.split()[1] for line in users.splitlines() if line[0] == "u"} == {"amos", "amos-desk"}


def test_a_stick_is_mounted_for_whoever_exchanges_with_it_and_no_longer() -> None:
    service, mount = STICK_UNITS
    (where,) = setting(mount, "Where")
    assert mount == where[1:].replace("/", "-") + ".mount" and setting(mount, "StopWhenUnneeded") == ["yes"]
    assert setting(service, "Requires") == [mount] and mount in setting(service, "After")[0]
    assert setting(service, "ReadWritePaths") == [where]
    (command,) = setting(service, "ExecStart")
    assert command.split()[1:] == ["-m", "amos_sync.cli", "carry", where, "--spool", "%S/amos-courier"]
    assert setting(service, "User") == ["amos"] == setting(UNITS[1], "User")
    assert {"nosuid", "nodev", "noexec", "uid=amos"} <= set(setting(mount, "Options")[0].split(","))


def test_a_stick_of_that_label_starts_the_exchange() -> None:
    rule = (package_data.UNITS / "90-amos-stick.rules").read_text().splitlines()[-1]
    label = setting(STICK_UNITS[1], "What")[0].removeprefix("/dev/disk/by-label/")
    assert f'ENV{{ID_FS_LABEL}}=="{label}"' in rule
    assert f'ENV{{SYSTEMD_WANTS}}+="{STICK_UNITS[0]}"' in rule and 'TAG+="systemd"' in rule
    # Each part is a comparison or an assignment as udev(7) has them.
    assert all(re.fullmatch(r'[A-Z]+(\{\w+\})?(==|\+=|=)"[\w.-]+"', part) for part in rule.split(", "))


def test_player_and_boards_agree_on_the_socket() -> None:
    command = setting(UNITS[0], "ExecStart")[0].replace("%t", "/run").replace("%i", "bar")
    for board in map(load_board, board_names()):
        if board["runtime"] == "linux":
            assert f"link={board.player_settings('bar')['link']}" in command

"""Setting a Linux player up on this machine: its directory, and its systemd unit where there is one."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from amos.config import CONFIG_BYTES_MAX
from amos.edges.key_files import KEY, KeyFault
from amos.edges.key_store import key_id_in
from amos.identity import key_id_of
from amos.key_rotation import read_history
from amos_tools.device.call import DeviceError
from amos_tools.device.prepare import prepare
from amos_tools.device.settings import Settings, read_settings

UNIT_STATE = Path("/var/lib/amos")
"""Where `amos-player@NAME` has its directory (boards/linux)."""

SYSTEMCTL_S = 120


def settings_of(directory: Path) -> Settings | None:
    """What the player of this directory has; None before it has any. Raises `ConfigError`, OSError."""
    path = directory / "player.json"
    try:
        with path.open("rb") as file:
            return read_settings(str(path), file.read(CONFIG_BYTES_MAX + 1))
    except FileNotFoundError:
        return None


def write_settings(directory: Path, settings: Settings) -> list[str] | None:
    """The names of settings that changed, none when all were so; None when there were no settings before.

    Raises `ConfigError`, OSError.
    """
    before = settings_of(directory)
    if before == settings:
        return []
    prepare(directory, settings)
    if before is None:
        return None
    return sorted(name for name in before.keys() | settings.keys() if before.get(name) != settings.get(name))


def device_in(directory: Path) -> bytes | None:
    """The device whose key is in the directory, as far as its files say; None where it has none yet or they say
    nothing."""
    try:
        history = read_history(str(directory))
        return history.device_id if history is not None else key_id_in(f"{directory}{KEY}", key_id_of)
    except (KeyFault, OSError):
        return None


def unit_of(directory: Path) -> str | None:
    """The unit that runs the player of this directory, where this machine has systemd and the directory is a unit's."""
    if directory.resolve().parent != UNIT_STATE.resolve() or shutil.which("systemctl") is None:
        return None
    return f"amos-player@{directory.name}.service"


def check_unit(unit: str) -> None:
    """Raise `DeviceError` where systemd here does not know the unit, so that a player set up for it would never run."""
    done = _systemctl("cat", unit)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise DeviceError(
            f"{unit}: expected amos's units installed here ({reason}); the steps are in boards/README.md,"
            ' "Linux: install". Or give another --directory, and start its player yourself'
        )


def run_unit(unit: str, changed: bool, say: Callable[[str], None]) -> None:
    """Have the unit run, and with each start of the machine; anew when settings changed. Raises `DeviceError`."""
    enabled, active = (
        _systemctl(question, "--quiet", unit).returncode == 0 for question in ("is-enabled", "is-active")
    )
    if enabled and active and not changed:
        say(f"service: {unit} runs, as it did")
        return
    for words in (("enable", unit), ("restart" if changed else "start", unit)):
        done = _systemctl(*words)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
            raise DeviceError(f"systemctl {' '.join(words)}: {reason}")
    say(f"service: {unit} enabled and started")


def _systemctl(*words: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=SYSTEMCTL_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"systemctl {words[0]}: {error}") from None

"""A MicroPython board's files, put there through its prompt: firmware, libraries, wiring, settings, pack.

Each file is compared by its SHA-256 and copied only when it differs, so an interrupted run is completed by the next.
The board is restarted at the end, since its prompt could only be had by interrupting what played.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from amos import __version__
from amos.config import CONFIG_BYTES_MAX, Config
from amos_tools.boards import Board
from amos_tools.device.call import DeviceError
from amos_tools.device.prompt import Prompt, PromptError, open_prompt
from amos_tools.device.settings import Settings, Wanted, read_settings
from amos_tools.firmware_build import BuildError, build_firmware
from amos_tools.firmware_files import LIBRARIES

Say = Callable[[str], None]

MIP_INDEX = "https://micropython.org/pi/v2"
VERSION_MIN = (1, 25)

MOUNT = """
import json, os
with open('/board.json') as file:
 board = json.load(file)
if board['card'].strip('/') not in os.listdir('/'):
 from amos.edges.sd_card import mount
 mount(board['card'], board['spi'])
"""
KEY = """
from amos.device_key import load_key
from amos.identity import key_id_of
from amos.edges.hardware import hardware_ids
from amos.edges.key_files import KeyFault
try:
 seed, history, bound = load_key({player!r}, hardware_ids())
 print(repr(((key_id_of(seed) if history is None else history.device_id).hex(), bound)))
except KeyFault as error:
 print(repr(('', str(error))))
"""
LINK_WAIT_S = 30.0
TURN_S = 0.2


def flash(
    port: str,
    board: Board,
    wanted: Wanted,
    pack: Path | None,
    say: Say,
    *,
    link: str | None,
    index: str | None,
) -> tuple[str, bytes, Settings]:
    """Put there what differs, have the key made, restart the board; (the address of its link, the device's id, its
    settings).

    Raises `DeviceError`, `ConfigError`, OSError.
    """
    with open_prompt(port) as prompt:
        _check(port, prompt, board)
        if not _is_frozen(port, prompt, say):
            _firmware(prompt, board, say)
            _libraries(prompt, index or MIP_INDEX, say)
        wiring = board.wiring()
        assert wiring is not None
        _texts(prompt, {"/board.json": wiring}, "wiring", say)
        prompt.run(MOUNT)
        settings = _settings(prompt, f"{wiring['player']}/player.json", wanted, say)
        device_id = _key(port, prompt, str(wiring["player"]), say)
        if pack is not None:
            _pack(prompt, pack, str(settings["pack"]), say)
        prompt.restart()
    say("board: restarted")
    return link or _link_beside(port), device_id, settings


def _check(port: str, prompt: Prompt, board: Board) -> None:
    """Refuse what is no such board before anything is written to it."""
    implementation, version, machine = prompt.facts()
    if implementation != "micropython" or version < VERSION_MIN:
        found = f"{implementation} {'.'.join(map(str, version))}"
        raise PromptError(f"{port}: expected MicroPython {'.'.join(map(str, VERSION_MIN))} or later, found {found}")
    if board["machine"] not in machine:
        raise PromptError(f"{port}: expected a {board['machine']} for {board.name}, found a {machine}")


def _is_frozen(port: str, prompt: Prompt, say: Say) -> bool:
    """Whether the board's MicroPython has this version of the firmware and its libraries frozen into it. Files of an
    unfrozen one, which would be found before it, are taken away."""
    version = prompt.frozen_version()
    if version is None:
        return False
    if version != __version__:
        raise PromptError(
            f"{port}: expected amos {__version__} frozen into the board's MicroPython, found {version}; build that anew"
            " with firmware/manifest.py, or install MicroPython's own"
        )
    hiding = prompt.files_below("/amos")
    if hiding:
        prompt.remove(hiding)
    say(f"firmware: frozen into the board, amos {version}" + (f"; {len(hiding)} files removed" if hiding else ""))
    return True


def _firmware(prompt: Prompt, board: Board, say: Say) -> None:
    files = _compiled(board["mpy_architecture"])
    differing = _differing(prompt, files)
    for name in differing:
        prompt.write(name, files[name])
    stale = [name for name in prompt.files_below("/amos") if name not in files]
    if stale:
        prompt.remove(stale)
    if differing or stale:
        say(f"firmware: {len(differing)} of {len(files)} files copied, {len(stale)} others removed")
    else:
        say(f"firmware: {len(files)} files, as they were")


def _compiled(architecture: str) -> dict[str, bytes]:
    """Name on the board -> bytes, of every file of the firmware."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            built = build_firmware(Path(folder), architecture)
        except BuildError as error:
            raise DeviceError(str(error)) from None
        paths = sorted(path for path in built.rglob("*") if path.is_file())
        return {f"/{path.relative_to(built).as_posix()}": path.read_bytes() for path in paths}


def _libraries(prompt: Prompt, index: str, say: Say) -> None:
    homes = {"sdcard": "/lib/sdcard", "usb-device-cdc": "/lib/usb/device/cdc"}
    assert set(homes) == set(LIBRARIES)
    there = prompt.hashes([home + end for home in homes.values() for end in (".mpy", ".py")])
    missing = [name for name, home in homes.items() if not (there[home + ".mpy"] or there[home + ".py"])]
    for name in missing:
        prompt.install(name, index)
    say(f"libraries: installed {', '.join(missing)}" if missing else "libraries: as they were")


def _texts(prompt: Prompt, contents: dict[str, dict[str, object]], what: str, say: Say) -> None:
    files = {name: (json.dumps(content, indent=2) + "\n").encode() for name, content in contents.items()}
    differing = _differing(prompt, files)
    for name in differing:
        prompt.write(name, files[name])
    say(f"{what}: written to {', '.join(differing)}" if differing else f"{what}: as they were")


def _settings(prompt: Prompt, path: str, wanted: Wanted, say: Say) -> Settings:
    """What the player there has, with what is wanted; its own settings are checked as the player checks them."""
    settings = wanted.over(read_settings(path, prompt.read(path, CONFIG_BYTES_MAX + 1)))
    Config(path, settings)
    _texts(prompt, {path: settings}, "settings", say)
    return settings


def _key(port: str, prompt: Prompt, player: str, say: Say) -> bytes:
    """Have the board make its key, or find it; only the device's id leaves the board."""
    ((device_id, said),) = prompt.run(KEY.format(player=player))
    if not device_id:
        raise PromptError(f"{port}: the board's key is refused: {said}")
    say(said)
    return bytes.fromhex(device_id)


def _pack(prompt: Prompt, pack: Path, target: str, say: Say) -> None:
    """Blobs first, then the manifest that names them: a pack that is not whole yet is none."""
    blobs = sorted((pack / "blobs").iterdir())
    paths = [*blobs, pack / "manifest.cose"]
    files = {f"{target}/{path.relative_to(pack).as_posix()}": path for path in paths}
    there = prompt.hashes(list(files))
    differing = [name for name, path in files.items() if there[name] != _sha256(path)]
    for number, name in enumerate(differing, 1):
        path = files[name]
        say(f"pack: copying {number} of {len(differing)}, {path.stat().st_size} bytes")
        prompt.write(name, path.read_bytes())
    say(f"pack: {len(files)} files, " + (f"{len(differing)} copied" if differing else "as they were"))


def _differing(prompt: Prompt, files: dict[str, bytes]) -> list[str]:
    there = prompt.hashes(list(files))
    return [name for name, data in files.items() if there[name] != hashlib.sha256(data).hexdigest()]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link_beside(port: str) -> str:
    """The second serial channel of the USB device whose first is `port`. Raises `DeviceError`."""
    from serial.tools.list_ports import comports

    prompt = str(Path(port.partition(":")[2]).resolve())
    end_s = time.monotonic() + LINK_WAIT_S
    while time.monotonic() < end_s:
        known = {str(found.device): found for found in comports()}
        mine = known.get(prompt)
        if mine is not None and mine.serial_number:
            beside = [name for name, found in known.items() if found.serial_number == mine.serial_number]
            others = sorted(name for name in beside if name != prompt)
            if others:
                return f"serial:{others[0]}"
        time.sleep(TURN_S)
    raise DeviceError(f"{port}: expected a second serial channel of the same board, found none in {LINK_WAIT_S:g} s")

"""A device from nothing to play that counts, in steps of which each may have been done before.

settings → player runs → key proven by a nonce → enrolment signed and kept → ledger. Whatever an interrupted run did is
found by the next one, which goes on; a run that finds everything done changes nothing. The key is made by the device
itself, when it first runs, and never leaves it.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from amos.config import Config
from amos.protocol.link_courier_proof import Proof
from amos_tools.boards import Board
from amos_tools.device import linux_player
from amos_tools.device.call import DeviceError, UnreachableError, ask_identity
from amos_tools.device.enrolling import Ledger, Say, enrol
from amos_tools.device.flash import flash
from amos_tools.device.place import Place, check, check_kind
from amos_tools.device.prepare import check_fit
from amos_tools.device.records import Record, Records
from amos_tools.device.settings import Settings, Wanted, silence_in


@dataclass(frozen=True)
class Device:
    """What the device gets. `port` is the player's link on Linux, the prompt of a MicroPython board.

    `directory` is the player's, on Linux; `link` the board's second serial channel, found by itself when None.
    """

    port: str
    board: Board | None
    pack: Path | None
    wanted: Wanted
    directory: Path
    link: str | None = None
    index: str | None = None


def provision(
    device: Device, place: Place, operator_seed: bytes, records: Records, ledger: Ledger, wait_s: float, say: Say
) -> Record:
    """All the steps; the enrolment in force. Each step is said.

    Raises `DeviceError`, `PlaceError`, `RecordError`, `DeliveryError`, `LedgerError`, `PackDoesNotFit`, `ConfigError`
    and OSError.
    """
    kind = "micropython" if device.board is not None and device.board["runtime"] == "micropython" else "linux"
    expected = {"micropython": "serial:", "linux": "unix:"}[kind]
    if not device.port.startswith(expected):
        raise DeviceError(f"port: expected {expected}PATH for a {kind} player, found {device.port}")
    if device.board is not None and device.pack is not None:
        check_fit(device.board, device.pack, str(device.wanted.named["publisher_key"]))
    _check_before(device, place, records, ledger, kind)
    link, expected_id, settings = _flashed(device, say) if kind == "micropython" else _set_up(device, say)
    identity = ask_identity(link, wait_s)
    # Made by the player of the directory when it first ran, so it may be there only by now.
    _check(link, settings, identity, expected_id or linux_player.device_in(device.directory))
    if place.tier is None:
        place = replace(place, tier=Config(str(device.directory), settings).tier)
    say(f"device: {identity.device_id.hex()} holds its key; it signed our nonce")
    return enrol(place, identity, operator_seed, records, ledger, wait_s, say)


def _check_before(device: Device, place: Place, records: Records, ledger: Ledger, kind: str) -> None:
    """Refuse, before anything is written, what is wrong as far as it can be known by then: a board's key only shows
    when its prompt has been opened."""
    holder = _holder(place, records, ledger)
    if holder is not None and place.predecessor is None:
        check_kind(place, holder.enrolment)
    if kind != "linux":
        if "tier" in device.wanted.named:  # else what the board has decides
            Config(str(device.directory), device.wanted.over(None))
        return
    Config(str(device.directory), device.wanted.over(linux_player.settings_of(device.directory)))
    kept_id = linux_player.device_in(device.directory)
    try:
        found_id: bytes | None = ask_identity(device.port).device_id
    except UnreachableError:
        found_id = kept_id  # it is started later, with its settings
    if None not in (kept_id, found_id) and kept_id != found_id:
        raise _wrong_device(device.port, kept_id, found_id)
    unit = linux_player.unit_of(device.directory)
    if unit is not None:
        linux_player.check_unit(unit)
    if found_id is not None:
        check(place.settled_by(holder, found_id), holder, found_id, records.places_of(found_id))


def _holder(place: Place, records: Records, ledger: Ledger) -> Record | None:
    """The enrolment of the device at the place, by the ledger where it is on this machine."""
    kept = records.find(place.site, place.name)
    in_ledger = records.in_ledger(ledger.folder, place.site, place.name) if ledger.folder is not None else None
    return in_ledger or kept


def _wrong_device(link: str, expected_id: bytes | None, found_id: bytes | None) -> DeviceError:
    assert expected_id is not None and found_id is not None
    return DeviceError(f"{link}: expected device {expected_id.hex()}, found {found_id.hex()}; wrong port?")


def _set_up(device: Device, say: Say) -> tuple[str, None, Settings]:
    settings = device.wanted.over(linux_player.settings_of(device.directory))
    changed = linux_player.write_settings(device.directory, settings)
    if changed is None:
        say(f"settings: written to {device.directory}")
    else:
        say(f"settings: changed in {', '.join(changed)}" if changed else "settings: as they were")
    _say_silence(settings, say)
    unit = linux_player.unit_of(device.directory)
    if unit is not None:
        linux_player.run_unit(unit, bool(changed), say)
    elif changed:
        say(f"player: restart it for the settings to count: amos player {device.directory}")
    elif changed is None:
        say(f"player: start it: amos player {device.directory}")
    return device.port, None, settings


def _flashed(device: Device, say: Say) -> tuple[str, bytes, Settings]:
    assert device.board is not None
    flashed = flash(device.port, device.board, device.wanted, device.pack, say, link=device.link, index=device.index)
    _say_silence(flashed[2], say)
    return flashed


def _say_silence(settings: Settings, say: Say) -> None:
    silence = silence_in(settings)
    if silence:
        say(silence)


def _check(link: str, settings: Settings, identity: Proof, expected_id: bytes | None) -> None:
    """Refuse what answers when it is not what has been set up: the wrong port."""
    expected, found = settings.get("board", "linux"), identity.response.board
    if found != expected:
        raise DeviceError(f"{link}: expected a player on {expected}, found one on {found}")
    if expected_id not in (None, identity.device_id):
        raise _wrong_device(link, expected_id, identity.device_id)

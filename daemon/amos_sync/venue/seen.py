"""What the courier's loop knows of its players at one moment, as facts that any thread may read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from amos.protocol.link import OUTPUTS, STATES, Status
from amos.protocol.link_name import Name
from amos.protocol.printable_host import printable
from amos.staff import ACTS
from amos_inputs.words import VOLUME_DB_MIN, volume_db, volume_q15
from amos_sync.courier import Courier
from amos_sync.device import Device

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Slider:
    """A slider with its bounds and its value, in its own units; and those in Q15, as inputs are reckoned."""

    name: str
    lo_q15: int
    hi_q15: int
    value_q15: int | None


@dataclass(frozen=True)
class SeenPlayer:
    """One player. `unsynced_minutes` are not receipted; `sounds` is None where it does not tell what does.

    `stems` are places in the pack; `acts` what may be done; `wrong` sentences that say what to do. `is_new`: no
    ledger has receipted anything of it yet; `called`: as what it was paired here.
    """

    address: str
    device_id: str | None = None
    state: str = "away"
    text: str | None = None
    pack: bytes = b""
    tells: bool = False
    section: str | None = None
    stems: tuple[int, ...] = ()
    volume_db: int | None = None
    volume_db_range: tuple[int, int] = (-60, 0)
    sliders: tuple[Slider, ...] = ()
    announcements: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    output: str = "none"
    last_receipted: int = 0
    waiting_segments: int = 0
    unsynced_minutes: int = 0
    lease_days: int | None = None
    paused_until_s: int | None = None
    receipted_unix_s: int | None = None
    is_new: bool = False
    called: str | None = None
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """All of them, and what is wrong with the courier itself."""

    site: str
    players: tuple[SeenPlayer, ...] = ()
    wrong: tuple[str, ...] = ()
    broker_connected: bool = False
    packs: Mapping[bytes, Any] = field(default_factory=dict, compare=False)


def seen(courier: Courier, paused: Mapping[str, int], receipted: Mapping[str, int], called: Mapping[str, str]) -> Seen:
    """`paused` and `receipted` are until when, and when last, in Unix seconds by device id; `called` are names."""
    faults = [*courier.mqtt.faults, *courier.notes.faults.present()]
    addresses = {device.address for device in courier.devices}
    packs = {}
    players = []
    for device in courier.devices:
        wrong = [printable(fault.sentence) for fault in faults if fault.subject == device.address]
        players.append(_player(device, wrong, paused, receipted, called))
        status = None if device.session is None else device.session.status
        cached = None if status is None else courier.players.pack(device.session)  # type: ignore[arg-type]
        if status is not None and cached is not None and cached.pack.pack_id == status.pack:
            packs[status.pack] = cached
    others = tuple(printable(fault.sentence) for fault in faults if fault.subject not in addresses)
    return Seen(courier.settings.site, tuple(players), others, courier.mqtt.up, packs)


def _player(
    device: Device,
    wrong: list[str],
    paused: Mapping[str, int],
    receipted: Mapping[str, int],
    called: Mapping[str, str],
) -> SeenPlayer:
    session = device.session
    status = None if session is None else session.status
    if session is None or status is None:
        return SeenPlayer(device.address, wrong=tuple(wrong))
    device_id = status.device_id.hex()
    if status.text is not None:
        wrong = [printable(status.text), *wrong]
    facts: dict[str, Any] = {
        "device_id": device_id,
        "state": STATES[status.state],
        "text": None if status.text is None else printable(status.text),
        "pack": status.pack,
        "output": OUTPUTS[status.output],
        "last_receipted": status.last_receipted,
        "waiting_segments": max(status.next_sequence - 1 - status.last_receipted, 0),
        "unsynced_minutes": status.unsynced_ms // MINUTE_MS,
        "lease_days": None if status.lease_seconds_left is None else status.lease_seconds_left // 86_400,
        "paused_until_s": paused.get(device_id),
        "receipted_unix_s": receipted.get(device_id),
        "is_new": not status.last_receipted,
        "called": called.get(device_id),
        "wrong": tuple(wrong),
    }
    return SeenPlayer(device.address, **facts, **_sounding(device, status))


def _sounding(device: Device, status: Status) -> dict[str, Any]:
    watched = None if device.session is None else device.session.watched
    told = None if watched is None else watched.sounding
    if watched is None or told is None:
        return {"acts": ACTS if watched is not None and watched.is_older else ()}
    values = list(told.sliders) if len(told.sliders) == len(watched.sliders) else [None] * len(watched.sliders)
    return {
        "tells": True,
        "section": printable(told.section),
        "stems": tuple(told.stems),
        "volume_db": volume_db(max(told.volume_q15, 1)),
        "volume_db_range": _range_db(told.volume_min or 0, 100 if told.volume_max is None else told.volume_max),
        "sliders": tuple(_slider(name, value) for name, value in zip(watched.sliders, values, strict=True)),
        "announcements": tuple(name.name for name in watched.announcements),
        "acts": ACTS if told.acts is None else tuple(act for bit, act in enumerate(ACTS) if told.acts >> bit & 1),
    }


@cache
def _range_db(least: int, most: int) -> tuple[int, int]:
    """The whole dB between which a volume lies that is between so many percent."""
    within = [db for db in range(VOLUME_DB_MIN, 1) if least * 32768 <= volume_q15(db) * 100 <= most * 32768]
    return (within[0], within[-1]) if within else (VOLUME_DB_MIN, VOLUME_DB_MIN)


def _slider(name: Name, value: int | None) -> Slider:
    return Slider(name.name, name.lo_q15 or 0, 32768 if name.hi_q15 is None else name.hi_q15, value)

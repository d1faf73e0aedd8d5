"""A roll-out and how far it is: what its file keeps. Nothing here does I/O.

The clock of the wall is in none of it: times are lengths of time in which the runner listened, so that a clock that
jumps, a runner that is killed and a broker that is away make a ring wait longer and never shorter.
"""

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from amos.protocol.limits import DIRECTIVE_BYTES_MAX
from amos.protocol.record import U63
from amos_tools.fleet.rollout.plain import Field, PlainError, values_of

VERSION = 1
RINGS_MAX = 32
PLAYERS_MAX = 100_000
TEXT_LETTERS_MAX = 256
WHY_LETTERS_MAX = 2000
SECONDS_MAX = 366 * 86_400

_ID, _SHA256 = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{64}")
_SITE = re.compile("[a-z0-9_-]{1,64}")
_DATA = re.compile(f"(?:[0-9a-f]{{2}}){{0,{DIRECTIVE_BYTES_MAX}}}")


class Phase(StrEnum):
    """Where the whole roll-out is."""

    ROLLING = "rolling"
    STOPPED = "stopped"
    DONE = "done"
    RETURNING = "returning"
    RETURNED = "returned"


class Health(StrEnum):
    """How one player bears the pack."""

    NOT_SENT = "not sent"
    ABSENT = "absent"
    """Not heard of since it was directed: the directive waits for it, and it counts for nothing."""
    AWAY = "away"
    """It was there, and is not heard of at the moment, for less than `vanish_after_s`."""
    TAKING = "taking"
    PLAYS = "plays"
    FALTERS = "falters"
    """It has the pack and plays nothing, for less than `silent_for_s`: that is no soak, and no silence yet."""
    REFUSES = "refuses"
    SILENT = "silent"
    VANISHED = "vanished"
    ELSEWHERE = "elsewhere"
    """The operator directed it to another pack meanwhile: it counts for nothing."""
    FORGIVEN = "forgiven"
    """The operator went on although it refused, fell silent or vanished: it counts for nothing."""


@dataclass(frozen=True)
class Limits:
    """When a ring is passed, and what stops the roll-out. Shares are of those of the ring that were heard of.

    soak_s             so long at least `enough_percent` are heard to play the pack before the next ring begins
    take_s             a player that is there and does not play the pack after so long counts as refusing it
    silent_for_s       a player that plays nothing, zeros, or slower than `real_time_percent` for so long is silent
    vanish_after_s     a player that was there and is not heard of for so long has vanished
    refuse_percent     at least one player and at least this share that refuse stop the roll-out; so for the others
    """

    soak_s: int = 3600
    take_s: int = 3600
    silent_for_s: int = 300
    vanish_after_s: int = 1800
    refuse_percent: int = 10
    silent_percent: int = 10
    vanish_percent: int = 10
    enough_percent: int = 90
    real_time_percent: int = 90


@dataclass
class Device:
    """One player of a ring.

    pack            which the directive sent last names; None: none was sent
    serial, data    of that directive, and its signed bytes, which are sent again as they are
    met             it was there at some time since the directive
    waited_ms       how long it was there and did not play that pack
    refusal_before  what it refused before the directive came, which says nothing of this one
    """

    site: str
    device_id: str
    pack: str | None = None
    serial: int = 0
    data: str = ""
    met: bool = False
    waited_ms: int = 0
    refusal_before: str | None = None
    forgiven: bool = False
    health: Health = Health.NOT_SENT
    reason: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """By which it is known."""
        return self.site, self.device_id

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.site}/{self.device_id[:8]}"


@dataclass
class Ring:
    """Players that get the pack at the same time, and how long at least enough of them played it."""

    name: str
    limits: Limits
    devices: list[Device]
    soaked_ms: int = 0


@dataclass(frozen=True)
class Pack:
    """Which pack, where couriers find it, and a hash of what it plays, whatever its serial."""

    pack_id: str
    serial: int
    plays: str
    place: str | None = None


@dataclass
class Rollout:
    """`ring`: the one that is on, counted from 0; those before are passed. `why`: it stopped, for people."""

    pack: Pack
    rings: list[Ring]
    back: Pack | None = None
    phase: Phase = Phase.ROLLING
    ring: int = 0
    why: str | None = None

    @property
    def target(self) -> Pack:
        """The pack that players are to have: the one from before once it goes back."""
        return self.back if self.back is not None else self.pack

    @property
    def under_way(self) -> bool:
        """Whether it goes on by itself."""
        return self.phase in (Phase.ROLLING, Phase.RETURNING)

    @property
    def begun(self) -> list[Ring]:
        """Every ring that the pack was sent to, in their order."""
        return self.rings[: self.ring + 1]


LIMITS = {name: Field(int, 1, SECONDS_MAX if name.endswith("_s") else 100) for name in Limits.__dataclass_fields__}
_COUNT = Field(int, 0, U63)
_TEXT, _MAYBE_TEXT = Field(str, 0, TEXT_LETTERS_MAX), Field(str, 0, TEXT_LETTERS_MAX, none=True)
_DEVICE = {
    "site": Field(str, form=_SITE),
    "device_id": Field(str, form=_ID),
    "pack": Field(str, form=_SHA256, none=True),
    "serial": _COUNT,
    "data": Field(str, form=_DATA),
    "met": Field(bool),
    "waited_ms": _COUNT,
    "refusal_before": _MAYBE_TEXT,
    "forgiven": Field(bool),
    "health": Field(str, among=tuple(Health)),
    "reason": _MAYBE_TEXT,
}
_RING = {"name": _TEXT, "limits": Field(dict), "devices": Field(list, 1, PLAYERS_MAX), "soaked_ms": _COUNT}
_PACK = {
    "pack_id": Field(str, form=_SHA256),
    "serial": _COUNT,
    "plays": Field(str, form=_SHA256),
    "place": _MAYBE_TEXT,
}
_ROLLOUT = {
    "version": Field(int, VERSION, VERSION),
    "pack": Field(dict),
    "rings": Field(list, 1, RINGS_MAX),
    "back": Field(dict, none=True),
    "phase": Field(str, among=tuple(Phase)),
    "ring": _COUNT,
    "why": Field(str, 0, WHY_LETTERS_MAX, none=True),
}


def facts_of(rollout: Rollout) -> dict[str, Any]:
    """As its file has it."""
    return {"version": VERSION} | asdict(rollout)


def rollout_of(facts: Any) -> Rollout:
    """The other way round. Raises `PlainError`."""
    values = values_of("roll-out", _ROLLOUT, facts)
    del values["version"]
    values["pack"] = Pack(**values_of("pack", _PACK, values["pack"]))
    if values["back"] is not None:
        values["back"] = Pack(**values_of("back", _PACK, values["back"]))
    values["phase"] = Phase(values["phase"])
    values["rings"] = [_ring(ring) for ring in values["rings"]]
    rollout = Rollout(**values)
    devices = [device.device_id for ring in rollout.rings for device in ring.devices]
    if rollout.ring >= len(rollout.rings) or len(set(devices)) != len(devices):
        raise PlainError("expected a ring that there is, and each player in one ring")
    return rollout


def _ring(facts: Any) -> Ring:
    values = values_of("ring", _RING, facts)
    values["limits"] = Limits(**values_of("limits", LIMITS, values["limits"]))
    values["devices"] = [_device(device) for device in values["devices"]]
    return Ring(**values)


def _device(facts: Any) -> Device:
    values = values_of("device", _DEVICE, facts)
    return Device(**values | {"health": Health(values["health"])})

"""What an operator wants of one player, signed by the operator's key and retained at the broker (SPEC section 18).

A directive says how things are to be, not what to do: the one with the highest serial holds, whichever came before it,
however often and in whatever order. What is done once, a restart or a seal, carries the serial of the directive that
asked for it.
"""

from amos.compat import const
from amos.protocol.cose import TYP_DIRECTIVE, open_typed
from amos.protocol.limits import DIRECTIVE_BYTES_MAX, SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U8, U63, UNIX_S_MAX, Record

VERSION = 1
WEEKDAYS_VERSION = 2
"""Of a directive whose hours name weekdays: players that know version 1 alone go on taking all others."""

_UNITY = const(32768)
_DAY_MINUTES = const(1440)
_SLIDERS_MAX = const(16)
"""As many as are told in one answer of the link."""
_HOURS_MAX = const(8)
_WEEKDAYS_MAX = const(126)
"""All but all seven, which is said by naming none."""

_PLACE_BYTES_MAX = const(256)


class Position(Record):
    """Where a slider is to stand, between its bounds."""

    NAME = "position"
    FIELDS = ((1, "name", "text", SMALL_TEXT_BYTES_MAX), (2, "position_q15", "uint", _UNITY))

    name: str
    position_q15: int


class Hours(Record):
    """A part of days in the player's own zone, from a minute until another; past midnight where that is not higher.

    weekdays   those on which it begins, Monday's bit the lowest; None: each day, and then the minutes differ
    """

    NAME = "hours"
    FIELDS = (
        (1, "from_minute", "uint", _DAY_MINUTES - 1),
        (2, "until_minute", "uint", _DAY_MINUTES - 1),
        (3, "weekdays", "uint?", _WEEKDAYS_MAX),
    )

    from_minute: int
    until_minute: int
    weekdays: "int | None"

    def fault(self) -> "str | None":
        if self.weekdays == 0:
            return "weekdays: expected 1 to %d, found 0" % _WEEKDAYS_MAX
        if self.weekdays is None and self.from_minute == self.until_minute:
            return "until_minute: expected another than from_minute, found the same"
        return None

    def holds(self, week_minute: int) -> bool:
        """Whether this minute of the week, counted from Monday's midnight, is in it."""
        day, minute = week_minute // _DAY_MINUTES, week_minute % _DAY_MINUTES
        if self.from_minute < self.until_minute:
            return self.from_minute <= minute < self.until_minute and self._begins_on(day)
        if minute >= self.from_minute:
            return self._begins_on(day)
        return minute < self.until_minute and self._begins_on(day - 1)

    def _begins_on(self, day: int) -> bool:
        return self.weekdays is None or self.weekdays >> day % 7 & 1 == 1


def version_of(pause: "list[Hours] | None") -> int:
    """Of the directive with these hours."""
    named = any([hours.weekdays is not None for hours in pause or ()])
    return WEEKDAYS_VERSION if named else VERSION


class Directive(Record):
    """Payload. An absent field: the operator leaves that to the player, its settings and its staff."""

    NAME = "directive"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "device_id", "bytes", 16),
        (3, "serial", "uint", U63),
        (4, "issued_unix_s", "uint", UNIX_S_MAX),
        (5, "tier", "uint?", U8),
        (6, "volume_q15", "uint?", _UNITY),
        (7, "sliders", "records?", (Position, _SLIDERS_MAX)),
        (8, "pause", "records?", (Hours, _HOURS_MAX)),
        (9, "pack", "bytes?", 32),
        (10, "pack_place", "text?", _PLACE_BYTES_MAX),
        (11, "pack_from_unix_s", "uint?", UNIX_S_MAX),
        (12, "restart", "uint?", U63),
        (13, "sync", "uint?", U63),
    )

    version: int
    device_id: bytes
    serial: int
    issued_unix_s: int
    tier: "int | None"
    volume_q15: "int | None"
    sliders: "list[Position] | None"
    pause: "list[Hours] | None"
    pack: "bytes | None"
    pack_place: "str | None"
    pack_from_unix_s: "int | None"
    restart: "int | None"
    sync: "int | None"

    def fault(self) -> "str | None":
        version = version_of(self.pause)
        if self.version != version:
            return "version: expected %d, found %d" % (version, self.version)
        if not self.serial:
            return "serial: expected at least 1, found 0"
        if self.volume_q15 == 0:
            return "volume_q15: expected at least 1, found 0"
        for name in ("restart", "sync"):
            asked = getattr(self, name)
            if asked is not None and not 1 <= asked <= self.serial:
                return "%s: expected 1 to the serial, %d, found %d" % (name, self.serial, asked)
        if self.pack is None and (self.pack_place is not None or self.pack_from_unix_s is not None):
            return "pack: expected one with its place or time, found none"
        names = [position.name for position in self.sliders or ()]
        if names != sorted(set(names)):
            return "sliders: expected ascending names, each once"
        return None


def open_directive(data, public_key: bytes, verify) -> Directive:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Directive.decode(open_typed(data, TYP_DIRECTIVE, DIRECTIVE_BYTES_MAX, public_key, verify))

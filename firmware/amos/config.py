"""The player's settings: `player.json` in its directory, and `name=value` words that override it for one run."""

import json
import os

from amos.compat import const, error_words
from amos.crypto.key_text import key_of_hex
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.segment import TIER_RENDERER
from amos.settings import NO_PACK, ConfigError, Settings

CONFIG_BYTES_MAX = 8192
TEXT_LETTERS_MAX = 256
_DIGITS_MAX = const(18)


# name: (kind, default, low or None, high or None); a default of None means that it must be given.
SETTINGS = {
    "pack": ("text", NO_PACK, None, None),
    "publisher_key": ("key", None, None, None),
    "ledger_key": ("key", None, None, None),
    "operator_key": ("key or none", b"", None, None),
    "board": ("name", "linux", None, None),
    "board_class": ("name", "any", None, None),
    "voices": ("int", 32, 1, 32),
    "rate_hz": ("int", 192000, 8000, 192000),
    "tier": ("int", 0, 0, 255),
    "link": ("text", "none", None, None),
    "out": ("text", None, None, None),
    "pace": ("text", "clocked", None, None),
    "block_frames": ("int", 4096, 64, 65536),
    "buffer_ms": ("int", 68, 20, 68),
    "holidays": ("dates", "", None, None),
    "staff": ("acts", "all", None, None),
    "staff_volume_min": ("int", 0, 0, 100),
    "staff_volume_max": ("int", 100, 0, 100),
    "minutes": ("int", 0, 0, 1 << 24),
    "linger": ("text", "forever", None, None),
    "journal": ("text", "file", None, None),
    "journal_bytes": ("int", 8 << 20, 256 << 10, 1 << 30),
}
"""
buffer_ms   of music that may wait in ALSA's buffer; with the block in hand less than 100 ms (edges/alsa_host.py)
pack     folder of the pack to begin with; once another was sent and played, that one. `none`: the first comes over
         the link
board_class   of packs for several boards; packs for any board, for this one and for its runtime are taken too
voices, rate_hz   the most that the board can play; a pack that needs more is refused
holidays dates on which the script's dayparts for holidays hold: 2026-12-25,2027-01-01
out      where the music goes (edges/audio_out.py); nobody may mean `null` by saying nothing, so there is no default
tier     of the venue's tariff; 255, `TIER_RENDERER`, where the device is enrolled to render
pace     `clocked`: real time; `free`, for renderers: as fast as the machine can, on a clock that follows the samples
operator_key   whose directives the player follows; without one it follows none
staff    what anybody may do who is at the player's link: `all`, `none`, or some of `staff.ACTS`: skip,like,volume
staff_volume_min, staff_volume_max   in percent: between these they may turn the volume
minutes  length of the session, 0 = until stopped
journal  `file` in the player's directory, or a partition: `raw:sd` of a board's card, `raw:/dev/...` of the system
linger   after the session keep serving the courier: `forever`, or until every segment is `receipted`, or `no`
"""

NULL_OUTPUT = "null"
FREE_PACE = "free"

WANTED_OUT = "out: expected alsa:DEVICE, i2s:PINS or wav:PATH, found none; say where the music goes"

FOR_RENDERERS = "%s=%s: expected another with tier=%d, because only a renderer may %s; "
FOR_RENDERERS += "a device that renders is enrolled with tier %d and has the setting tier=%d"
"""Why a player refuses what only a renderer may do."""

CHOICES = {"pace": ("clocked", "free"), "linger": ("forever", "receipted", "no")}


def _whole(raw):
    """A whole number, as JSON or as a word has it; None for anything else."""
    if isinstance(raw, str):
        digits = raw[1:] if raw[:1] == "-" else raw
        return int(raw) if 1 <= len(digits) <= _DIGITS_MAX and not digits.strip("0123456789") else None
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None


def _prints(letter: str, kind: str) -> bool:
    """Whether it may stand in a path; in a `name`, which goes over the link, only ASCII does."""
    return " " <= letter <= "~" or (kind != "name" and letter > "~" and not 0xD800 <= ord(letter) <= 0xDFFF)


def _is_date(text: str) -> bool:
    parts = text.split("-")
    return [len(part) for part in parts] == [4, 2, 2] and not "".join(parts).strip("0123456789")


def _value(name: str, raw):
    kind, _default, low, high = SETTINGS[name]
    if kind == "int":
        value = _whole(raw)
        if value is None:
            raise ConfigError("%s: expected a whole number, found %r" % (name, raw))
        if not low <= value <= high:
            raise ConfigError("%s: expected %d to %d, found %d" % (name, low, high, value))
        return value
    if kind == "dates" and raw == "":
        return raw
    if kind == "key or none":
        kind = "key"
        if raw == "":
            return b""
    most = SMALL_TEXT_BYTES_MAX if kind == "name" else TEXT_LETTERS_MAX
    if not isinstance(raw, str) or not 1 <= len(raw) <= most or not all([_prints(letter, kind) for letter in raw]):
        raise ConfigError("%s: expected text of 1 to %d letters, found %r" % (name, most, raw))
    if kind == "dates" and not all([_is_date(date) for date in raw.split(",")]):
        raise ConfigError("%s: expected dates like 2026-12-25,2027-01-01, found %r" % (name, raw))
    if kind == "acts" and raw != "all":
        from amos.staff import acts_fault  # where nothing is forbidden, a board does without

        if acts_fault(raw):
            raise ConfigError("%s: expected %s, found %r" % (name, acts_fault(raw), raw))
    if kind == "key":
        key = key_of_hex(raw)
        if key is None:
            raise ConfigError("%s: expected 64 hex digits, found %r" % (name, raw))
        return key
    if name in CHOICES and raw not in CHOICES[name]:
        raise ConfigError("%s: expected one of %s, found %r" % (name, ", ".join(CHOICES[name]), raw))
    return raw


class Config(Settings):
    """The settings, checked as they are made."""

    def __init__(self, directory: str, values: dict):
        self.directory = directory
        for name in values:
            if name not in SETTINGS:
                raise ConfigError("%s: expected one of %s" % (name, ", ".join(sorted(SETTINGS))))
        for name in SETTINGS:
            default = SETTINGS[name][1]
            if name not in values and default is None:
                raise ConfigError(WANTED_OUT if name == "out" else "%s: expected a value, found none" % name)
            setattr(self, name, _value(name, values[name]) if name in values else default)
        if self.block_frames % 64:
            raise ConfigError("block_frames: expected a multiple of 64, found %d" % self.block_frames)
        if self.staff_volume_min > self.staff_volume_max:
            raise ConfigError("staff_volume_min: expected at most %d, found more" % self.staff_volume_max)
        if self.tier != TIER_RENDERER:
            self._check_is_heard()

    def _check_is_heard(self) -> None:
        """A player is paid for what venues hear: in real time, and into something that keeps it."""
        for name, refused, what in (
            ("pace", FREE_PACE, "play faster than real time"),
            ("out", NULL_OUTPUT, "play into nothing"),
        ):
            if getattr(self, name) == refused:
                told = (name, refused, self.tier, what, TIER_RENDERER, TIER_RENDERER)
                raise ConfigError(FOR_RENDERERS % told)


def load(directory: str, words) -> Config:
    """`player.json` of `directory`, overridden by `name=value` words. Raises `ConfigError`."""
    path = directory + "/player.json"
    try:
        with open(path, "rb") as file:
            # MicroPython allocates what it is asked to read, whether or not the file has it.
            data = file.read(min(os.stat(path)[6], CONFIG_BYTES_MAX) + 1)
    except OSError as error:
        raise ConfigError("%s: expected a file, found %s; `amos device prepare` makes it" % (path, error_words(error)))
    try:
        values = json.loads(data.decode()) if len(data) <= CONFIG_BYTES_MAX else None
    except (ValueError, RuntimeError):  # on either runtime: no JSON, no text, too deep
        values = None
    if not isinstance(values, dict):
        raise ConfigError("%s: expected a JSON object of at most %d bytes" % (path, CONFIG_BYTES_MAX))
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError("%s: expected name=value" % word)
        values[name] = value
    return Config(directory, values)

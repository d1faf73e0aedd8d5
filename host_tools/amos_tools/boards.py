"""Boards: one TOML each in `boards/`, read and checked against one table. Wiring and limits; no decisions."""

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from amos.edges.alsa_host import BLOCKS_PER_S, BUFFER_MS_MAX, BUFFER_MS_MIN
from amos.edges.i2s_out import RING_BYTES_MAX, RING_BYTES_MIN, ring_bytes_max
from amos.edges.sd_card import BAUDRATE_HZ_MAX, BAUDRATE_HZ_MIN
from amos.packs.repertoire import ANY_BOARD
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.manifest import CODECS
from amos.sound.mixer_base import VOICES_MAX
from amos_cli.text import TextFault, decode_text
from amos_tools.package_data import BOARDS

FILE_BYTES_MAX = 16 << 10
CELL_FRAMES = 64
I2S_BLOCK_FRAMES = range(512, 1024 + 1)
"""rp2 runs dry below; above, the ring is not two of them (firmware/amos/edges/i2s_out.py)."""

BOARD_WORD_BYTES = 4
PLAYER_FOLDER, PACK_FOLDER = "player", "pack"
"""Where a MicroPython board has its player and its pack, below the card's mount point."""


SMALLEST_BOARD = "pico-2-w"
"""Whose heap MicroPython gets on this machine where no board is named: what plays here plays there."""


class BoardError(Exception):
    """A board's file is wrong, or there is none of that name: file, key, what was expected and what came."""


@dataclass(frozen=True)
class Key:
    """What a key holds. `low` to `high` for int, one of `choices` for text; `when`: (key, value) it belongs to."""

    kind: Literal["int", "text"]
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    when: tuple[str, str] | None = None


def _int(low: int, high: int, when: tuple[str, str] | None = None) -> Key:
    return Key("int", low, high, when=when)


def _text(*choices: str, when: tuple[str, str] | None = None) -> Key:
    return Key("text", choices=choices, when=when)


_BOARD, _LINUX = ("runtime", "micropython"), ("runtime", "linux")
_I2S, _ALSA, _UNIX, _SD = ("audio.sink", "i2s"), ("audio.sink", "alsa"), ("link.kind", "unix"), ("storage.kind", "sd")
_PIN = (0, 48)

# Every key is required, except where its `when` does not hold: there it is refused. Meanings: boards/README.md.
SCHEMA = {
    "title": _text(),
    "runtime": _text("linux", "micropython"),
    "class": _text(),
    "codec": _text(*CODECS),
    "mpy_architecture": _text("armv6m", "armv7emsp", "xtensawin", when=_BOARD),
    "machine": _text(when=_BOARD),
    "memory.ram_bytes": _int(128 << 10, 1 << 40),
    "memory.heap_bytes": _int(64 << 10, 1 << 40),
    "audio.rate_hz": _int(22050, 48000),
    "audio.voices": _int(1, VOICES_MAX),
    "audio.block_frames": _int(CELL_FRAMES, 65536),
    "audio.sink": _text("alsa", "i2s"),
    "audio.device": _text(when=_ALSA),
    "audio.buffer_ms": _int(BUFFER_MS_MIN, BUFFER_MS_MAX, _ALSA),
    "audio.buffer_bytes": _int(RING_BYTES_MIN, RING_BYTES_MAX, _I2S),
    "audio.pins.id": _int(0, 2, _I2S),
    "audio.pins.sck": _int(*_PIN, _I2S),
    "audio.pins.ws": _int(*_PIN, _I2S),
    "audio.pins.sd": _int(*_PIN, _I2S),
    "link.kind": _text("unix", "usb"),
    "link.path": _text(when=_UNIX),
    "storage.kind": _text("file", "sd"),
    "storage.journal_bytes": _int(128 << 10, 1 << 30),
    "storage.mount": _text(when=_SD),
    "storage.spi.id": _int(0, 2, _SD),
    "storage.spi.sck": _int(*_PIN, _SD),
    "storage.spi.mosi": _int(*_PIN, _SD),
    "storage.spi.miso": _int(*_PIN, _SD),
    "storage.spi.cs": _int(*_PIN, _SD),
    "storage.spi.baudrate_hz": _int(BAUDRATE_HZ_MIN, BAUDRATE_HZ_MAX, _SD),
}
RATES_HZ = (22050, 44100, 48000)
OF_RUNTIME = {
    "linux": {"audio.sink": "alsa", "link.kind": "unix", "storage.kind": "file"},
    "micropython": {"audio.sink": "i2s", "link.kind": "usb", "storage.kind": "sd"},
}
"""The edges that each runtime has."""


class BoardFileError(BoardError):
    """A board's file is there, and does not hold what one has to."""

    exit_code = 1


@dataclass(frozen=True)
class Board:
    """A checked board. `facts`: dotted key -> value, as in `SCHEMA`."""

    name: str
    facts: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.facts[key]

    def player_settings(self, player: str) -> dict[str, object]:
        """What `player.json` takes from the board, for the player of that name."""
        settings: dict[str, object] = {
            "board": self.name,
            "board_class": self["class"],
            "voices": self["audio.voices"],
            "rate_hz": self["audio.rate_hz"],
            "block_frames": self["audio.block_frames"],
            "journal_bytes": self["storage.journal_bytes"],
        }
        if self["runtime"] == "linux":
            link = self["link.path"].replace("{name}", player)
            out = f"alsa:{self['audio.device']}"
            return settings | {"link": f"unix:{link}", "out": out, "buffer_ms": self["audio.buffer_ms"]}
        pins = ",".join(f"{name}={self['audio.pins.' + name]}" for name in ("id", "sck", "ws", "sd"))
        out = f"i2s:{pins},buffer={self['audio.buffer_bytes']}"
        return settings | {"link": "usb", "out": out, "pack": f"{self['storage.mount']}/{PACK_FOLDER}"}

    def wiring(self) -> dict[str, object] | None:
        """`board.json` of a MicroPython board, which its main.py reads before there is a card; None on Linux."""
        if self["runtime"] == "linux":
            return None
        spi = {key.rpartition(".")[2]: value for key, value in self.facts.items() if key.startswith("storage.spi.")}
        mount = self["storage.mount"]
        return {"card": mount, "player": f"{mount}/{PLAYER_FOLDER}", "spi": spi}


def board_names() -> list[str]:
    """The boards that the project knows."""
    return sorted(path.stem for path in BOARDS.glob("*.toml"))


def boards_for(target: str) -> list[Board]:
    """The boards whose players take packs for `target`: a board's name, a class of boards, a runtime, or `any`."""
    boards = map(load_board, board_names())
    return [board for board in boards if target in (ANY_BOARD, board.name, board["class"], board["runtime"])]


def board_of(target: str) -> Board | None:
    """The board that packs for `target` are built for, by its name or its file; None for a class of boards, a runtime
    or `any`. Raises `BoardError` for what is none of these."""
    if target.endswith(".toml") or target in board_names():
        return load_board(target)
    if boards_for(target):
        return None
    boards = list(map(load_board, board_names()))
    known = dict.fromkeys(word for board in boards for word in (board.name, board["class"], board["runtime"]))
    (near,) = difflib.get_close_matches(target, known, 1, 0.5) or ("",)
    hint = f"; did you mean {near}?" if near else ""
    raise BoardError(f"board {target!r}: expected a file, or one of {', '.join(known)}, {ANY_BOARD}{hint}")


def load_board(name: str) -> Board:
    """The board of that name, or of that file when `name` ends in .toml. Raises `BoardError`."""
    path = Path(name) if name.endswith(".toml") else BOARDS / f"{name}.toml"
    if not name.endswith(".toml") and name not in board_names():
        raise BoardError(f"board {name!r}: expected a file, or one of {', '.join(board_names())}")
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise BoardError(f"{path}: expected a readable file, found {error.strerror}") from None
    return parse_board(path.stem, data, str(path))


UNIX_MORE_BYTES = 44 << 10
"""Where the unix port stands for a board, its heap has all code (265 KB), as on a board that does not freeze it, and
what stands for its hardware: with 32 KB more than the smallest board's heap the fullest music plays there. The other
12 KB are for how a heap happens to be cut up."""

SOURCE_MORE_BYTES = 48 << 10
"""What a firmware that is run from source, as on this machine, needs beyond a compiled one: paths in place of names of
modules, the table of the signatures, and what compiling leaves behind."""


def heap_option(name: str, word_bytes: int) -> list[str]:
    """MicroPython's words for the heap of the board of that name (`SMALLEST_BOARD` where it is no MicroPython board),
    twice as large where words are: 8 bytes instead of a board's 4."""
    board = load_board(name if name in board_names() else SMALLEST_BOARD)
    if board["runtime"] != "micropython":
        board = load_board(SMALLEST_BOARD)
    heap = board["memory.heap_bytes"] + UNIX_MORE_BYTES + SOURCE_MORE_BYTES
    return ["-X", f"heapsize={heap * word_bytes // BOARD_WORD_BYTES}"]


def parse_board(name: str, data: bytes, file: str) -> Board:
    """The board in the TOML `data`; errors name `file` and the key. Raises `BoardError`."""
    if len(data) > FILE_BYTES_MAX:
        raise BoardFileError(f"{file}: expected at most {FILE_BYTES_MAX} bytes, found more")
    if not re.fullmatch(r"[a-z0-9-]{1,32}", name):
        raise BoardFileError(f"{file}: expected a name of 1 to 32 of a-z, digits and -, found {name!r}")
    try:
        facts = _flat(tomllib.loads(decode_text(data)))
    except (TextFault, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BoardFileError(f"{file}: expected TOML, found {error}") from None
    fault = _fault(facts)
    if fault:
        raise BoardFileError(f"{file}: {fault}")
    return Board(name, facts)


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        inner = f"{prefix}{key}."
        # An empty table of a known name holds nothing; what it lacks is found by key.
        table_of_ours = isinstance(value, dict) and (value or any(known.startswith(inner) for known in SCHEMA))
        found |= _flat(value, inner) if table_of_ours else {prefix + key: value}
    return found


def _fault(facts: dict[str, Any]) -> str | None:
    """The first thing wrong with the facts, beginning with its key; else None."""
    unknown = sorted(set(facts) - set(SCHEMA))
    if unknown:
        near = [key for key in SCHEMA if key.rpartition(".")[0] == unknown[0].rpartition(".")[0]] or list(SCHEMA)
        return f"{unknown[0]}: unknown key; expected one of {', '.join(near)}"
    for key, rule in SCHEMA.items():
        if rule.when is not None and facts.get(rule.when[0]) != rule.when[1]:
            if key in facts:
                return f"{key}: expected only with {rule.when[0]} = {rule.when[1]!r}"
            continue
        if key not in facts:
            return f"{key}: expected a value, found none"
        fault = _value_fault(rule, facts[key])
        if fault:
            return f"{key}: {fault}"
    return _together(facts)


def _value_fault(rule: Key, value: object) -> str | None:
    if rule.kind == "int":
        if type(value) is not int or not rule.low <= value <= rule.high:
            return f"expected a whole number, {rule.low} to {rule.high}, found {value!r}"
    elif type(value) is not str or not value.isprintable() or not 1 <= len(value.encode()) <= SMALL_TEXT_BYTES_MAX:
        return f"expected text of 1 to {SMALL_TEXT_BYTES_MAX} bytes, found {value!r}"
    elif rule.choices and value not in rule.choices:
        return f"expected one of {', '.join(rule.choices)}, found {value!r}"
    return None


def _together(facts: dict[str, Any]) -> str | None:
    """What no key shows alone."""
    for key, value in OF_RUNTIME[facts["runtime"]].items():
        if facts[key] != value:
            return f"{key}: expected {value} on {facts['runtime']}, found {facts[key]!r}"
    if facts["audio.rate_hz"] not in RATES_HZ:
        return f"audio.rate_hz: expected one of {', '.join(map(str, RATES_HZ))}, found {facts['audio.rate_hz']}"
    if facts["memory.heap_bytes"] > facts["memory.ram_bytes"]:
        return f"memory.heap_bytes: expected at most memory.ram_bytes, found {facts['memory.heap_bytes']}"
    block = facts["audio.block_frames"]
    if block % CELL_FRAMES:
        return f"audio.block_frames: expected a multiple of {CELL_FRAMES}, found {block}"
    if facts["runtime"] == "linux":
        if block > facts["audio.rate_hz"] // BLOCKS_PER_S:
            most = facts["audio.rate_hz"] // BLOCKS_PER_S // CELL_FRAMES * CELL_FRAMES
            return f"audio.block_frames: expected at most {most}, for 100 ms in all, found {block}"
        path = facts["link.path"]
        return None if path.startswith("/") else f"link.path: expected an absolute path, found {path!r}"
    return _board_together(facts)


def _board_together(facts: dict[str, Any]) -> str | None:
    block, mount = facts["audio.block_frames"], facts["storage.mount"]
    if block not in I2S_BLOCK_FRAMES:
        low, high = I2S_BLOCK_FRAMES[0], I2S_BLOCK_FRAMES[-1]
        return f"audio.block_frames: expected {low} to {high} with I2S, found {block}"
    most, ring = ring_bytes_max(facts["audio.rate_hz"]), facts["audio.buffer_bytes"]
    if ring > most:
        return f"audio.buffer_bytes: expected at most {most}, for 100 ms in all, found {ring}"
    if not mount.startswith("/") or mount == "/":
        return f"storage.mount: expected an absolute path below the root, found {mount!r}"
    used: dict[int, str] = {}
    for key, value in facts.items():
        bus, _dot, pin = key.rpartition(".")
        if bus not in ("audio.pins", "storage.spi") or pin in ("id", "baudrate_hz"):
            continue
        if value in used:
            return f"{key}: expected a pin of its own, found {value}, which is {used[value]}"
        used[value] = key
    return None

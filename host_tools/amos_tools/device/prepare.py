"""A player's directory, and the enrolment that lets its play count."""

import json
import os
import time
from pathlib import Path

from amos import crypto
from amos.config import NO_PACK, SETTINGS, Config, ConfigError
from amos.packs.folder import PackFolder, open_pack
from amos.score.score import Score, decode_score
from amos_tools.boards import Board, BoardError
from amos_tools.device.call import Identity
from amos_tools.device.place import Place, enrolment_for


def prepare(directory: Path, settings: dict[str, object]) -> None:
    """Write `player.json`, checked as the player checks it. Raises `ConfigError`, OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    Config(str(directory), settings)
    ordered = {name: settings[name] for name in SETTINGS if name in settings}
    _write(directory / "player.json", ordered)


def check_fit(board: Board, pack: Path, publisher_key: str) -> None:
    """Refuse a pack that the board cannot play. Raises `BoardError`, `ConfigError`, `PackError`, `ProtocolError`."""
    manifest = _opened(pack, publisher_key).manifest
    for found, limit, unit in ((manifest.voices, "audio.voices", "voices"), (manifest.rate_hz, "audio.rate_hz", "Hz")):
        if found > board[limit]:
            raise BoardError(f"pack: expected at most {board[limit]} {unit} on {board.name}, found {found}")


def read_score(pack: Path, publisher_key: str) -> Score:
    """The score of a pack. Raises `ConfigError`, `PackError`, `ProtocolError`, `ScoreError`."""
    return decode_score(_opened(pack, publisher_key).score())


def _opened(pack: Path, publisher_key: str) -> PackFolder:
    try:
        key = bytes.fromhex(publisher_key)
    except ValueError:
        raise ConfigError(f"publisher_key: expected 64 hex digits, found {publisher_key!r}") from None
    return open_pack(str(pack), key, crypto.verify)


def write_wiring(directory: Path, board: Board) -> dict[str, object] | None:
    """Write and return `board.json`, for boards that need one. Raises OSError."""
    wiring = board.wiring()
    if wiring is not None:
        _write(directory / "board.json", wiring)
    return wiring


def _write(path: Path, content: dict[str, object]) -> None:
    staged = path.with_name(path.name + ".new")
    staged.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(staged, path)


def settings_for(board: Board | None, player: str, pack: Path | None) -> dict[str, object]:
    """The settings that follow from the board, where it is known, and from the pack that the player has at first."""
    settings = {} if board is None else board.player_settings(player)
    if pack is None:
        settings["pack"] = NO_PACK
    else:
        settings.setdefault("pack", str(pack.resolve()))  # a board without a disk of ours has a place of its own
    return settings


def with_words(settings: dict[str, object], words: list[str] | None) -> dict[str, object]:
    """The settings, overridden by `name=value` words. Raises `ConfigError`."""
    told = dict(settings)
    for word in words or []:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"{word}: expected name=value")
        told[name] = value
    return told


def enrol(identity: Identity, operator_seed: bytes, *, site: str, name: str, tier: int) -> bytes:
    """The enrolment's bytes, signed by the operator. Raises `LocalError` for a site or name that is no slug."""
    return enrolment_for(Place(site, name, tier), None, identity, operator_seed, int(time.time())).data

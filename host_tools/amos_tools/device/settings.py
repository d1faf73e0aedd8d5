"""A player's settings: what is named wins, then what the player has, then what its board gives. Decisions only."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from amos.config import CONFIG_BYTES_MAX, NULL_OUTPUT, SETTINGS
from amos.settings import NO_PACK, ConfigError
from amos_tools.boards import Board

Settings = dict[str, object]


@dataclass(frozen=True)
class Wanted:
    """`named` is what somebody asked for; `board` are the settings that go with the board, where one was named."""

    named: Settings
    board: Settings = field(default_factory=dict)

    def over(self, kept: Settings | None) -> Settings:
        """The settings of a player that has `kept`, or that has none yet (None).

        What nobody named stays. A board's settings fill what is missing, and replace the whole when the player was on
        another board: its output and its limits would not fit.
        """
        if kept is None:
            return _ordered({"pack": NO_PACK} | self.board | self.named)
        same_board = self.board.get("board") in (None, kept.get("board", SETTINGS["board"][1]))
        return _ordered(({**self.board, **kept} if same_board else {**kept, **self.board}) | self.named)


def _ordered(settings: Settings) -> Settings:
    """The same in one order, whoever wrote them: a board's file is compared byte by byte."""
    places = {name: place for place, name in enumerate(SETTINGS)}
    return dict(sorted(settings.items(), key=lambda item: places.get(item[0], len(places))))


def wanted(board: Board | None, player: str, pack: Path | None, named: Settings, words: list[str] | None) -> Wanted:
    """What a command line asks for. `words` are `name=value` and come last. Raises `ConfigError`."""
    of_board = {} if board is None else board.player_settings(player)
    pack_there = of_board.pop("pack", None)  # a board without a disk of ours has a place of its own for the pack
    if pack is not None:
        named = {"pack": pack_there or str(pack.resolve())} | named
    return Wanted(with_words(named, words), of_board)


class SettingsFileError(ConfigError):
    """A player's settings file holds none: nobody's command line is wrong."""

    exit_code = 1


def with_words(settings: Settings, words: list[str] | None) -> Settings:
    """The settings, overridden by `name=value` words. Raises `ConfigError`."""
    told = dict(settings)
    for word in words or []:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"{word}: expected name=value")
        if name not in SETTINGS:
            raise ConfigError(f"{name}: expected one of {', '.join(sorted(SETTINGS))}")
        told[name] = value
    return told


def read_settings(where: str, data: bytes | None) -> Settings | None:
    """The settings in the bytes of a `player.json`; None where there is none.

    Raises `SettingsFileError` for a file that holds none: to write over it would lose what somebody chose.
    """
    if data is None:
        return None
    try:
        found = json.loads(data) if len(data) <= CONFIG_BYTES_MAX else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SettingsFileError(
            f"{where}: expected a JSON object of at most {CONFIG_BYTES_MAX} bytes; correct it first"
        )
    return found


def silence_in(settings: Settings) -> str | None:
    """One line about settings with which nothing is heard; None where something is."""
    if settings.get("out") != NULL_OUTPUT:
        return None
    return "output: null, it plays into nothing; to hear it: --setting out=alsa:DEVICE"

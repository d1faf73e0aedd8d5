"""`amos player`: run the firmware of a player's directory, on CPython or on MicroPython."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

import amos
from amos.__main__ import main as run_firmware
from amos.config import load
from amos.settings import ConfigError
from amos_cli.output import UsageError, refusals
from amos_cli.paths import folder_argument
from amos_tools import toolchain
from amos_tools.boards import board_names, heap_option

WORD_BYTES_MAX = 8


def micropython_environment() -> dict[str, str]:
    """The environment in which MicroPython finds the firmware."""
    return os.environ | {"MICROPYPATH": str(Path(amos.__file__).parents[1])}


def player(
    directory: Annotated[Path, folder_argument("DIR", help="The player's directory (amos device prepare).")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Settings for this run: minutes=10 pace=free.")
    ] = None,
    runtime: Annotated[Literal["cpython", "micropython"], typer.Option(help="What runs the firmware.")] = "cpython",
) -> None:
    """Run a player: play, meter, sign, and serve its courier."""
    words = [str(directory), *(settings or [])]
    if runtime == "cpython":
        raise typer.Exit(run_firmware(words))
    with refusals(usage=(ConfigError,)):
        command = toolchain.micropython("compiling") or toolchain.micropython()
        if command is None:
            raise UsageError(toolchain.explain("micropython"))
        board = load(words[0], words[1:]).board
    # A board that is named has its own heap. Elsewhere 4-byte words get as much as 8-byte ones: all the code is in it.
    word_bytes = toolchain.word_bytes(command) if board in board_names() else WORD_BYTES_MAX
    arguments = [*command, *heap_option(board, word_bytes), "-m", "amos", *words]
    os.execvpe(arguments[0], arguments, micropython_environment())

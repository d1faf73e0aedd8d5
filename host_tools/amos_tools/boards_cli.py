"""`amos boards`: what the project can play on, and the files that installing it there takes."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from amos_cli.files import OutputRefused
from amos_cli.output import AsJson, print_json, refusals
from amos_cli.table import print_table
from amos_tools.boards import Board, BoardError, board_names, load_board
from amos_tools.firmware_files import board_files
from amos_tools.package_data import FIRMWARE, UNITS, firmware_file

FOR_A_BUILD = ("manifest.py", "package.json")
"""What MicroPython's build and `mip` read, beside what a board gets."""


def boards(
    board: Annotated[str | None, typer.Argument(metavar="[BOARD]", help="A name or FILE.toml: show all of it.")] = None,
    units: Annotated[bool, typer.Option("--units", help="Print the folder of the systemd units.")] = False,
    firmware: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the firmware's source there, to freeze it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the boards, or check one and show everything about it."""
    with refusals(OutputRefused, OSError, usage=(BoardError,), as_json=as_json):
        if units:
            _tell({"units": str(UNITS)}, str(UNITS), as_json)
        elif firmware is not None:
            count = _write_firmware(firmware)
            _tell({"path": str(firmware), "files": count}, f"{count} files written to {firmware}", as_json)
        elif board is not None:
            facts = load_board(board).facts
            _tell(facts, "\n".join(f"{key:>24}  {value}" for key, value in facts.items()), as_json)
        else:
            _list([load_board(name) for name in board_names()], as_json)


def _tell(facts: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        print(text)


def _list(known: list[Board], as_json: bool) -> None:
    if as_json:
        print_json({"boards": [{"name": board.name, **board.facts} for board in known]})
        return
    table = Table("board", "title", "runtime", "class", "codec", "rate", "voices", "heap KiB", "output", "link")
    for board in known:
        keys = ("title", "runtime", "class", "codec", "audio.rate_hz", "audio.voices")
        heap = str(board["memory.heap_bytes"] >> 10)
        table.add_row(board.name, *(str(board[key]) for key in keys), heap, board["audio.sink"], board["link.kind"])
    print_table(table)


def _write_firmware(folder: Path) -> int:
    """The project's folder of that name, as far as boards get it; how many files. Raises `OutputRefused`, OSError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputRefused(f"{folder}: expected an empty folder or none, found other things")
    sources = {name: firmware_file(name) for name in board_files()} | {name: FIRMWARE / name for name in FOR_A_BUILD}
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)
    return len(sources)

"""`amos boards`: what the project can play on, and the files that installing it there takes."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from amos_tools.boards import BoardError, board_names, load_board
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
) -> None:
    """List the boards, or check one and show everything about it."""
    try:
        if units:
            print(UNITS)
            return
        if firmware is not None:
            print(f"{_write_firmware(firmware)} files written to {firmware}")
            return
        if board is not None:
            for key, value in load_board(board).facts.items():
                print(f"{key:>24}  {value}")
            return
        table = Table("board", "title", "runtime", "class", "codec", "rate", "voices", "heap KiB", "output", "link")
        for one in map(load_board, board_names()):
            keys = ("title", "runtime", "class", "codec", "audio.rate_hz", "audio.voices")
            heap = str(one["memory.heap_bytes"] >> 10)
            table.add_row(one.name, *(str(one[key]) for key in keys), heap, one["audio.sink"], one["link.kind"])
    except (BoardError, OSError) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from None
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(table)


def _write_firmware(folder: Path) -> int:
    """The project's folder of that name, as far as boards get it; how many files. Raises OSError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: expected an empty folder or none, found other things")
    sources = {name: firmware_file(name) for name in board_files()} | {name: FIRMWARE / name for name in FOR_A_BUILD}
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)
    return len(sources)

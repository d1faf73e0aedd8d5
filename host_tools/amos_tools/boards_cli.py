"""`amos boards`: what the project can play on."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from amos_tools.boards import BoardError, board_names, load_board


def boards(
    board: Annotated[str | None, typer.Argument(metavar="[BOARD]", help="A name or FILE.toml: show all of it.")] = None,
) -> None:
    """List the boards, or check one and show everything about it."""
    try:
        if board is not None:
            for key, value in load_board(board).facts.items():
                print(f"{key:>24}  {value}")
            return
        table = Table("board", "title", "runtime", "class", "codec", "rate", "voices", "heap KiB", "output", "link")
        for one in map(load_board, board_names()):
            keys = ("title", "runtime", "class", "codec", "audio.rate_hz", "audio.voices")
            heap = str(one["memory.heap_bytes"] >> 10)
            table.add_row(one.name, *(str(one[key]) for key in keys), heap, one["audio.sink"], one["link.kind"])
    except BoardError as error:
        typer.echo(f"BoardError: {error}", err=True)
        raise typer.Exit(1) from None
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(table)

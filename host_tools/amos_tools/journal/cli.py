"""`amos journal`: look into a player's journal, and check it. Nothing is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from amos.journal.errors import JournalError
from amos.protocol.errors import LocalError
from amos_tools.journal.check import findings, notes
from amos_tools.journal.ring_file import RingError, RingFile

app = typer.Typer(help="Look into a player's journal, and check it.", no_args_is_help=True)

Beside = Annotated[Path | None, typer.Option(help="Folder of the key and of what is reserved beside it; else FILE's.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="journal.ring of a player, or a card's partition.")]


@app.command()
def inspect(file: File) -> None:
    """Print what stands at every offset: kind, number, size in bytes, and whether it counts."""
    with _opened(file) as ring:
        state = ring.found.state
        print(f"device {ring.ring.device_id.hex() if ring.ring.device_id else 'not told'},", end=" ")
        print(f"boot {state.boot}, session {state.session}, last segment {state.last_sequence},", end=" ")
        print(f"receipted {state.receipted}, waiting {len(ring.found.segments)}")
        print(f"{'offset':>12} {'bytes':>9} {'kind':<11} {'number':>10} state")
        for sight in ring.sights():
            number = "" if sight.number is None else str(sight.number)
            line = f"{sight.offset:>12} {sight.size:>9} {sight.what:<11} {number:>10} {sight.state:<11} {sight.detail}"
            print(line.rstrip())


@app.command()
def fsck(file: File, beside: Beside = None) -> None:
    """Check records, hashes and chain; one line for each finding. Exit code 0: none; 1: some; 2: no ring."""
    with _opened(file, beside) as ring:
        found = list(findings(ring))
        for line in found:
            print(line)
        for line in notes(ring):
            print(f"note: {line}")
        last = ring.found.state.last_sequence
        print(f"{file}: {len(found)} findings; {len(ring.found.segments)} segments wait, the last is {last}")
    if found:
        raise typer.Exit(1)


@contextmanager
def _opened(path: Path, beside: Path | None = None) -> Iterator[RingFile]:
    try:
        ring = RingFile(path, beside)
    except (RingError, JournalError, LocalError, OSError) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(2) from None
    try:
        yield ring
    finally:
        ring.close()

"""`amos journal`: look into a player's journal, and check it. Nothing is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from amos.journal.errors import JournalError
from amos.protocol.errors import LocalError
from amos_cli.output import AsJson, Exit, print_json, refusals
from amos_cli.paths import file_argument, folder_option
from amos_tools.journal.check import findings, notes
from amos_tools.journal.ring_file import RingError, RingFile

app = typer.Typer(help="Look into a player's journal, and check it.", no_args_is_help=True)

Beside = Annotated[Path | None, folder_option(help="Folder of the key and of what is reserved beside it; else FILE's.")]
File = Annotated[Path, file_argument("FILE", help="journal.ring of a player, or a card's partition.")]


@app.command()
def inspect(file: File, as_json: AsJson = False) -> None:
    """Print what stands at every offset: kind, number, size in bytes, and whether it counts."""
    with _opened(file, as_json=as_json) as ring:
        if as_json:
            return print_json(_facts(ring) | {"records": [asdict(sight) for sight in ring.sights()]})
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
def fsck(file: File, beside: Beside = None, as_json: AsJson = False) -> None:
    """Check records, hashes and chain; one line for each finding. Exit code 0: none; 1: some, or no ring."""
    with _opened(file, beside, as_json) as ring:
        found = list(findings(ring))
        if as_json:
            print_json(_facts(ring) | {"findings": found, "notes": list(notes(ring))})
        else:
            for line in found:
                print(line)
            for line in notes(ring):
                print(f"note: {line}")
            last = ring.found.state.last_sequence
            print(f"{file}: {len(found)} findings; {len(ring.found.segments)} segments wait, the last is {last}")
    if found:
        raise typer.Exit(Exit.FINDING)


def _facts(ring: RingFile) -> dict[str, Any]:
    state = ring.found.state
    return {
        "device_id": ring.ring.device_id.hex() if ring.ring.device_id else None,
        "boot": state.boot,
        "session": state.session,
        "last_segment": state.last_sequence,
        "receipted": state.receipted,
        "waiting": len(ring.found.segments),
    }


@contextmanager
def _opened(path: Path, beside: Path | None = None, as_json: bool = False) -> Iterator[RingFile]:
    with refusals(RingError, JournalError, LocalError, OSError, as_json=as_json):
        ring = RingFile(path, beside)
    try:
        yield ring
    finally:
        ring.close()

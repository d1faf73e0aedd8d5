"""`amos vault scan`: a sheet of what can be told of a folder's files, for people to complete."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from amos.protocol.printable_host import printable
from amos_cli.output import AsJson, Exit, print_json, refusals
from amos_cli.paths import folder_argument
from amos_cli.table import print_table
from amos_tools.extras import advice
from amos_tools.vault.errors import VaultError
from amos_tools.vault.findings_table import findings_table
from amos_tools.vault.folders import files_in
from amos_tools.vault.listening import Listener, listener
from amos_tools.vault.progress import progress_bar
from amos_tools.vault.scan import Scanned, same_audio, scan_file
from amos_tools.vault.scan_sheet import add_rows, unstated


def register(app: typer.Typer) -> None:
    """Add the command to `amos vault`."""
    app.command()(scan)


def scan(
    folder: Annotated[Path, folder_argument("DIR", help="The folder with audio files.")],
    sidecar: Annotated[
        Path | None, typer.Option(metavar="CSV", help="The sheet; what stands there stays. Else stems.csv in DIR.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Guess tempo, key, beats and role of a folder's files from their names and chunks, and by ear with the extra
    `analysis`; measure their loudness; and add rows to a sheet for those that it lacks. Artist, splits and opt-in are
    left for people to state."""
    sheet = folder / "stems.csv" if sidecar is None else sidecar
    with refusals(VaultError, OSError, as_json=as_json):
        files, refused = files_in(folder)
        if not files:
            raise refused[-1]
        wanted = unstated(files, sheet)
        listen = listener() if wanted else None
        scanned, bad = _scanned(wanted, listen, as_json)
        refused += bad
        warned = same_audio(scanned, folder)
        if scanned:
            add_rows(scanned, folder, sheet)
    if as_json:
        rows = [_facts(file, folder) for file in scanned]
        names = ("file", "name", "field", "expected", "found")
        told = [{name: getattr(error, name) for name in names} for error in refused]
        heard = [{name: getattr(finding, name) for name in names} for finding in warned]
        counts = {"stated": len(files) - len(wanted), "listened": listen is not None}
        print_json({"sheet": str(sheet), "added": rows} | counts | {"refused": told, "warned": heard})
    else:
        if scanned:
            print_table(_table(scanned, folder))
        print(f"{sheet}: {len(scanned)} rows added, {len(files) - len(wanted)} files stated already")
        if wanted and listen is None:
            print(
                f"Tempo and key are only what names and chunks say: {advice('librosa') or 'librosa is not installed'}"
            )
        if warned:
            print_table(findings_table(warned, "Warnings"))
        if refused:
            print_table(findings_table(refused, "Refused"))
    if refused:
        raise typer.Exit(Exit.FINDING)


def _scanned(files: list[Path], listen: Listener | None, quiet: bool) -> tuple[list[Scanned], list[VaultError]]:
    found: list[Scanned] = []
    refused: list[VaultError] = []
    with progress_bar("scanning", len(files), quiet) as advance, ThreadPoolExecutor() as workers:
        for made in workers.map(lambda path: _try(path, listen), files):
            advance()
            if isinstance(made, VaultError):
                refused.append(made)
            else:
                found.append(made)
    return found, refused


def _try(path: Path, listen: Listener | None) -> Scanned | VaultError:
    try:
        return scan_file(path, listen)
    except VaultError as error:
        return error


def _facts(file: Scanned, folder: Path) -> dict[str, Any]:
    guesses = {field: asdict(guess) for field, guess in file.guesses.items()}
    for guess in guesses.values():
        del guess["field"]
    measured = {"seconds": round(file.seconds, 3), "loudness_mlufs": file.loudness_mlufs}
    return {"file": file.path.relative_to(folder).as_posix(), "guesses": guesses} | measured


def _table(scanned: list[Scanned], folder: Path) -> Table:
    fields = ("tempo", "key", "beats", "role")
    table = Table("file", *fields, "length", "LUFS")
    for file in scanned:
        cells = [
            f"{guess.text} ({guess.confidence:.2f})" if (guess := file.guesses.get(field)) else "-" for field in fields
        ]
        measured = (f"{file.seconds:.2f} s", f"{file.loudness_mlufs / 1000:.1f}")
        table.add_row(escape(printable(file.path.relative_to(folder).as_posix())), *cells, *measured)
    return table

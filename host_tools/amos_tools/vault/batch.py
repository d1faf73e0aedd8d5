"""Finds the audio files of an import and pairs each with its facts."""

from collections.abc import Sequence
from pathlib import Path

from amos_tools.vault import errors
from amos_tools.vault.facts import StatedFacts
from amos_tools.vault.folders import files_in
from amos_tools.vault.progress import progress_bar
from amos_tools.vault.sidecar import read_sheet, read_sidecar
from amos_tools.vault.vault import ImportReport, Vault


def import_paths(vault: Vault, paths: Sequence[Path], sheet_path: Path | None, quiet: bool = True) -> ImportReport:
    """Import every audio file among `paths` (files, or folders searched through) with its sidecar or CSV row; unless
    `quiet`, a terminal shows how far it is.

    Raises `BadSidecar` when the CSV as a whole is unreadable; every other fault refuses its own file only.
    """
    sheet = None if sheet_path is None else read_sheet(sheet_path)
    found, refused = _audio_files(paths)
    files: list[tuple[Path, StatedFacts]] = []
    for audio in found:
        try:
            if not audio.is_file():
                raise errors.MissingFile(audio, "file", "an audio file", "none")
            files.append((audio, read_sidecar(audio) if sheet is None else sheet.facts_for(audio)))
        except errors.VaultError as error:
            refused.append(error)
    folders = [path for path in paths if path.is_dir()]
    # Whoever names single files does not ask for the rest of a sheet.
    if sheet is not None and folders:
        refused += sheet.unused(folders)
    with progress_bar("importing", len(files), quiet) as advance:
        report = vault.import_files(files, advance)
    return ImportReport(report.imported, (*refused, *report.refused), report.warned)


def _audio_files(paths: Sequence[Path]) -> tuple[list[Path], list[errors.VaultError]]:
    """(Each audio file once, sorted within its folder; what the folders have besides)."""
    found: dict[Path, None] = {}
    refused: list[errors.VaultError] = []
    for path in paths:
        inside, other = files_in(path) if path.is_dir() else ([path], [])
        found.update(dict.fromkeys(inside))
        refused += other
    return list(found), refused

"""Finds the audio files of an import and pairs each with its facts."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from amos_tools.vault import errors
from amos_tools.vault.audio import AUDIO_SUFFIXES, OTHER_AUDIO_SUFFIXES
from amos_tools.vault.facts import StatedFacts
from amos_tools.vault.sidecar import Sheet, read_sheet, read_sidecar
from amos_tools.vault.vault import ImportReport, Vault


def import_paths(vault: Vault, paths: Sequence[Path], sheet_path: Path | None) -> ImportReport:
    """Import every audio file among `paths` (files, or folders searched through) with its sidecar or CSV row.

    Raises `BadSidecar` when the CSV as a whole is unreadable; every other fault refuses its own file only.
    """
    sheet = None if sheet_path is None else read_sheet(sheet_path)
    files: list[tuple[Path, StatedFacts]] = []
    refused: list[errors.VaultError] = []
    for folder in (path for path in paths if path.is_dir()):
        found = sorted(file for file in folder.rglob("*") if file.is_file())
        other = [file for file in found if file.suffix.lower() in OTHER_AUDIO_SUFFIXES]
        expected = "WAV, FLAC, AIFF, OGG, Opus or MP3"
        refused += [errors.UnsupportedFormat(file, "format", expected, file.suffix) for file in other]
        if not any(file.suffix.lower() in AUDIO_SUFFIXES for file in found):
            refused.append(errors.NothingUsable(folder, "folder", "audio files", f"none among {len(found)} files"))
    for audio, root in _audio_files(paths):
        try:
            if not audio.is_file():
                raise errors.MissingFile(audio, "file", "an audio file", "none")
            files.append((audio, _facts(audio, root, sheet)))
        except errors.VaultError as error:
            refused.append(error)
    # Whoever names single files does not ask for the rest of a sheet.
    if sheet is not None and any(path.is_dir() for path in paths):
        refused += sheet.unused()
    report = vault.import_files(files)
    return ImportReport(report.imported, (*refused, *report.refused), report.warned)


def _facts(audio: Path, root: Path | None, sheet: Sheet | None) -> StatedFacts:
    return read_sidecar(audio) if sheet is None else sheet.facts_for(audio, root)


def _audio_files(paths: Sequence[Path]) -> Iterator[tuple[Path, Path | None]]:
    """Each audio file once, sorted within its folder, with the folder it was searched from."""
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES)
            found: list[tuple[Path, Path | None]] = [(file, path) for file in inside]
        else:
            found = [(path, None)]
        for file, root in found:
            if file not in seen:
                seen.add(file)
                yield file, root

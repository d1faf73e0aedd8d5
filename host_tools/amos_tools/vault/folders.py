"""The audio files of a folder, and the sound in it that the vault does not read."""

from pathlib import Path

from amos_tools.vault import errors
from amos_tools.vault.audio import AUDIO_SUFFIXES, EXPECTED, OTHER_AUDIO_SUFFIXES

_OF_MACS = ("._", "__MACOSX")
"""Their attributes beside each file on a foreign disk, and the folder that holds them in an archive."""


def files_in(folder: Path) -> tuple[list[Path], list[errors.VaultError]]:
    """(The audio files below `folder`, sorted; a refusal for each other sound, and one where no audio is)."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not _left_by_a_mac(path, folder))
    audio = [path for path in found if path.suffix.lower() in AUDIO_SUFFIXES]
    other = [path for path in found if path.suffix.lower() in OTHER_AUDIO_SUFFIXES]
    refused: list[errors.VaultError] = [
        errors.UnsupportedFormat(path, "format", EXPECTED, path.suffix) for path in other
    ]
    if not audio:
        refused.append(errors.NothingUsable(folder, "folder", "audio files", f"none among {len(found)} files"))
    return audio, refused


def _left_by_a_mac(path: Path, folder: Path) -> bool:
    return any(part.startswith(_OF_MACS) for part in path.relative_to(folder).parts)

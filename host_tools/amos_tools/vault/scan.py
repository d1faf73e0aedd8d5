"""Looks through a folder for what can be told of its audio files without their artists."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from amos_tools.stems import BEATS_TOLERANCE_INVERSE
from amos_tools.vault import errors
from amos_tools.vault.audio import AUDIO_SUFFIXES, read_audio
from amos_tools.vault.hints_in_file import Guess, guesses_of_chunks, guesses_of_name
from amos_tools.vault.loudness import measure_mlufs

_RATE_HZ = 44_100
_FIELDS = ("tempo", "key", "beats", "role")
_AGREED = 0.1
"""What two sources say alike is surer by this."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file: its best guess of each field, and what was measured."""

    path: Path
    guesses: dict[str, Guess]
    seconds: float
    loudness_mlufs: int

    def text(self, field: str) -> str:
        """The guess of a field in the words of a sidecar, or nothing."""
        guess = self.guesses.get(field)
        return "" if guess is None else guess.text


def audio_files(folder: Path) -> list[Path]:
    """Every audio file of a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())


def scan_file(path: Path) -> Scanned:
    """Raises a `VaultError` for a file that an import would refuse."""
    samples = read_audio(path, _RATE_HZ).samples
    seconds = len(samples) / _RATE_HZ
    said = guesses_of_chunks(path) + guesses_of_name(path)
    guesses = {field: guess for field in _FIELDS if (guess := _best([one for one in said if one.field == field]))}
    loop = any(one.field == "loop" for one in said)
    beats = _beats_of_length(guesses.get("tempo"), seconds, loop)
    if beats is not None:
        stated = guesses.get("beats")
        agreed = stated is not None and stated.text == beats.text
        if stated is None or agreed:
            guesses["beats"] = _surer(beats) if agreed else beats
    return Scanned(path, guesses, seconds, measure_mlufs(samples, _RATE_HZ))


def scan_folder(folder: Path) -> list[Path]:
    """The files to scan. Raises `NothingUsable`."""
    files = audio_files(folder)
    if not files:
        raise errors.NothingUsable(folder, "folder", "audio files", "none")
    return files


def _best(guesses: list[Guess]) -> Guess | None:
    if not guesses:
        return None
    best = max(guesses, key=lambda guess: guess.confidence)
    others = [guess for guess in guesses if guess is not best and guess.text == best.text]
    return _surer(best) if others else best


def _surer(guess: Guess) -> Guess:
    return Guess(guess.field, guess.text, guess.source, min(0.99, guess.confidence + _AGREED))


def _beats_of_length(tempo: Guess | None, seconds: float, loop: bool) -> Guess | None:
    """Whole beats that the file is as long as; whole bars of four are likelier, and what a sampler loops."""
    if tempo is None:
        return None
    exact = Fraction(seconds) * Fraction(tempo.text) / 60
    beats = round(exact)
    if beats < 1 or abs(exact - beats) * BEATS_TOLERANCE_INVERSE > beats:
        return None
    confidence = tempo.confidence * (0.95 if beats % 4 == 0 else 0.7)
    return Guess("beats", str(beats), "its length and tempo", round(min(0.99, confidence + 0.05 * loop), 2))

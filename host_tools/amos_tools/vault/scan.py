"""Looks through a folder for what can be told of its audio files without their artists."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from amos_tools.stems import BEATS_TOLERANCE_INVERSE
from amos_tools.vault import errors
from amos_tools.vault.findings import Finding
from amos_tools.vault.hints_in_file import Guess, guesses_of_chunks, guesses_of_name
from amos_tools.vault.listening import Listener
from amos_tools.vault.loudness import measure_mlufs
from amos_tools.vault.usable import usable_audio
from amos_tools.vault.wav import wav_bytes

_RATE_HZ = 44_100
_FIELDS = ("tempo", "key", "beats", "role")
_AGREED = 0.1
"""What two sources say alike is surer by this."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file: its best guess of each field, what was measured, and by what its samples are known again."""

    path: Path
    guesses: dict[str, Guess]
    seconds: float
    loudness_mlufs: int
    audio_sha256: bytes

    def text(self, field: str) -> str:
        """The guess of a field in the words of a sidecar, or nothing."""
        guess = self.guesses.get(field)
        return "" if guess is None else guess.text


def scan_file(path: Path, listen: Listener | None) -> Scanned:
    """What names and chunks say, and what is heard where there is a listener.

    Raises a `VaultError` for a file that an import would refuse, or that no sheet can name.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise errors.BadText(path, "file name", "letters of UTF-8", str(path)) from None
    samples = usable_audio(path, _RATE_HZ).samples
    seconds = len(samples) / _RATE_HZ
    said = guesses_of_chunks(path) + guesses_of_name(path) + (listen(samples, _RATE_HZ) if listen else [])
    guesses = {field: guess for field in _FIELDS if (guess := best([one for one in said if one.field == field]))}
    loop = any(one.field == "loop" for one in said)
    beats = [_beats_of_length(guesses.get("tempo"), seconds, loop), guesses.get("beats")]
    if chosen := best([guess for guess in beats if guess is not None]):
        guesses["beats"] = chosen
    sha256 = hashlib.sha256(wav_bytes(samples, _RATE_HZ)).digest()
    return Scanned(path, guesses, seconds, measure_mlufs(samples, _RATE_HZ), sha256)


def same_audio(scanned: Sequence[Scanned], folder: Path) -> list[Finding]:
    """A finding for each file with the audio of one before it."""
    first: dict[bytes, Path] = {}
    findings = []
    for file in scanned:
        other = first.setdefault(file.audio_sha256, file.path)
        if other != file.path:
            found = f"that of {other.relative_to(folder).as_posix()}: one stem"
            findings.append(Finding(str(file.path), "SameAudio", "audio", "audio of its own", found))
    return findings


def best(guesses: Sequence[Guess]) -> Guess | None:
    """The surest guess of one field, surer still if another source says the same; None of none."""
    if not guesses:
        return None
    chosen = max(guesses, key=lambda guess: guess.confidence)
    others = [guess for guess in guesses if guess is not chosen and _alike(guess, chosen)]
    return _surer(chosen) if others else chosen


def _alike(one: Guess, other: Guess) -> bool:
    """Names round a tempo."""
    if one.field == "tempo":
        return abs(float(one.text) - float(other.text)) * BEATS_TOLERANCE_INVERSE <= float(other.text)
    return one.text == other.text


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

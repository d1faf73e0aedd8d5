"""Named refusals of the vault. Each says which file, which field, what was expected and what was found."""

from pathlib import Path

from amos.protocol.printable_host import printable


class VaultError(Exception):
    """Base of every refusal; `str()` is one sentence an operator can act on.

    file      the file concerned, or None
    field     what about it, in the words of the sidecar
    expected  what would have been right
    found     what came, shortened to 80 characters
    """

    def __init__(self, file: Path | str | None, field: str, expected: str, found: object) -> None:
        self.file = None if file is None else str(file)
        self.field = field
        self.expected = expected
        self.found = _shortened(found)
        place = f"{self.file}: " if self.file else ""
        super().__init__(f"{place}{field}: expected {expected}, found {self.found}")

    @property
    def name(self) -> str:
        """The refusal's name, as tables and tests show it."""
        return type(self).__name__


def _shortened(found: object) -> str:
    text = found if isinstance(found, str) else repr(found)
    return printable(text, letters_max=80)


class NotAVault(VaultError):
    """The folder holds no vault, or one that this version cannot read."""


class VaultExists(VaultError):
    """`init` found a vault already there."""


class CatalogueDamaged(VaultError):
    """SQLite refuses the catalogue, or it is locked for too long."""


class StorageFailed(VaultError):
    """The operating system refused to write (disk full, read-only, permissions)."""


class BlobDamaged(VaultError):
    """A stored blob is missing or its bytes no longer have its hash."""


class MissingFile(VaultError):
    """A named file does not exist or cannot be opened."""


class UnsupportedFormat(VaultError):
    """Audio, but not of a kind that the vault reads."""


class UnreadableAudio(VaultError):
    """Not audio, or damaged so that it cannot be decoded."""


class TruncatedAudio(VaultError):
    """The file ends before the audio its header promises."""


class EngineOutput(VaultError):
    """The file says that the engine made it: the vault never takes the engine's own output back in."""


class EmptyAudio(VaultError):
    """The file holds no frames."""


class AudioTooLong(VaultError):
    """Longer than a stem may be."""


class TooManyChannels(VaultError):
    """Neither mono nor stereo."""


class BadSampleRate(VaultError):
    """A sample rate outside what is resampled."""


class NotFinite(VaultError):
    """A sample is NaN or infinite."""


class AudioTooLoud(VaultError):
    """Samples so far beyond full scale that the file is no ordinary audio."""


class SilentAudio(VaultError):
    """Nothing is heard in the file: as a stem it would be paid for time in which it gives nothing."""


class NothingUsable(VaultError):
    """A folder in which there is no audio file."""


class StillOwed(VaultError):
    """A stem that was once opted in stays in the vault: what it earned is paid by what is stated of it."""


class ConsentEnded(VaultError):
    """A stem that was replaced or opted out is to be replaced: what takes its place would lack consent."""


class SameStem(VaultError):
    """A stem is to be replaced by what it is."""


class BadTag(VaultError):
    """A further column whose name or text is too long or unprintable, or too many; a pickup that is no length."""


class MissingFacts(VaultError):
    """No sidecar and no CSV row for an audio file, or a required field is absent."""


class BadSidecar(VaultError):
    """The sidecar or CSV itself cannot be read: encoding, syntax, size, unknown column."""


class DuplicateRow(VaultError):
    """Two CSV rows name the same file."""


class ConflictingFacts(VaultError):
    """Two files of one import hold the same audio and state different facts."""


class BadText(VaultError):
    """A title or artist that is empty, too long or unprintable."""


class BadSlug(VaultError):
    """A payee that is no lower-case slug."""


class BadSplit(VaultError):
    """A split that is not `payee=ppm`, or whose ppm is no whole positive number."""


class DuplicatePayee(VaultError):
    """A payee named twice in one stem's splits."""


class SplitsDoNotSum(VaultError):
    """Splits that do not sum to 1,000,000 ppm."""


class TooManySplits(VaultError):
    """More payees than one stem may have."""


class UnknownRole(VaultError):
    """A role that is none of the eight groups."""


class UnknownKey(VaultError):
    """A key in none of the spellings of `amos_tools.keys`."""


class TempoOutOfRange(VaultError):
    """A tempo that is no number, or outside what music has."""


class BeatsOutOfRange(VaultError):
    """A length in beats that is no whole number in range."""


class OptInMissing(VaultError):
    """The artist's opt-in is neither `yes` nor `no`: silence is not consent."""


class NeverOptedIn(VaultError):
    """A stem that was never opted in is to be opted in again: an artist consents with an import."""


class BadIsrc(VaultError):
    """Not an ISRC (ISO 3901)."""


class BadIswc(VaultError):
    """Not an ISWC (ISO 15707), or its check digit is another."""


class BadUpc(VaultError):
    """Not a UPC or EAN (GS1), or its check digit is another."""


class BadComposer(VaultError):
    """A composer without a name, named twice or with an IPI that is none, or more of them than a stem may have."""


class UnknownAiUse(VaultError):
    """Neither none, assisted nor generated."""


class TrainingUnclear(VaultError):
    """Whether machines may be trained with the stem is neither `yes` nor `no`, nor left out."""


class NotEditable(VaultError):
    """A field that no edit may change: consent is given with an import and ended with an opt-out."""


class NoSuchStem(VaultError):
    """No stem, or more than one, is called so."""

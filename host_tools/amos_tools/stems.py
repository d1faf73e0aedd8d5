"""Facts about one stem, as the vault knows them and the compiler and pack builder use them."""

from dataclasses import dataclass

ROLES = ("beats", "bass", "harmony", "pads", "tops", "melody", "fx", "vocals")
"""AMOS's groups, in the order of their role number (daemon/DESIGN.md section 4)."""

PPM = 1_000_000

BEATS_TOLERANCE_INVERSE = 200
"""A stem whose length is within half a percent of its beats is a loop, and made exactly as long when a pack is built; a
longer one has a tail, which stays."""


@dataclass(frozen=True, slots=True)
class Split:
    """One payee's share of a stem: `payee` is a lower-case slug of at most 64 bytes, `ppm` millionths."""

    payee: str
    ppm: int


@dataclass(frozen=True, slots=True)
class Composer:
    """Who wrote the music; `ipi` is the Interested Parties Information name number, 11 digits."""

    name: str
    ipi: str | None = None


@dataclass(frozen=True, slots=True)
class Credits:
    """Codes and credits that societies and registries ask for. What nobody stated is None, or no composer."""

    iswc: str | None = None  # "T0345246801" (ISO 15707)
    composers: tuple[Composer, ...] = ()
    publisher: str | None = None  # of the musical work
    label: str | None = None  # of the recording
    upc: str | None = None  # of the release: 8, 12, 13 or 14 digits (GS1)
    ai_use: str | None = None  # one of amos.protocol.catalogue.AI_USES; None = never declared
    training: bool | None = None  # whether machines may be trained with it; None = never declared


NO_CREDITS = Credits()


@dataclass(frozen=True, slots=True)
class StemFacts:
    """What is known of a stem in the vault; audio itself is the blob with this SHA-256.

    The blob is a WAV file of 16 or 24 bits, 1 or 2 channels, at `rate_hz`, `frames` long.
    """

    stem_id: bytes  # 16 bytes: the first half of the blob's SHA-256
    sha256: bytes  # 32 bytes, of the blob
    title: str
    artist: str
    role: str  # one of ROLES
    key: str | None  # "D minor", "F# major"; None = unpitched
    tempo_mbpm: int | None  # thousandths of a beat per minute; None = no tempo
    beats: int | None  # length in whole beats, when it loops
    rate_hz: int
    frames: int
    channels: int
    loudness_mlufs: int  # integrated, BS.1770, thousandths of a LUFS (-70000 = silence or too short to tell)
    opt_in: bool
    splits: tuple[Split, ...]  # ppm sums to PPM
    isrc: str | None = None
    credits: Credits = NO_CREDITS
    tags: tuple[tuple[str, str], ...] = ()  # further columns of a sidecar: name and text, in the order of their names

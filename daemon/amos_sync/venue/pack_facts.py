"""What a pack says to people: titles, artists, and which slider a daypart sets at what time."""

from dataclasses import dataclass

from amos.crypto import verify
from amos.protocol.catalogue import TYP_CATALOGUE, Catalogue, Work, open_catalogue
from amos.protocol.cose import parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX
from amos.protocol.manifest import ROLES
from amos.score.score import decode_score
from amos_sync.errors import PackSourceError
from amos_sync.pack_cache import CachedPack


@dataclass(frozen=True)
class StemFacts:
    """Of one stem; without a catalogue its title and artist are None."""

    stem_id: str
    role: str
    title: str | None
    artist: str | None


@dataclass(frozen=True)
class DaypartFacts:
    """On `days` (bits, Monday 0 to Sunday 6, holiday 7) from one minute of the day to another `slider` has `value`."""

    days: int
    from_minute: int
    until_minute: int
    slider: str
    value: float


@dataclass(frozen=True)
class PackFacts:
    """Of one pack."""

    name: str
    serial: int
    stems: tuple[StemFacts, ...]
    dayparts: tuple[DaypartFacts, ...]


def pack_facts(cached: CachedPack, publisher_key: bytes | None) -> PackFacts:
    """Reads files, and where the pack is on the web fetches one; what cannot be had is left out."""
    works = _works(cached, publisher_key)
    manifest = cached.pack.manifest
    stems = []
    for stem in manifest.stems:
        work = works.get(stem.stem_id)
        title, artist = (work.title, work.artist) if work is not None else (None, None)
        stems.append(StemFacts(stem.stem_id.hex(), ROLES[stem.role], title, artist))
    return PackFacts(manifest.name, manifest.serial, tuple(stems), _dayparts(cached))


def _works(cached: CachedPack, key: bytes | None) -> dict[bytes, Work]:
    try:
        data = cached.catalogue()
        if key is not None:
            catalogue = open_catalogue(data, key, verify)
        else:  # shown, and believed by nobody
            catalogue = Catalogue.decode(parse_typed(data, TYP_CATALOGUE, CATALOGUE_BYTES_MAX).payload)
    except (PackSourceError, ProtocolError):
        return {}
    return {work.stem_id: work for work in catalogue.works}


def _dayparts(cached: CachedPack) -> tuple[DaypartFacts, ...]:
    manifest = cached.pack.manifest
    try:
        with open(cached.path(manifest.score_sha256), "rb") as file:
            score = decode_score(file.read(manifest.score_bytes))
    except (OSError, ProtocolError):
        return ()
    return tuple(
        DaypartFacts(
            part.days,
            part.from_minute,
            part.until_minute,
            score.sliders[part.slider].name,
            round(score.sliders[part.slider].value(part.position_q15) / 32768, 4),
        )
        for part in score.dayparts or ()
    )

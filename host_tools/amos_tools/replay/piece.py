"""What a replay needs of a pack: plain values, so that it travels to whoever replays; the stems' sound stays behind."""

from dataclasses import dataclass, field
from functools import lru_cache

from amos.crypto import verify
from amos.edges.stem_file import BlobError
from amos.packs.folder import PackFolder, open_pack
from amos.score.score import Score, decode_score


@dataclass(frozen=True)
class Piece:
    """`folder` and `publisher` open the pack again where its stems are needed."""

    pack_id: bytes
    name: str
    rate_hz: int
    voices: int
    score_sha256: bytes
    score: bytes = field(repr=False)
    stem_ids: tuple[bytes, ...] = field(repr=False)
    stem_frames: tuple[int, ...] = field(repr=False)
    stem_gains_q15: tuple[int, ...] = field(repr=False)
    folder: str = ""
    publisher: bytes = b""

    @property
    def decoded(self) -> Score:
        """The score, as the VM takes it. Raises `ScoreError`."""
        return _decoded(self.score)

    def opened(self) -> PackFolder:
        """The pack with its stems. Raises `ProtocolError`, and `BlobError` where the folder holds another pack."""
        pack = open_pack(self.folder, self.publisher, verify)
        if pack.pack_id != self.pack_id:
            raise BlobError(f"{self.folder}: expected pack {self.pack_id.hex()[:16]}, found {pack.pack_id.hex()[:16]}")
        return pack


def piece_of(pack: PackFolder, publisher: bytes) -> Piece:
    """Raises `BlobError`."""
    manifest = pack.manifest
    return Piece(
        pack_id=pack.pack_id,
        name=manifest.name,
        rate_hz=manifest.rate_hz,
        voices=manifest.voices,
        score_sha256=manifest.score_sha256,
        score=pack.score(),
        stem_ids=tuple(stem.stem_id for stem in manifest.stems),
        stem_frames=tuple(stem.frames for stem in manifest.stems),
        stem_gains_q15=tuple(stem.gain_q15 for stem in manifest.stems),
        folder=pack.path,
        publisher=publisher,
    )


@lru_cache(maxsize=16)
def _decoded(data: bytes) -> Score:
    return decode_score(data)

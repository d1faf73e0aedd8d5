"""The pack's manifest: stems, score, serial and leases, signed by the publisher (SPEC section 4)."""

from amos.compat import const
from amos.protocol.cose import TYP_MANIFEST, open_typed
from amos.protocol.limits import MANIFEST_BYTES_MAX, SCORE_BYTES_MAX, SMALL_TEXT_BYTES_MAX, STEMS_MAX
from amos.protocol.record import U8, U32, U63, UNIX_S_MAX, Record

VERSION = 1
"""Of a manifest without vocals; with them it is one more."""

CODEC_PCM16 = 0
CODEC_QOA = 1
CODECS = ("pcm16", "qoa")

ROLES = ("beats", "bass", "harmony", "pads", "tops", "melody", "fx", "vocals")
"""AMOS's groups; a stem's `role` is an index into this."""
_VOCALS = const(7)

_LEASE_END_UNIX_S_MAX = const(1 << 40)
"""Further off than the calendar goes: 0.1.0 took such ends, and packs that say so stay packs."""


class PackStem(Record):
    """One stem of a pack; its index in the manifest is the `stem` of usage rows."""

    NAME = "stem"
    FIELDS = (
        (1, "stem_id", "bytes", 16),
        (2, "sha256", "bytes", 32),
        (3, "size_bytes", "uint", U32),
        (4, "codec", "uint", len(CODECS) - 1),
        (5, "frames", "uint", U32),
        (6, "channels", "uint", 2),
        (7, "role", "uint", len(ROLES) - 1),
        (8, "key", "text?", 16),
        (9, "tempo_mbpm", "uint?", 1000000),
        (10, "gain_q15", "uint", 32767),
        (11, "artist_id", "bytes", 16),
        (12, "lease_end_unix_s", "uint", _LEASE_END_UNIX_S_MAX),
    )

    stem_id: bytes
    sha256: bytes
    size_bytes: int
    codec: int
    frames: int
    channels: int
    role: int
    key: "str | None"
    tempo_mbpm: "int | None"
    gain_q15: int
    artist_id: bytes
    lease_end_unix_s: int

    def fault(self) -> "str | None":
        if self.channels == 0 or self.frames == 0:
            return "channels and frames: expected at least 1"
        if self.codec == CODEC_PCM16 and self.size_bytes != self.frames * self.channels * 2:
            return "size_bytes: expected %d for pcm16" % (self.frames * self.channels * 2)
        return None


class Manifest(Record):
    """Payload of a manifest. `pack id` is the SHA-256 of the signed bytes."""

    NAME = "manifest"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "serial", "uint", U63),
        (3, "name", "text", SMALL_TEXT_BYTES_MAX),
        (4, "rate_hz", "uint", 192000),
        (5, "board_class", "text", SMALL_TEXT_BYTES_MAX),
        (6, "voices", "uint", 32),
        (7, "lease_end_unix_s", "uint", _LEASE_END_UNIX_S_MAX),
        (8, "score_sha256", "bytes", 32),
        (9, "score_bytes", "uint", SCORE_BYTES_MAX),
        (10, "stems", "records", (PackStem, STEMS_MAX)),
        (11, "issued_unix_s", "uint?", UNIX_S_MAX),
    )

    version: int
    serial: int
    name: str
    rate_hz: int
    board_class: str
    voices: int
    lease_end_unix_s: int
    score_sha256: bytes
    score_bytes: int
    stems: "list[PackStem]"
    issued_unix_s: "int | None"

    def fault(self) -> "str | None":
        needed = VERSION + int(_VOCALS in [stem.role for stem in self.stems])
        if self.version != needed:
            return "version: expected %d, found %d" % (needed, self.version)
        if not self.stems or not self.voices or self.rate_hz < 8000:
            return "stems, voices and rate: expected at least 1, 1 and 8000"
        return None


def open_manifest(data, public_key: bytes, verify) -> Manifest:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Manifest.decode(open_typed(data, TYP_MANIFEST, MANIFEST_BYTES_MAX, public_key, verify))

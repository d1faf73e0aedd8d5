"""A pack on a card or disk: `manifest.cose` and `blobs/<sha256 hex>`, read by name and seek.

    pack = open_pack("/sd/pack", publisher_public, verify)
    pack.manifest, pack.pack_id     facts, and SHA-256 of the signed bytes
    pack.score()                    the score's bytes, hash checked
    pack.stem(index)                a source for the mixer (contract in `amos.sound.mixer`), hash checked
    pack.close()

Contract: read only. A blob is hashed in chunks, never loaded whole, when its stem is asked for the first time; whoever
wants no wait at a placement asks early. A blob of the wrong size or hash, or that is not what its codec makes, raises
`BlobError`, then and ever after, and is noted in the pack's `spoilt`: that stem never plays, the others do. Leases are
the caller's to check, for this edge has no clock. What changes in a file after it was checked is not noticed. At most
`OPEN_STEMS_MAX` files are open, on boards fewer; a stem beyond them is opened again when read.
"""

import hashlib
import os
from binascii import hexlify

from amos.compat import MICROPYTHON, const, error_words
from amos.edges.stem_file import BlobError, FileStem
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import MANIFEST_BYTES_MAX, SCORE_BYTES_MAX
from amos.protocol.manifest import CODEC_QOA, open_manifest

MANIFEST_NAME = "manifest.cose"
BLOBS_NAME = "blobs"
OPEN_STEMS_MAX = 40
"""32 voices and a few that fade; the usual limit of a process is 1,024 files."""

_OPEN_STEMS_SPARE = const(4)
"""On boards as many stems are open as the pack has voices, and so many more: each takes 1 KB or more of the heap."""

_CHUNK_BYTES = 4096 if MICROPYTHON else 1 << 20

_kept = bytearray(_CHUNK_BYTES + 40 if MICROPYTHON else 0)
"""A stereo frame of QOA. Where nothing else reads meanwhile it is kept: amid play a heap may not have as much."""


class PackError(ProtocolError):
    """The folder holds no manifest that can be read."""


def open_pack(path: str, publisher: bytes, verify) -> "PackFolder":
    """The pack in the folder `path`, its manifest verified with the `publisher`'s public key.

    Raises `PackError`, or what `open_manifest` raises (`CoseError`, `SignatureError`, `CborError`, `MessageError`).
    """
    path = str(path)
    signed = _read_capped(path + "/" + MANIFEST_NAME, MANIFEST_BYTES_MAX, PackError)
    return PackFolder(path, open_manifest(signed, publisher, verify), hashlib.sha256(signed).digest())


class PackFolder:
    """An open pack; made by `open_pack`."""

    def __init__(self, path: str, manifest, pack_id: bytes):
        self.path = path
        self.manifest = manifest
        self.pack_id = pack_id
        # Imported here, not with the first stem of a codec: amid play, code would cut a board's heap up.
        self._source_classes = {codec: _source_class(codec) for codec in {stem.codec for stem in manifest.stems}}
        self._stems: list = [None] * len(manifest.stems)  # None: not asked for yet; else a FileStem or a BlobError
        self.spoilt: list = []  # SHA-256 of the blobs that were found wrong
        self._open: list = []  # stems with an open file, the longest open first

    def score(self) -> bytes:
        """The score's bytes. Raises `BlobError`."""
        path = self.blob_path(self.manifest.score_sha256)
        data = _read_capped(path, SCORE_BYTES_MAX, BlobError)
        if hashlib.sha256(data).digest() != self.manifest.score_sha256:
            raise BlobError("score: expected SHA-256 %s, found another" % _hex(self.manifest.score_sha256)[:16])
        return data

    def stem(self, index: int) -> "FileStem":
        """The source of the stem at `index` of the manifest. Raises `BlobError`."""
        found = self._stems[index]
        if found is None:
            found = self._stems[index] = self._verified(index)
            sha256 = self.manifest.stems[index].sha256
            if isinstance(found, BlobError) and sha256 not in self.spoilt:
                self.spoilt.append(sha256)
        if isinstance(found, BlobError):
            raise found
        return found

    def blob_path(self, sha256: bytes) -> str:
        """The file of a blob."""
        return "%s/%s/%s" % (self.path, BLOBS_NAME, _hex(sha256))

    def close(self) -> None:
        """Close every file. Stems read after this open theirs again."""
        while self._open:
            self._open.pop().close()

    def _verified(self, index: int):
        """The stem's source, or the `BlobError` that keeps it silent."""
        facts = self.manifest.stems[index]
        path = self.blob_path(facts.sha256)
        label = "stem %d" % index
        expect_chunks = None
        try:
            if facts.codec == CODEC_QOA:
                from amos.edges.stem_file_qoa import QoaChunks

                expect_chunks = QoaChunks(facts.frames, facts.channels, self.manifest.rate_hz, facts.size_bytes)
            size_bytes = os.stat(path)[6]
            if size_bytes != facts.size_bytes:
                return BlobError("%s: expected %d bytes, found %d" % (label, facts.size_bytes, size_bytes))
            found = _file_sha256(path, expect_chunks)
        except OSError as error:
            return BlobError("%s: expected a readable blob, found %s" % (label, error_words(error)))
        except BlobError as error:
            return BlobError("%s: %s" % (label, error))
        if found != facts.sha256:
            return BlobError("%s: expected SHA-256 %s, found %s" % (label, _hex(facts.sha256)[:16], _hex(found)[:16]))
        return self._source_classes[facts.codec](self.admit, path, facts.frames, facts.channels)

    def admit(self, stem: "FileStem") -> None:
        """Called by a stem that opens its file: closes the one longest open when there are too many."""
        open_max = min(OPEN_STEMS_MAX, self.manifest.voices + _OPEN_STEMS_SPARE) if MICROPYTHON else OPEN_STEMS_MAX
        while len(self._open) >= open_max:
            self._open.pop(0).close()
        self._open.append(stem)


def _source_class(codec: int):
    """The class of a codec's stems; on CPython those that hold their samples for NumPy, which is not here."""
    if codec == CODEC_QOA:
        if MICROPYTHON:
            from amos.edges.stem_file_qoa import QoaStem

            return QoaStem
        from amos.edges.stem_file_numpy import QoaArrayStem

        return QoaArrayStem
    if MICROPYTHON:
        return FileStem
    from amos.edges.stem_file_numpy import MappedStem

    return MappedStem


def _read_capped(path: str, bytes_max: int, error_class) -> bytes:
    try:
        facts = os.stat(path)
        if facts[0] & 0xF000 not in (0x8000, 0x4000):  # a folder says so itself when opened; a pipe would be waited for
            raise error_class("%s: expected a file" % path)
        with open(path, "rb") as file:
            # MicroPython allocates what it is asked to read, whether or not the file has it.
            data = file.read(min(facts[6], bytes_max) + 1)
    except OSError as error:
        raise error_class("%s: expected a readable file, found %s" % (path, error_words(error)))
    if len(data) > bytes_max:
        raise error_class("%s: expected at most %d bytes, found more" % (path, bytes_max))
    return data


def _file_sha256(path: str, expect_chunks) -> bytes:
    """SHA-256 of a file, read in chunks. `expect_chunks`, or None, sizes them and looks into each."""
    digest = hashlib.sha256()
    size = expect_chunks.bytes_max if expect_chunks else _CHUNK_BYTES
    buffer = _kept if len(_kept) >= size else bytearray(size)
    view = memoryview(buffer)[:size]
    with open(path, "rb") as file:
        while True:
            count = file.readinto(view[: expect_chunks.next_bytes()] if expect_chunks else view)
            if not count:
                return digest.digest()
            if expect_chunks:
                expect_chunks.look_into(buffer, count)
            digest.update(view[:count])


def _hex(data: bytes) -> str:
    return hexlify(data).decode()

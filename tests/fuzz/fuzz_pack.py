"""Packs whose files hold anything: opened and played from, or refused by name, by the edge that players use."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np

from amos import crypto
from amos.packs.folder import BLOBS_NAME, MANIFEST_NAME, open_pack
from amos.protocol.cbor import dumps
from amos.protocol.cose import TYP_MANIFEST
from amos.protocol.errors import ProtocolError
from amos.protocol.manifest import CODEC_PCM16, CODEC_QOA, Manifest, PackStem
from amos_tools.pack.qoa import encode_qoa
from fuzz_chance import EDGES, Chance, encoded, resigned, spoil, twisted
from fuzz_messages import TAKEN
from protocol_examples import Party, a_stem
from test_score import score_map

FRAMES = 130
READ_FRAMES_MAX = 90
MANIFEST_KEYS = {name: key for key, name, _kind, _bound in Manifest.FIELDS}
STEM_KEYS = {name: key for key, name, _kind, _bound in PackStem.FIELDS}


class Pack:
    """A folder with a manifest, a score and two stems of each codec, of which something is not as it should be.

    Blobs are spoilt with and without a manifest that names their new hash and size: with it, a decoder meets them.
    """

    NAME, SHARE, CASES = "pack folder", 10, 400

    def __init__(self, chance: Chance):
        self._chance = chance
        self._home = tempfile.TemporaryDirectory(prefix="fuzz")
        self._path = Path(self._home.name)
        (self._path / BLOBS_NAME).mkdir()
        self._publisher = Party(3)
        samples = np.random.RandomState(1).randint(-9000, 9000, (FRAMES, 2)).astype("int16")
        self._score = dumps(score_map())
        self._stems = [
            (CODEC_PCM16, 2, samples.tobytes()),
            (CODEC_PCM16, 1, samples[:, :1].tobytes()),
            (CODEC_QOA, 2, encode_qoa(samples, 48000)),
            (CODEC_QOA, 1, encode_qoa(samples[:, :1], 48000)),
        ]

    def _manifest(self) -> Manifest:
        stems = []
        for codec, channels, blob in self._stems:
            stem = a_stem("s", "a", 0)
            stem.codec, stem.channels, stem.frames = codec, channels, FRAMES
            stem.sha256, stem.size_bytes = hashlib.sha256(blob).digest(), len(blob)
            stems.append(stem)
        return Manifest(
            version=1, serial=1, name="p", rate_hz=48000, board_class="any", voices=8, lease_end_unix_s=1 << 31,
            score_sha256=hashlib.sha256(self._score).digest(), score_bytes=len(self._score), stems=stems,
        )  # fmt: skip

    def case(self) -> str:
        chance, publisher = self._chance, self._publisher
        item = self._manifest().to_map()
        blobs = [true for _codec, _channels, true in self._stems]
        at = chance.below(len(blobs))
        stem = item[MANIFEST_KEYS["stems"]][at]
        if chance.percent(70):
            blobs[at] = self._wrong_blob(blobs[at])
            stem[STEM_KEYS["sha256"]] = hashlib.sha256(blobs[at]).digest()
            stem[STEM_KEYS["size_bytes"]] = len(blobs[at])
        if chance.percent(20):
            stem[STEM_KEYS["frames"]] = 1 + chance.pick(EDGES[:13])
        names = [stem[STEM_KEYS["sha256"]].hex() for stem in item[MANIFEST_KEYS["stems"]]]
        if chance.percent(20):
            blobs[at] = self._wrong_blob(blobs[at])  # and the manifest does not know
        payload = encoded(item)
        payload = twisted(chance, payload) if chance.percent(20) else payload
        signed = resigned(chance, payload, TYP_MANIFEST, publisher.id, publisher.sign)
        files = dict(zip(names, blobs, strict=True))
        files[hashlib.sha256(self._score).hexdigest()] = (
            spoil(chance, self._score) if chance.percent(5) else self._score
        )
        return self._play(spoil(chance, signed) if chance.percent(10) else signed, files)

    def _wrong_blob(self, blob: bytes) -> bytes:
        chance = self._chance
        if chance.percent(50):
            return spoil(chance, blob[:40]) + blob[40:]
        return spoil(chance, blob) if chance.percent(70) else chance.bytes(chance.below(200))

    def _play(self, signed: bytes, files: dict[str, bytes]) -> str:
        (self._path / MANIFEST_NAME).write_bytes(signed)
        for name, data in files.items():
            (self._path / BLOBS_NAME / name).write_bytes(data)
        outcome = TAKEN
        try:
            pack = open_pack(str(self._path), self._publisher.public_key, crypto.verify)
        except ProtocolError as error:
            self._clear()
            return type(error).__name__
        try:
            for index in range(-1, len(pack.manifest.stems)):
                try:
                    pack.score() if index < 0 else self._read(pack.stem(index))
                except ProtocolError as error:
                    outcome = type(error).__name__
        finally:
            pack.close()
            self._clear()
        return outcome

    def _read(self, stem) -> None:
        """Read somewhere, at the front and up to the end."""
        chance = self._chance
        for start in (0, max(0, stem.frames - READ_FRAMES_MAX), chance.below(stem.frames)):
            count = min(READ_FRAMES_MAX, stem.frames - start)
            stem.read_into(bytearray(count * 2 * stem.channels), start, count)

    def _clear(self) -> None:
        for blob in (self._path / BLOBS_NAME).iterdir():
            blob.unlink()

    def finish(self) -> None:
        """Nothing is left behind."""
        self._home.cleanup()


PACK_TARGETS = (Pack,)

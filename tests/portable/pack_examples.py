"""Packs of a few small blobs, signed, for a player's store."""

import hashlib

from amos import crypto
from amos.edges.blob_memory import MemoryFolder
from amos.packs.intake import PackIntake
from amos.packs.store import PackStore
from amos.protocol.cbor import dumps
from amos.protocol.frames import FrameReader, frame
from amos.protocol.limits import RESPONSE_BYTES_MAX
from amos.protocol.link import (
    ACTIVATE,
    BEGIN,
    BLOB_CONTENT,
    BLOB_MANIFEST,
    BUSY,
    FINISH,
    OK,
    PUT,
    Request,
    decode_response,
)
from amos.protocol.link_device import DeviceLink
from amos.protocol.manifest import CODEC_PCM16, Manifest, PackStem
from amos.protocol.signing import sign_manifest
from amos.session.start import check_playable
from protocol_player import fed
from test_score import score_map

PUBLISHER = b"p" * 32
KEY = crypto.public_key(PUBLISHER)
RATE_HZ = 48000
VOICES = 8


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


_signed: dict = {}
_verified: dict = {}


def signed_by(seed):
    """Signs as `seed`, each message once: that takes an emulated board half a second."""

    def sign(message):
        known = (seed, message)
        if known not in _signed:
            _signed[known] = crypto.sign(seed, message)
        return _signed[known]

    return sign


def verify(*known):
    """`crypto.verify`, each signature once."""
    if known not in _verified:
        _verified[known] = crypto.verify(*known)
    return _verified[known]


class Pack:
    """`signed`, its manifest; `id`; `blobs`, hash -> bytes. Stems are noise told by their names."""

    def __init__(self, serial=1, names="abcdefg", frames=300, score=None, seed=PUBLISHER, **changes):
        score = dumps(score_map()) if score is None else score
        stems = []
        self.blobs = {sha256(score): score}
        for name in names:
            blob = b"".join([sha256(name.encode() + n.to_bytes(2, "big")) for n in range(frames * 2 // 32 + 1)])[
                : frames * 2
            ]
            self.blobs[sha256(blob)] = blob
            facts = {"stem_id": sha256(blob)[:16], "sha256": sha256(blob), "size_bytes": len(blob), "channels": 1}
            facts.update(codec=CODEC_PCM16, frames=frames, role=0, gain_q15=32767, artist_id=bytes(16))
            stems.append(PackStem(lease_end_unix_s=1 << 37, **facts))
        told = {
            "version": 1,
            "serial": serial,
            "name": "test",
            "rate_hz": RATE_HZ,
            "board_class": "any",
            "voices": VOICES,
        }
        told.update(lease_end_unix_s=1 << 37, score_sha256=sha256(score), score_bytes=len(score), stems=stems)
        told.update(changes)
        publisher = crypto.key_id(crypto.public_key(seed))
        self.signed = sign_manifest(Manifest(**told), publisher, signed_by(seed))
        self.id = sha256(self.signed)
        self.serial = serial

    def size_bytes(self):
        return len(self.signed) + sum([len(self.blobs[name]) for name in self.blobs])


def board_fault(manifest):
    """A board of so many voices."""
    return None if manifest.voices <= VOICES else "voices: expected at most 8, found %d" % manifest.voices


class Shelf:
    """A player's store on `folder`, and a link to it; nothing else of the player is there."""

    def __init__(self, folder=None, request_bytes_max=240):
        self.folder = folder or MemoryFolder()
        self.store = PackStore(self.folder, KEY, verify)
        self.packs = PackIntake(self.store, board_fault, check_playable)
        self.link = DeviceLink(self, request_bytes_max)

    def ask(self, verb, **fields):
        """One request's response."""
        data = fed(self.link, frame(Request(id=1, verb=verb, **fields).encode()))
        (body,) = FrameReader(RESPONSE_BYTES_MAX).feed(data)
        return decode_response(body)

    def patiently(self, verb, **fields):
        """The same, asked again until the player is not busy."""
        for _try in range(100):
            response = self.ask(verb, **fields)
            if response.code != BUSY:
                return response
            self.packs.tidy()
        raise AssertionError("busy for ever")

    def send_blob(self, kind, data, name=None, until=None):
        """Send a blob, or up to byte `until` of it; the code of the last answer."""
        name = name or sha256(data)
        begun = self.patiently(BEGIN, kind=kind, size=len(data), sha256=name)
        if begun.code != OK:
            return begun.code
        at = begun.offset
        end = len(data) if until is None else min(until, len(data))
        while at < end:
            response = self.ask(PUT, offset=at, data=data[at : min(at + begun.length, end)])
            if response.code != OK:
                return response.code
            at = response.offset
        if at < len(data):
            return OK
        return self.patiently(FINISH, sha256=name).code

    def send(self, pack):
        """Send and activate a pack; the code of the first answer that is not ok, else ok."""
        code = self.send_blob(BLOB_MANIFEST, pack.signed)
        for name in sorted(pack.blobs):
            code = code or self.send_blob(BLOB_CONTENT, pack.blobs[name])
        return code or self.ask(ACTIVATE, sha256=pack.id).code

    def play(self):
        """What a player does at a start, or where a section ends: the id of the pack it plays, None without any."""
        for pack_id in self.store.choices():
            pack = self.store.open(pack_id)
            if self.store.commit(pack):
                self.packs.committed()
            return pack_id
        return None

    def is_whole(self, pack):
        """Whether manifest and every blob of it are here, right."""
        found = self.folder.files.get("blobs/" + pack.id.hex()) == pack.signed
        for name in pack.blobs:
            found = found and self.folder.files.get("blobs/" + name.hex()) == pack.blobs[name]
        return found

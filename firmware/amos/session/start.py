"""What a session begins with: the seed, and a VM that remembers."""

import hashlib

from amos.heap import forget
from amos.score.score import ScoreError, decode_score
from amos.score.vm import Vm

SEED_CONTEXT = b"amos/2/session-seed\x00"
SEED_CONTEXT_1 = b"amos/1/session-seed\x00"


def session_seed(device_id: bytes, pack_id: bytes, session: int, seed_root: "bytes | None") -> bytes:
    """32 bytes that a venue cannot choose: device, pack, session number, and a root of the ledger's tree from before
    the boot, which nobody knew when the pack was made. `seed_root` None: of a session in segments of version 1."""
    head = SEED_CONTEXT_1 if seed_root is None else SEED_CONTEXT
    context = head + device_id + pack_id + (seed_root or b"")
    return hashlib.sha256(context + session.to_bytes(4, "big")).digest()


def recall_vm(score, frames, gains_q15, seed: bytes, memory) -> Vm:
    """The VM, starting from what an earlier session remembered, if that was with this score."""
    if memory:
        try:
            return _vm(score, frames, gains_q15, seed, memory)
        except ScoreError:
            pass
    return _vm(score, frames, gains_q15, seed, None)


def check_playable(pack) -> None:
    """Raise a `ProtocolError` (`BlobError`, `ScoreError`) unless a session can begin with `pack`."""
    manifest, score = pack.manifest, decode_score(pack.score())
    if (score.rate_hz, score.voices) != (manifest.rate_hz, manifest.voices):
        raise ScoreError("score: expected %d Hz and %d voices as in the manifest" % (manifest.rate_hz, manifest.voices))
    frames = [stem.frames for stem in manifest.stems]
    _vm(score, frames, [stem.gain_q15 for stem in manifest.stems], bytes(32), None)


def _vm(score, frames, gains_q15, seed: bytes, memory) -> Vm:
    vm = Vm(score, frames, gains_q15, seed, memory)
    forget("amos.score.checks", "amos.score.version_2", "amos.score.version_3", "amos.score.version_4")
    return vm

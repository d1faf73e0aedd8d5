"""The PCM of a session rendered again, and its hash from seal to seal."""

import hashlib

from amos.packs.folder import PackFolder
from amos.sound.limiter import ceiling_for
from amos.sound.mixer import OUT_FRAME_BYTES, Mixer, make_mixer

BLOCK_FRAMES = 8192


class Sound:
    """The mixer of one session. `take` what it rendered in order; `cut` at each seal."""

    def __init__(self, pack: PackFolder, peak_mdb: int) -> None:
        manifest = pack.manifest
        self.mixer: Mixer = make_mixer(manifest.rate_hz, manifest.voices, BLOCK_FRAMES, ceiling=ceiling_for(peak_mdb))
        self.source_of = pack.stem
        self._digest = hashlib.sha256()
        self._until = 0
        self._beyond = b""

    def take(self, pcm: bytes | memoryview, end_frame: int) -> None:
        """What follows on what was taken; what lies beyond `end_frame` belongs to the segment after."""
        data = self._beyond + bytes(pcm)
        room = max(0, end_frame - self._until) * OUT_FRAME_BYTES
        self._digest.update(data[:room])
        self._until += min(len(data), room) // OUT_FRAME_BYTES
        self._beyond = data[room:]

    def cut(self) -> bytes:
        """The hash of what was taken since the last cut."""
        found = self._digest.digest()
        self._digest = hashlib.sha256()
        return found

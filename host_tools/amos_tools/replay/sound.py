"""The PCM of a session rendered again, and its hash from seal to seal."""

import hashlib

from amos.edges.stem_file import BlobError, FileStem
from amos.packs.folder import PackFolder
from amos.sound.limiter import ceiling_for
from amos.sound.mixer import OUT_FRAME_BYTES, Mixer, make_mixer

BLOCK_FRAMES = 8192


class Unheard:
    """A source in the place of a stem that cannot be read: as long, and silent."""

    def __init__(self, frames: int, channels: int) -> None:
        self.frames, self.channels = frames, channels

    def read_into(self, buffer: bytearray, _start_frame: int, frame_count: int) -> None:
        """Nothing is heard."""
        size = frame_count * self.channels * 2
        buffer[:size] = bytes(size)


class Sound:
    """The mixer of one session. `take` what it rendered in order; `cut` at each seal.

    unreadable  why the first stem of the pack at hand that cannot be read is not heard, which makes another PCM; it is
                placed and metered as any other, for the player had it
    """

    def __init__(self, pack: PackFolder, peak_mdb: int) -> None:
        manifest = pack.manifest
        self.mixer: Mixer = make_mixer(manifest.rate_hz, manifest.voices, BLOCK_FRAMES, ceiling=ceiling_for(peak_mdb))
        self.unreadable: str | None = None
        self._pack = pack
        self._digest = hashlib.sha256()
        self._until = 0
        self._beyond = b""

    def source_of(self, stem: int) -> FileStem | Unheard:
        """What the mixer reads of a stem."""
        try:
            return self._pack.stem(stem)
        except BlobError as error:
            self.unreadable = self.unreadable or str(error)
            facts = self._pack.manifest.stems[stem]
            return Unheard(facts.frames, facts.channels)

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

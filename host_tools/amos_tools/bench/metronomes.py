"""Players that only seal: each has another segment of random bytes after every beat, and trims what is receipted.

All are in one process, so that what a courier costs is told apart from what they cost.
"""

import os
import random
import signal
import time
import traceback
from hashlib import sha256
from pathlib import Path

from amos import __version__
from amos.protocol.limits import LIST_ENTRIES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT, OUTPUT_NONE, STATE_PLAYING, Status
from amos.protocol.segment import CLOCK_SYNCHRONISED
from amos_tools.bench.ledger_fleet import Signer
from amos_tools.bench.many_players import address_of, listening, serve
from amos_tools.bench.stub_ledger import SEQUENCE_BYTES


class Metronome:
    """What `DeviceLink` asks of a player. Segments not yet receipted are made again from their numbers."""

    firmware, board, voices = __version__, "bench", 8
    key_history: bytes | None = None

    def __init__(self, number: int, segment_bytes: int, beat_s: float, first_s: float) -> None:
        self._number, self._key = number, Signer(f"metronome {number}")
        self._bytes, self._beat_s, self._first_s = segment_bytes, beat_s, first_s
        self.identity, self.device_id, self.public_key = self, self._key.id, self._key.public
        self.last_receipted = 0
        self.packs = None

    def sign_identity(self, nonce: bytes) -> bytes:
        return self._key.sign(IDENTIFY_CONTEXT + nonce)

    @property
    def sealed(self) -> int:
        """How many segments it has sealed by now."""
        return max(0, int((time.monotonic() - self._first_s) / self._beat_s) + 1)

    def status(self) -> Status:
        sealed = self.sealed
        return Status(
            device_id=self.device_id, state=STATE_PLAYING, firmware=self.firmware, boot=1, session=1, frame=0,
            rate_hz=48000, uptime_ms=1, next_sequence=sealed + 1, last_receipted=self.last_receipted, unsynced_ms=0,
            clock=CLOCK_SYNCHRONISED, pack=bytes(32), tier=1, underruns=0, damaged_frames=0,
            trimmed=self.last_receipted, output=OUTPUT_NONE, spare_segments=1000, failed_writes=0, spoilt_blobs=0,
        )  # fmt: skip

    def _segment(self, sequence: int) -> bytes:
        draw = random.Random(f"{self._number} {sequence}")
        return sequence.to_bytes(SEQUENCE_BYTES, "big") + draw.randbytes(self._bytes)

    def list_segments(self, first: int) -> list[tuple[int, int, bytes]]:
        first = max(first, self.last_receipted + 1)
        numbers = range(first, min(self.sealed + 1, first + LIST_ENTRIES_MAX))
        segments = [(number, self._segment(number)) for number in numbers]
        return [(number, len(segment), sha256(segment).digest()) for number, segment in segments]

    def segment_size(self, sequence: int) -> int | None:
        held = self.last_receipted < sequence <= self.sealed
        return SEQUENCE_BYTES + self._bytes if held else None

    def read_segment(self, sequence: int, offset: int, length: int) -> bytes:
        return self._segment(sequence)[offset : offset + length]

    def take_receipt(self, sequence: int, _receipt: bytes) -> None:
        self.last_receipted = max(self.last_receipted, sequence)

    def challenge(self) -> bytes:
        return bytes(16)

    def read_logs(self, offset: int, _length: int) -> tuple[int, bytes, int]:
        return offset, b"", 0


def start_metronomes(folder: Path, players: int, segment_bytes: int, beat_s: float) -> tuple[int, list[str]]:
    """(process id, addresses) of so many players, whose beats are spread over `beat_s`; until `stop_metronomes`."""
    listeners = [listening(folder, number) for number in range(players)]
    child = os.fork()
    if not child:
        try:
            began_s = time.monotonic()
            firsts = [began_s + beat_s * number / players for number in range(players)]
            made = [Metronome(number, segment_bytes, beat_s, first_s) for number, first_s in enumerate(firsts)]
            serve(zip(listeners, made, strict=True))
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(1)
    for listener in listeners:
        listener.close()
    return child, [address_of(folder, number) for number in range(players)]


def stop_metronomes(child: int) -> None:
    """End them."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

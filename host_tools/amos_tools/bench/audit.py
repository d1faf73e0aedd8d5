"""Section `audit`: how fast signed play is replayed, in CPU time of this process."""

import hashlib
import time

from amos.protocol.segment import SEAL_INTERVAL
from amos.score.inputs import INPUT_SKIP
from amos_tools.audit.readings import Fault, see
from amos_tools.audit.work import Task, audit_device
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.scene import make_scene
from amos_tools.bench.silent_player import SilentPlayer
from amos_tools.replay.piece import Piece
from amos_tools.simulate import SimStem
from amos_tools.verify.opened import Entries

SEED = b"b" * 32
NOON = 1_772_366_400
HOURS = 24
COUNT, STEMS, BAR_S, RATE_HZ = 8, 24, 2.0, 44_100
SEGMENT_S, BLOCK_FRAMES = 600, 1 << 16


def measure(scale: float) -> list[Figure]:
    """All figures of the section."""
    return measured("audit", "replay audit", lambda: _replay(scale))


def _replay(scale: float) -> list[Figure]:
    """A day of eight slots, with an input in each segment: signatures verified, decoded, decided anew, compared."""
    note_progress("replay audit")
    piece = _piece()
    hours = max(1 / 6, HOURS * scale)
    player = signed(piece, hours)
    entries = tuple(player.segments)
    batch = Entries(0, entries, {player.device_id: player.public_key})
    task = Task(player.device_id, entries, {piece.pack_id: piece}, False, frozenset())
    took = 0.0
    for attempt in range(2):
        started = time.process_time()
        faults = sum(seen is None or isinstance(seen, Fault) for seen in see(batch))
        (judged,) = audit_device(task)
        once = time.process_time() - started
        took = once if not attempt else min(took, once)
    if faults or judged.agree != len(entries):
        raise RuntimeError(f"replay audit: expected {len(entries)} segments that agree, found {judged.agree}")
    seconds = judged.frames / piece.rate_hz
    note = f"{seconds / 3600:.3g} h in {len(entries)} segments of {judged.rows:,} rows, 8 slots; signatures included"
    return [Figure("audit", "replay audit", seconds / took, "x real time", ("at least", 20_000), note)]


def signed(piece: Piece, hours: float, seed: bytes = SEED) -> SilentPlayer:
    """A player that played so long, and was asked to skip once a segment."""
    player = SilentPlayer(seed, NOON)
    player.begin(piece)
    for _segment in range(round(hours * 3600 / SEGMENT_S)):
        player.input(INPUT_SKIP, 0)
        for _block in range(SEGMENT_S * piece.rate_hz // BLOCK_FRAMES):
            player.play(BLOCK_FRAMES)
        player.seal(SEAL_INTERVAL)
    return player


def _piece() -> Piece:
    scene = make_scene(COUNT, STEMS, BAR_S, RATE_HZ)
    stems: list[SimStem] = scene.stems
    return Piece(
        pack_id=hashlib.sha256(scene.score_bytes).digest(),
        name="bench",
        rate_hz=RATE_HZ,
        voices=scene.score.voices,
        score_sha256=scene.score.sha256,
        score=scene.score_bytes,
        stem_ids=tuple(number.to_bytes(16, "big") for number in range(len(stems))),
        stem_frames=tuple(stem.frames for stem in stems),
        stem_gains_q15=tuple(stem.gain_q15 for stem in stems),
    )

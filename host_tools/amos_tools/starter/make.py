"""Makes the starter vault: every piece to int16, stored with its facts."""

from pathlib import Path

import numpy as np

from amos_tools.starter.repertoire import PIECES, Piece
from amos_tools.starter.sound import BEATS_PER_BAR, RATE_HZ, TEMPO_BPM, Signal, swell
from amos_tools.vault import StatedFacts, Vault
from amos_tools.vault.audio import Int16Frames, to_int16

PEAK = 0.7
"""-3.1 dBFS: room for the mixer's interpolation and for lossy copies."""
_EDGE_IN_FRAMES = 64
_EDGE_OUT_FRAMES = 512


def make_starter_vault(path: Path | str) -> Vault:
    """Make the vault with the starter repertoire in the folder `path` and open it. Raises `VaultExists`."""
    vault = Vault.init(path, RATE_HZ)
    for piece in PIECES:
        vault.import_samples(render(piece), _facts(piece))
    return vault


def render(piece: Piece) -> Int16Frames:
    """The stem's samples, int16 of shape (frames, 2): peak at `PEAK`. First and last frame are silent (no clicks), but
    those of a piece that goes round, which would be heard as a gap at its seam."""
    signal: Signal = piece.make()
    if not piece.goes_round:
        signal *= swell(signal.shape[1], _EDGE_IN_FRAMES, _EDGE_OUT_FRAMES)
    signal *= PEAK / float(np.max(np.abs(signal)))
    return np.ascontiguousarray(to_int16(signal).T)


def _facts(piece: Piece) -> StatedFacts:
    return StatedFacts(
        title=piece.title,
        artist=piece.artist,
        splits=piece.splits,
        role=piece.role,
        opt_in=piece.opt_in,
        key=piece.key,
        tempo_mbpm=TEMPO_BPM * 1000 if piece.bars else None,
        beats=piece.bars * BEATS_PER_BAR or None,
        tags=piece.tags,
    )

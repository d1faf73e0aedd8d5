"""What the shape of a layer leaves of each stem of its pool, as loud as the player makes it.

A pan turns one side down, a width to the middle cancels what the sides have against one another, a low-pass takes what
lies above: what has nothing else is not heard, and would be paid for its time.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from amos.score.score import Score
from amos.sound import shape_numpy
from amos.sound.shape import ShapedSource
from amos_tools.pack.forecast import sides_power
from amos_tools.pack.profile import profile_of
from amos_tools.pack.sample_render import PcmSource
from amos_tools.vault.audio import FloatFrames, Int16Frames

NAMED_MDB = 30_000
"""What has lost so much is hardly heard beside others."""
SILENT_MDB = 60_000
"""Of music of up to -10 LUFS this is below -70 LUFS, which no loudness counts."""

_FULL = 32_767
_LEAST_POWER = 1e-14


class ShapedIn(NamedTuple):
    """A section with a layer in this shape."""

    section: str
    shape: tuple[int, ...]

    def words(self) -> str:
        """What a script calls the parts of the shape."""
        mid, side, left, right, pole = self.shape
        parts = (("`pan`", left != right), ("`width`", mid != side), ("`lowpass`", pole))
        return " and ".join(word for word, used in parts if used)


class Loss(NamedTuple):
    """By how many thousandths of a decibel the stem is softer there than the level that its gain holds."""

    mdb: int
    place: ShapedIn


def shapes_over(score: Score) -> list[list[ShapedIn]]:
    """Of each stem of the table, the shapes in which layers may play it, each with the first section that has it."""
    found: list[dict[tuple[int, ...], ShapedIn]] = [{} for _ in range(score.stems)]
    for section in score.sections:
        for layer in section.layers:
            if layer.shape is None:
                continue
            shape, pool = tuple(layer.shape), score.pools[layer.pool]
            for stem in {stem for row in (pool.stems, pool.off_key, pool.off_tempo) for stem in row or ()}:
                found[stem].setdefault(shape, ShapedIn(section.name, shape))
    return [list(shapes.values()) for shapes in found]


def greatest_loss(samples: FloatFrames, rate_hz: int, places: Sequence[ShapedIn]) -> Loss | None:
    """Where the most is lost of `samples` of shape (frames, 1 or 2), which are not silent; None in no shape."""
    if not places:
        return None
    # As loud as 16 bits hold, so that what is left is well above their steps.
    loud = np.rint(samples * (_FULL / np.abs(samples).max())).astype(np.int16)
    power = _power(loud, rate_hz)
    losses = [
        Loss(_fall_mdb(power * sides_power(place.shape), _shaped(loud, place.shape), rate_hz), place)
        for place in places
    ]
    return max(losses, key=lambda loss: loss.mdb)


def _fall_mdb(held: float, shaped: Int16Frames, rate_hz: int) -> int:
    return round(10_000 * math.log10(held / _power(shaped, rate_hz)))


def _power(samples: Int16Frames, rate_hz: int) -> float:
    return max(float(profile_of(samples.astype(np.float32) / np.float32(_FULL), rate_hz).mean()), _LEAST_POWER)


def _shaped(samples: Int16Frames, shape: Sequence[int]) -> Int16Frames:
    """The samples as the player shapes them."""
    frames, channels = samples.shape
    source = ShapedSource(PcmSource(frames, channels, samples.reshape(-1)), shape, shape_numpy)
    buffer = bytearray(4 * frames)
    source.read_into(buffer, 0, frames)
    result: Int16Frames = np.frombuffer(buffer, "<i2")[: source.channels * frames].reshape(-1, source.channels)
    return result

"""How loud each stem is in a pack, so that a mix of stems lands near the script's target. Pure.

Rule. Stems are uncorrelated, so their powers add. In one section the layers' expected power, as a multiple of one
stem at unit gain, is the sum over layers of (mean of count min and max) x gain^2, halved where a layer plays by chance.
The loudest section of the script is meant to reach the target:

    working loudness = target - 10 log10(power of the loudest section)

and a stem's gain brings it from its own loudness to that. It never rises above unity (a stem quieter than the working
loudness stays as it is; amplifying noise helps nobody), and never lets the stem's own peak pass the script's ceiling.
"""

import math

from amos.player.score import Layer, Score, ScoreSection

UNITY_Q15 = 32768
GAIN_Q15_MAX = 32767
"""What the manifest can say; 0.0003 dB under unity."""


def working_mlufs(score: Score) -> int:
    """Loudness each stem is brought to, in thousandths of a LUFS."""
    power = max((_section_power(section) for section in score.sections), default=1.0)
    return score.target_mlufs if power <= 0 else score.target_mlufs - round(10_000 * math.log10(power))


def stem_gain_q15(loudness_mlufs: int, peak: int, working: int, ceiling_mdb: int) -> int:
    """Gain for a stem of `loudness_mlufs` whose largest sample has magnitude `peak` (0 .. 32768); 1 .. 32767."""
    wanted = _linear(working - loudness_mlufs) * UNITY_Q15
    safe = _linear(ceiling_mdb) * 32768 / max(peak, 1) * UNITY_Q15
    return max(1, min(math.floor(wanted), math.floor(safe), GAIN_Q15_MAX))


def _section_power(section: ScoreSection) -> float:
    return sum(_layer_power(layer) for layer in section.layers)


def _layer_power(layer: Layer) -> float:
    count = (layer.count_min + layer.count_max) / 2
    gain = layer.gain_q15 / UNITY_Q15
    return count * gain * gain * (1.0 if layer.chance is None else 0.5)


def _linear(mdb: int) -> float:
    return float(10 ** (mdb / 20_000))

"""The short fade at the edges of sound: where an output begins, goes on after a break, or ends, nothing may click.

It is the output's, not the score's: the placements count as delivered in full, and `pcm_sha256` is of the samples
before it (SPEC.md, "Edges").
"""

from amos.compat import sample_view
from amos.sound.fade_table import FADE_Q15, FADE_STEPS

RAMP_FRAMES = 512
"""11 ms at 48 kHz, 23 ms at 22050 Hz: a click is shorter, an opt-out's fade longer."""

UNITY_BITS = 15


def ramped(pcm, rising: bool) -> bytearray:
    """A copy of int16 stereo bytes whose first (`rising`) or last frames, at most RAMP_FRAMES, are faded in or out.

    The gain is the square of a sine, so that slope and level are continuous at both ends.
    """
    faded = bytearray(pcm)
    samples = sample_view(faded)
    frames = len(faded) // 4
    count = min(frames, RAMP_FRAMES)
    for number in range(count):
        step, rest = divmod((number + 1) * FADE_STEPS, count + 1)
        sine = FADE_Q15[step] + (FADE_Q15[step + 1] - FADE_Q15[step]) * rest // (count + 1)
        gain = sine * sine >> UNITY_BITS
        at = 2 * (number if rising else frames - 1 - number)
        samples[at] = samples[at] * gain >> UNITY_BITS
        samples[at + 1] = samples[at + 1] * gain >> UNITY_BITS
    return faded

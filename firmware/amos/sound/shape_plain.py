"""The kernels of `shape` in plain Python: the reading version of `SPEC.md`, "Shape", and for ports without viper.

`pcm` is bytes of int16, little-endian, changed in place.
"""

from amos.sound.mixer_plain import UNITY_HALF, sample_at, write_sample
from amos.sound.shape import FRACTION_BITS, HEARD_FROM, RUN_FRAMES, STATE_WORDS


def low_pass(pcm, table, channel: int, state, channels: int, frames: int) -> None:
    """Darken one channel. Its part of `state`: what is kept from run to run, frames of this run, and their samples."""
    first = STATE_WORDS * channel
    kept, run = state[first], state[first + 1]
    whole = kept + 128 >> FRACTION_BITS
    for frame in range(frames):
        at = channels * frame + channel
        state[first + HEARD_FROM + run] = sample_at(pcm, at)
        total = table[run] * whole
        for heard in range(run + 1):
            total += table[RUN_FRAMES + run - heard] * state[first + HEARD_FROM + heard]
        write_sample(pcm, at, total + UNITY_HALF >> 15)
        run += 1
        if run == RUN_FRAMES:
            rest = table[run - 1] * (kept - (whole << FRACTION_BITS)) >> FRACTION_BITS
            kept = total + rest >> 15 - FRACTION_BITS
            whole = kept + 128 >> FRACTION_BITS
            run = 0
    state[first], state[first + 1] = kept, run


def turn_sides(pcm, gains, frames: int) -> None:
    """Mix left and right of `frames` frames, by the gains of `shape.side_gains`."""
    for at in range(0, 2 * frames, 2):
        left, right = sample_at(pcm, at), sample_at(pcm, at + 1)
        write_sample(pcm, at, gains[0] * left + gains[1] * right + UNITY_HALF >> 15)
        write_sample(pcm, at + 1, gains[2] * left + gains[3] * right + UNITY_HALF >> 15)


def spread(pcm, gains, frames: int) -> None:
    """Make two channels of one, in the room of two, by a gain for each."""
    for frame in range(frames - 1, -1, -1):
        sample = sample_at(pcm, frame)
        write_sample(pcm, 2 * frame, gains[0] * sample + UNITY_HALF >> 15)
        write_sample(pcm, 2 * frame + 1, gains[1] * sample + UNITY_HALF >> 15)

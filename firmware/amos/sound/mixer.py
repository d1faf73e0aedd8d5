"""Sum of voices, ducking, gains and limiter: events and sources in, int16 stereo blocks out.

`SPEC.md` holds the arithmetic. Every backend gives the same samples, for any sequence of block sizes:

    mixer = make_mixer(48000, voices_max=8, block_frames_max=4096)
    while ...:
        for event in events_before(mixer.frame + frames + LOOKAHEAD_FRAMES):
            mixer.start(event, source)  # or mixer.stop(event), mixer.glide(event), mixer.duck(event),
                                        # mixer.set_volume(frame, gain_q15)
        pcm = mixer.render(frames)

The limiter sees one cell ahead, so the events of that cell must be known too: `event_frame` is the earliest frame
that an event may still have. Nothing is delayed: an event at frame f is heard in frame f of the output.

A *source* gives the PCM of one stem, int16 little-endian, interleaved:

    frames      int, its length
    channels    int, 1 or 2; one channel sounds on both sides
    read_into(buffer, start_frame, frame_count)
                fill the first frame_count * channels * 2 bytes of `buffer`; all of them, or raise. Called with ranges
                inside 0 .. frames, in order, once per block and voice (and once more at a Stop)
    samples     optional: 1-D int16 NumPy array of frames * channels. The NumPy backend then reads it in place
"""

from amos.compat import MICROPYTHON
from amos.sound.limiter import FULL_SCALE, UNITY_Q15
from amos.sound.mixer_base import EVENTS_PENDING_MAX, LOOKAHEAD_FRAMES, OUT_FRAME_BYTES, Mixer

__all__ = ["EVENTS_PENDING_MAX", "LOOKAHEAD_FRAMES", "OUT_FRAME_BYTES", "Mixer", "make_buffers", "make_mixer"]


def make_mixer(
    rate_hz: int,
    voices_max: int,
    block_frames_max: int,
    master_gain_q15: int = UNITY_Q15,
    backend: "str | None" = None,
    ceiling: int = FULL_SCALE,
    buffers=None,
) -> "Mixer":
    """A mixer at frame 0. `backend`: "numpy", "viper" or "plain"; None takes the fastest one this runtime has.

    master_gain_q15 is 1 .. 32768 (unity). Silence is not a gain: a VM that is paused places nothing.
    ceiling is the greatest sample that comes out, 1024 .. 32767 (`limiter.ceiling_for` a true peak).
    buffers are what `make_buffers` gave for these block frames, not in use by another mixer; None makes them.
    """
    if backend is None:
        backend = _fastest_backend()
    if backend == "numpy":
        from amos.sound.mixer_numpy import NumpyMixer

        return NumpyMixer(rate_hz, voices_max, block_frames_max, master_gain_q15, ceiling)
    from amos.sound.mixer_cells import CellBuffers, CellMixer

    if backend == "viper":
        from amos.sound import mixer_viper as kernel
    elif backend == "plain":
        from amos.sound import mixer_plain as kernel
    else:
        raise ValueError("backend: expected numpy, viper or plain, got %r" % (backend,))
    if buffers is None:
        buffers = CellBuffers(block_frames_max)
    return CellMixer(rate_hz, voices_max, block_frames_max, master_gain_q15, ceiling, kernel, buffers)


def make_buffers(block_frames_max: int):
    """The large pieces of memory of this runtime's fastest mixer, for one mixer after the other; None where a mixer
    finds its own at any time."""
    if _fastest_backend() == "numpy":
        return None
    from amos.sound.mixer_cells import CellBuffers

    return CellBuffers(block_frames_max)


def _fastest_backend() -> str:
    if not MICROPYTHON:
        return "numpy"
    try:
        from amos.sound import mixer_viper  # noqa: F401
    except (ImportError, SyntaxError):  # a port without the native emitter refuses the decorator
        return "plain"
    return "viper"

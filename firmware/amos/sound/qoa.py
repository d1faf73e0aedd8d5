"""QOA, the "Quite OK Audio" format (qoaformat.org): its layout in bytes, and the decoder for reading and for ports
without viper. `SPEC.md`, "QOA", says which QOA files a pack may hold and what is decoded from any bits.

A kernel is a module with `load_state`, `decode` and `copy`; `qoa_viper` is another one, and `qoa_numpy` does whole
frames side by side.
"""

from array import array

SLICE_FRAMES = 20
SLICE_BYTES = 8
FRAME_SLICES = 256
FRAME_FRAMES = FRAME_SLICES * SLICE_FRAMES
FILE_HEADER_BYTES = 8
FRAME_HEADER_BYTES = 8
STATE_BYTES = 16  # of each channel: four samples of history and four weights, int16 big-endian
STATE_LENGTH = 8
RATE_HZ_MAX = 0xFFFFFF

# Residuals of each scale factor: 3/4, 5/2, 9/2 and 7 of it, rounded to the nearest, ties away from 0.
# fmt: off
SCALE_FACTORS = (1, 7, 21, 45, 84, 138, 211, 304, 421, 562, 731, 928, 1157, 1419, 1715, 2048)
# fmt: on


def _residuals() -> list:
    found = []
    for scale in SCALE_FACTORS:
        for quarters in (3, 10, 18, 28):
            residual = (scale * quarters + 2) >> 2
            found += [residual, -residual]
    return found


RESIDUALS = array("h", _residuals())
"""By 8 * number of the scale factor + 3 bits of the slice."""


def slices_of(frames: int) -> int:
    """Slices of each channel that hold `frames` frames."""
    return (frames + SLICE_FRAMES - 1) // SLICE_FRAMES


def frame_offset(index: int, channels: int) -> int:
    """Where in the file frame number `index` begins; all before it are full."""
    full_bytes = FRAME_HEADER_BYTES + channels * (STATE_BYTES + FRAME_SLICES * SLICE_BYTES)
    return FILE_HEADER_BYTES + index * full_bytes


def frame_bytes(frames: int, channels: int) -> int:
    """Size of a QOA frame that holds `frames` frames of audio, 1 to 5120."""
    return FRAME_HEADER_BYTES + channels * (STATE_BYTES + slices_of(frames) * SLICE_BYTES)


def file_bytes(frames: int, channels: int) -> int:
    """Size of the file of a stem of `frames` frames, at least 1."""
    full, rest = divmod(frames, FRAME_FRAMES)
    return frame_offset(full, channels) + (frame_bytes(rest, channels) if rest else 0)


def file_header(frames: int) -> bytes:
    """The file's first 8 bytes."""
    return b"qoaf" + frames.to_bytes(4, "big")


def frame_header(rate_hz: int, frames: int, channels: int) -> bytes:
    """A frame's first 8 bytes."""
    size_bytes = frame_bytes(frames, channels)
    return bytes((channels,)) + rate_hz.to_bytes(3, "big") + frames.to_bytes(2, "big") + size_bytes.to_bytes(2, "big")


def load_state(state, data, at: int) -> None:
    """Fill `state`, int32 of 8 (history, then weights), from the 16 bytes of a channel at `at` of a frame."""
    for i in range(STATE_LENGTH):
        state[i] = ((data[at + 2 * i] << 8 | data[at + 2 * i + 1]) ^ 0x8000) - 0x8000


def decode(state, data, at: int, slices: int, channels: int, out, out_at: int) -> None:
    """Decode `slices` slices of one channel, the first at byte `at` of `data`, to `out` from sample `out_at` on.

    data    bytes; slices of a channel are 8 * channels bytes apart
    out     bytearray of int16 little-endian; samples of a channel are `channels` samples apart
    state   goes on to where the last slice ends
    """
    history = list(state[:4])
    weights = list(state[4:8])
    for _ in range(slices):
        bits = int.from_bytes(data[at : at + SLICE_BYTES], "big")
        scale = bits >> 60 << 3
        for shift in range(57, -1, -3):
            residual = RESIDUALS[scale + (bits >> shift & 7)]
            total = 0
            for i in range(4):
                total += history[i] * weights[i]
            # A sum wraps at 32 bits, as it does in the machine's own words.
            sample = ((total + 0x80000000 & 0xFFFFFFFF) - 0x80000000 >> 13) + residual
            sample = max(-32768, min(32767, sample))
            change = residual >> 4
            for i in range(4):
                weights[i] += -change if history[i] < 0 else change
            history = [history[1], history[2], history[3], sample]
            out[2 * out_at] = sample & 0xFF
            out[2 * out_at + 1] = sample >> 8 & 0xFF
            out_at += channels
        at += SLICE_BYTES * channels
    for i in range(4):
        state[i] = history[i]
        state[4 + i] = weights[i]


def copy(out, out_at: int, pcm, at: int, samples: int) -> None:
    """Copy `samples` samples, int16, from sample `at` of `pcm` to sample `out_at` of `out`."""
    out[2 * out_at : 2 * (out_at + samples)] = pcm[2 * at : 2 * (at + samples)]

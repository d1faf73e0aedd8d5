"""The canonical WAV of a blob: 44 bytes of header, then int16 little-endian; same audio, same bytes."""

import struct

import numpy as np

from amos_tools.vault.audio import Int16Frames

HEADER_BYTES = 44
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def wav_bytes(samples: Int16Frames, rate_hz: int) -> bytes:
    """The WAV file of int16 `samples` of shape (frames, channels)."""
    channels = samples.shape[1]
    body = samples.astype("<i2", copy=False).tobytes()
    frame_bytes = 2 * channels
    header = _HEADER.pack(
        b"RIFF", 36 + len(body), b"WAVE",
        b"fmt ", 16, 1, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, 16,
        b"data", len(body),
    )  # fmt: skip
    return header + body


def wav_samples(data: bytes, channels: int) -> Int16Frames:
    """The samples of a canonical WAV, shape (frames, channels); a read-only view of `data`."""
    return np.frombuffer(data, dtype="<i2", offset=HEADER_BYTES).reshape(-1, channels)

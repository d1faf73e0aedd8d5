"""The canonical WAV of a blob: 44 bytes of header, then 16 or 24 bits, little-endian; same audio, same bytes."""

import struct

import numpy as np

from amos_tools.vault.audio import StoredFrames

HEADER_BYTES = 44
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BITS_AT = 34


def wav_bytes(samples: StoredFrames, rate_hz: int) -> bytes:
    """The WAV file of `samples` of shape (frames, channels): of 16 bits for int16, of the upper 24 for int32."""
    channels = samples.shape[1]
    if samples.dtype == np.int16:
        bits, body = 16, samples.astype("<i2", copy=False).tobytes()
    else:
        whole = np.ascontiguousarray(samples, "<i4").view(np.uint8).reshape(-1, 4)
        bits, body = 24, whole[:, 1:].tobytes()
    frame_bytes = bits // 8 * channels
    header = _HEADER.pack(
        b"RIFF", 36 + len(body), b"WAVE",
        b"fmt ", 16, 1, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, bits,
        b"data", len(body),
    )  # fmt: skip
    return header + body


def wav_samples(data: bytes, channels: int) -> StoredFrames:
    """The samples of a canonical WAV, shape (frames, channels), as `wav_bytes` takes them."""
    if data[_BITS_AT] == 16:
        return np.frombuffer(data, dtype="<i2", offset=HEADER_BYTES).reshape(-1, channels)
    triples = np.frombuffer(data, np.uint8, offset=HEADER_BYTES).reshape(-1, 3)
    whole = np.zeros((len(triples), 4), np.uint8)
    whole[:, 1:] = triples
    return whole.view("<i4").reshape(-1, channels)

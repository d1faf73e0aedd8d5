"""An audio file in, int16 frames at the vault's rate out: decode, check, resample, round.

What decodes and resamples is imported where it is used: machines that only play, or only fetch and prove, lack it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amos_tools.vault import errors
from amos_tools.vault.container import check_complete
from amos_tools.vault.limits import PEAK_MAX, SOURCE_RATE_HZ_MAX, SOURCE_RATE_HZ_MIN, STEM_SECONDS_MAX

Int16Frames = NDArray[np.int16]
"""int16 samples of shape (frames, channels)."""

Int24Frames = NDArray[np.int32]
"""24-bit samples of shape (frames, channels), in the upper bits of int32: full scale is 2**31."""
StoredFrames = Int16Frames | Int24Frames
FloatFrames = NDArray[np.float32]
"""float32 samples of shape (frames, channels), full scale 1: 24 bits, exactly."""

_FORMATS = {"WAV": "wav", "WAVEX": "wav", "FLAC": "flac", "AIFF": "aiff", "OGG": "ogg"}
_BLOCK_FRAMES = 1 << 20
AUDIO_SUFFIXES = (".wav", ".flac", ".aiff", ".aif", ".ogg", ".oga", ".opus")


@dataclass(frozen=True, slots=True)
class _Header:
    format: str
    rate_hz: int
    frames: int
    channels: int
    is_int16: bool


def read_audio(path: Path, rate_hz: int) -> Int16Frames:
    """Decode `path`, resample it to `rate_hz`, round to int16 of shape (frames, channels).

    Rounding is to nearest (ties to even) of sample x 32768, saturating: an int16 file at `rate_hz` comes out unchanged.
    Raises the `VaultError` that says what is wrong with the file.
    """
    import soundfile
    import soxr

    header = _read_header(path)
    if header.is_int16 and header.rate_hz == rate_hz:
        return _decode_int16(path, header)
    pieces: list[Int16Frames] = []
    stream = soxr.ResampleStream(header.rate_hz, rate_hz, header.channels, dtype="float32", quality="VHQ")
    left = header.frames
    try:
        with soundfile.SoundFile(path) as file:
            while left > 0:
                block = file.read(min(left, _BLOCK_FRAMES), dtype="float32", always_2d=True)
                if len(block) == 0:
                    raise errors.TruncatedAudio(path, "audio", f"{header.frames} frames", header.frames - left)
                _check_samples(path, block)
                left -= len(block)
                if header.rate_hz != rate_hz:
                    block = stream.resample_chunk(block, last=left == 0)
                pieces.append(to_int16(block))
    except soundfile.LibsndfileError as error:
        raise errors.UnreadableAudio(path, "audio", "audio that decodes to its end", error.error_string) from None
    return _joined(path, pieces)


def to_int16(samples: NDArray[np.float32] | NDArray[np.float64]) -> Int16Frames:
    """Samples of full scale 1.0 as int16: x 32768, nearest, saturated."""
    return np.clip(np.rint(samples * samples.dtype.type(32768)), -32768, 32767).astype(np.int16)


def to_int24(samples: NDArray[np.float32]) -> Int24Frames:
    """Samples of full scale 1.0 as 24 bits: x 2**23, nearest, saturated."""
    steps = np.clip(np.rint(samples.astype(np.float64) * (1 << 23)), -(1 << 23), (1 << 23) - 1)
    return steps.astype(np.int32) << 8


def to_float(samples: StoredFrames) -> FloatFrames:
    """Stored samples as float32 of full scale 1; nothing is lost."""
    return samples.astype(np.float32) / np.float32(1 << (15 if samples.dtype == np.int16 else 31))


def _read_header(path: Path) -> _Header:
    """Check everything the header says before a frame is decoded."""
    import soundfile

    if not path.is_file():
        raise errors.MissingFile(path, "file", "an audio file", "none")
    try:
        with soundfile.SoundFile(path) as file:
            header = _Header(file.format, file.samplerate, file.frames, file.channels, file.subtype == "PCM_16")
    except soundfile.LibsndfileError as error:
        raise errors.UnreadableAudio(path, "audio", "WAV, FLAC, AIFF or OGG", error.error_string) from None
    except (OSError, TypeError, ValueError) as error:
        raise errors.UnreadableAudio(path, "audio", "WAV, FLAC, AIFF or OGG", str(error)) from None
    if header.format not in _FORMATS:
        raise errors.UnsupportedFormat(path, "format", "WAV, FLAC, AIFF or OGG", header.format)
    if header.channels not in (1, 2):
        raise errors.TooManyChannels(path, "channels", "1 or 2", header.channels)
    if not SOURCE_RATE_HZ_MIN <= header.rate_hz <= SOURCE_RATE_HZ_MAX:
        expected = f"{SOURCE_RATE_HZ_MIN} to {SOURCE_RATE_HZ_MAX} Hz"
        raise errors.BadSampleRate(path, "sample rate", expected, header.rate_hz)
    check_complete(path, _FORMATS[header.format])
    if header.frames < 1:
        raise errors.EmptyAudio(path, "frames", "at least 1", header.frames)
    if header.frames > STEM_SECONDS_MAX * header.rate_hz:
        found = f"{header.frames // header.rate_hz} s"
        raise errors.AudioTooLong(path, "length", f"at most {STEM_SECONDS_MAX} s", found)
    return header


def _decode_int16(path: Path, header: _Header) -> Int16Frames:
    import soundfile

    try:
        samples, _rate = soundfile.read(path, dtype="int16", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise errors.UnreadableAudio(path, "audio", "audio that decodes to its end", error.error_string) from None
    if len(samples) < header.frames:
        raise errors.TruncatedAudio(path, "audio", f"{header.frames} frames", len(samples))
    return np.ascontiguousarray(samples, dtype=np.int16)


def _check_samples(path: Path, block: NDArray[np.float32]) -> None:
    peak = float(np.max(np.abs(block)))  # NaN spreads through max
    if not np.isfinite(peak):
        raise errors.NotFinite(path, "samples", "finite numbers", "NaN or infinity")
    if peak > PEAK_MAX:
        raise errors.AudioTooLoud(path, "peak", f"at most {PEAK_MAX} of full scale", f"{peak:.3g}")


def _joined(path: Path, pieces: list[Int16Frames]) -> Int16Frames:
    samples = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    if len(samples) == 0:
        raise errors.EmptyAudio(path, "frames", "at least 1 at the vault's rate", 0)
    return np.ascontiguousarray(samples)

"""An audio file in, frames at the vault's rate out, of 16 or 24 bits: decode, check, resample, round.

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

_FORMATS = {"WAV": "wav", "WAVEX": "wav", "RF64": "wav", "FLAC": "flac", "AIFF": "aiff", "OGG": "ogg", "MP3": "mp3"}
EXPECTED = "WAV, FLAC, AIFF, OGG, Opus or MP3"
_COARSE = {"PCM_U8", "PCM_S8", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610", "DPCM_8", "DPCM_16", "DWVW_12"}
"""Encodings of 12 bits and less, as libsndfile calls them."""
_BLOCK_FRAMES = 1 << 20
_FLAT = 0.9999
AUDIO_SUFFIXES = (".wav", ".wave", ".bwf", ".rf64", ".flac", ".aiff", ".aif", ".aifc", ".ogg", ".oga", ".opus", ".mp3")
OTHER_AUDIO_SUFFIXES = (".m4a", ".aac", ".mp4", ".alac", ".wma", ".ape", ".wv", ".au", ".snd", ".caf", ".w64", ".mid",
                        ".midi", ".rx2", ".rex", ".amr", ".dsf", ".mp2", ".webm")  # fmt: skip
"""Sound that the vault does not read, so that a folder's import names it."""


@dataclass(frozen=True, slots=True)
class _Header:
    format: str
    rate_hz: int
    frames: int
    channels: int
    encoding: str


@dataclass(frozen=True, slots=True)
class Audio:
    """A decoded file. `samples` are of 16 bits where these hold all that the file has, else of 24.

    rounded  the same in 16 bits, clipped at full scale: as vaults before 24 bits had them, and named stems by them
    peak     of the file itself, full scale 1; above 1 `samples` are as much softer
    runs     of flat tops at full scale in the file itself
    """

    samples: StoredFrames
    rounded: Int16Frames
    peak: float
    runs: int
    encoding: str

    @property
    def coarse(self) -> bool:
        """Whether the file's encoding has 12 bits or less."""
        return self.encoding in _COARSE


def read_audio(path: Path, rate_hz: int) -> Audio:
    """Decode `path` and resample it to `rate_hz`.

    An int16 file at `rate_hz` comes out unchanged; all else is rounded to 24 bits, to nearest. Raises the `VaultError`
    that says what is wrong with the file.
    """
    import soundfile
    import soxr

    header = _read_header(path)
    pieces: list[FloatFrames] = []
    stream = soxr.ResampleStream(header.rate_hz, rate_hz, header.channels, dtype="float32", quality="VHQ")
    left, peak, runs = header.frames, 0.0, 0
    try:
        with soundfile.SoundFile(path) as file:
            while left > 0:
                block = file.read(min(left, _BLOCK_FRAMES), dtype="float32", always_2d=True)
                if len(block) == 0:
                    raise errors.TruncatedAudio(path, "audio", f"{header.frames} frames", header.frames - left)
                peak = max(peak, _checked_peak(path, block))
                runs += flat_runs(block)
                left -= len(block)
                if header.rate_hz != rate_hz:
                    block = stream.resample_chunk(block, last=left == 0)
                pieces.append(block)
    except soundfile.LibsndfileError as error:
        raise errors.UnreadableAudio(path, "audio", "audio that decodes to its end", error.error_string) from None
    samples = _joined(path, pieces)
    rounded = to_int16(samples)
    return Audio(_stored(samples, rounded), rounded, peak, runs, header.encoding)


def flat_runs(samples: FloatFrames) -> int:
    """How often three equal samples in a row stand at full scale or above, in any channel."""
    same = samples[1:] == samples[:-1]
    flat = same[1:] & same[:-1] & (np.abs(samples[2:]) >= _FLAT)
    if not len(flat):
        return 0
    return int(flat[0].sum() + (flat[1:] & ~flat[:-1]).sum())


def _stored(samples: FloatFrames, rounded: Int16Frames) -> StoredFrames:
    """In 16 bits if that is all; else in 24, softer if a peak is above full scale."""
    if np.array_equal(to_float(rounded), samples):
        return rounded
    peak = float(np.abs(samples).max())
    return to_int24(samples / np.float32(peak) if peak > 1 else samples)


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
            header = _Header(file.format, file.samplerate, file.frames, file.channels, file.subtype)
    except soundfile.LibsndfileError as error:
        raise errors.UnreadableAudio(path, "audio", EXPECTED, error.error_string) from None
    except (OSError, TypeError, ValueError) as error:
        raise errors.UnreadableAudio(path, "audio", EXPECTED, str(error)) from None
    if header.format not in _FORMATS:
        raise errors.UnsupportedFormat(path, "format", EXPECTED, header.format)
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


def _checked_peak(path: Path, block: FloatFrames) -> float:
    peak = float(np.max(np.abs(block)))  # NaN spreads through max
    if not np.isfinite(peak):
        raise errors.NotFinite(path, "samples", "finite numbers", "NaN or infinity")
    if peak > PEAK_MAX:
        raise errors.AudioTooLoud(path, "peak", f"at most {PEAK_MAX} of full scale", f"{peak:.3g}")
    return peak


def _joined(path: Path, pieces: list[FloatFrames]) -> FloatFrames:
    samples = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    if len(samples) == 0:
        raise errors.EmptyAudio(path, "frames", "at least 1 at the vault's rate", 0)
    return np.ascontiguousarray(samples)

"""Audio files in: what is kept, what is refused and by what name."""

import math
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from amos_tools.vault import Vault, VaultError, errors
from amos_tools.vault.audio import Int16Frames, read_audio, to_float, to_int16, to_int24
from amos_tools.vault.facts import StatedFacts
from amos_tools.vault.loudness import SILENCE_MLUFS, measure_mlufs
from amos_tools.vault.wav import wav_bytes, wav_samples

RATE_HZ = 44_100


def tone(seconds: float = 0.5, channels: int = 2, rate_hz: int = RATE_HZ, level: float = 0.5) -> np.ndarray:
    """A 1 kHz sine, float64 of shape (frames, channels)."""
    at = np.arange(round(seconds * rate_hz)) * (2 * math.pi * 1000 / rate_hz)
    return np.repeat(level * np.sin(at)[:, None], channels, axis=1)


def written(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ, subtype: str | None = None) -> Path:
    """`samples` as the file `path`."""
    if path.suffix == ".opus":
        soundfile.write(path, samples, rate_hz, format="OGG", subtype="OPUS")
    else:
        soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
@pytest.mark.parametrize("channels", [1, 2])
def test_int16_at_the_vault_s_rate_is_kept_to_the_bit(tmp_path: Path, name: str, channels: int) -> None:
    samples = np.random.RandomState(1).randint(-32768, 32768, (3000, channels)).astype(np.int16)
    heard = read_audio(written(tmp_path / name, samples), RATE_HZ).samples
    assert heard.dtype == np.int16 and np.array_equal(heard, samples)


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_24"),
        ("a.wav", "FLOAT"),
        ("a.wav", "DOUBLE"),
        ("a.aiff", "PCM_24"),
        ("a.flac", "PCM_24"),
        ("a.wav", "PCM_32"),
        ("a.wav", "PCM_16"),
        ("a.ogg", None),
        ("a.mp3", None),
        ("a.opus", None),
    ],
)
def test_other_encodings_and_rates_keep_the_sound(tmp_path: Path, name: str, subtype: str | None) -> None:
    stored = read_audio(written(tmp_path / name, tone(1.0, rate_hz=48_000), 48_000, subtype), RATE_HZ).samples
    assert stored.dtype == np.int32 and not (stored & 0xFF).any(), "24 bits in the upper ones of 32"
    heard = 32768 * to_float(stored)
    assert abs(len(heard) - RATE_HZ) <= 1
    middle = slice(5000, -5000)
    off = heard[middle] - 32768 * tone(len(heard) / RATE_HZ)[: len(heard)][middle]
    lossy = {"a.ogg": 400, "a.mp3": 900, "a.opus": 900}
    assert np.sqrt(np.mean(off**2)) < lossy.get(name, 1 if subtype == "PCM_16" else 0.01)


def test_long_files_are_resampled_in_blocks_without_a_seam(tmp_path: Path) -> None:
    heard = read_audio(written(tmp_path / "a.wav", tone(25.0, 1, 48_000), 48_000, "PCM_24"), RATE_HZ).samples
    off = 32768 * to_float(heard[5000:-5000]) - 32768 * tone(len(heard) / RATE_HZ, 1)[5000 : len(heard) - 5000]
    assert np.max(np.abs(off)) < 0.1


def test_rounding_is_to_nearest_and_saturates() -> None:
    samples = np.array([0.0, 0.4 / 32768, 0.6 / 32768, -0.6 / 32768, 1.0, -1.0, 1.9])
    assert to_int16(samples).tolist() == [0, 0, 1, -1, 32767, -32768, 32767]


def bad_chunk(path: Path, keep: float) -> Path:
    """Cut the file after the fraction `keep`."""
    os.truncate(path, int(path.stat().st_size * keep))
    return path


def header_only(path: Path, frames: int, rate_hz: int) -> Path:
    """A WAV whose data is a hole in the file: long, and quick to make."""
    data = bytearray(written(path, np.zeros((1, 1)), rate_hz).read_bytes())
    struct.pack_into("<I", data, 4, 36 + 2 * frames)
    struct.pack_into("<I", data, 40, 2 * frames)
    path.write_bytes(data)
    os.truncate(path, 44 + 2 * frames)
    return path


def spoilt(tmp_path: Path, fault: str) -> Path:
    """A file with the fault of that name."""
    wav = tmp_path / "a.wav"
    if fault == "absent":
        return wav
    if fault in ("wav cut", "aiff cut", "flac cut", "ogg cut", "flac garbled"):
        path = written(tmp_path / f"a.{fault.split()[0]}", np.random.RandomState(2).uniform(-0.5, 0.5, (40_000, 2)))
        if "cut" in fault:
            return bad_chunk(path, 0.6)
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
        path.write_bytes(data)
        return path
    if fault in ("not audio", "no bytes"):
        wav.write_bytes(b"RIFFnonsense" * 30 if fault == "not audio" else b"")
        return wav
    if fault == "folder":
        wav.mkdir()
        return wav
    if fault == "too long":
        return header_only(wav, 30 * 60 * 8000 + 1, 8000)
    if fault == "au":
        return written(tmp_path / "a.au", tone())
    samples = tone(0.1)
    if fault in ("nan", "infinite", "loud"):
        samples[100, 1] = {"nan": math.nan, "infinite": -math.inf, "loud": 30_000.0}[fault]
        return written(wav, samples, subtype="FLOAT")
    shape = {"no frames": (0, 2), "six channels": (100, 6)}.get(fault, samples.shape)
    return written(wav, np.zeros(shape), {"slow": 4000, "fast": 384_000}.get(fault, RATE_HZ))


FAULTS = {
    "absent": errors.MissingFile,
    "folder": errors.MissingFile,
    "no bytes": errors.UnreadableAudio,
    "not audio": errors.UnreadableAudio,
    "wav cut": errors.TruncatedAudio,
    "aiff cut": errors.TruncatedAudio,
    "ogg cut": errors.TruncatedAudio,
    "flac cut": (errors.TruncatedAudio, errors.UnreadableAudio),
    "flac garbled": (errors.TruncatedAudio, errors.UnreadableAudio),
    "au": errors.UnsupportedFormat,
    "no frames": errors.EmptyAudio,
    "too long": errors.AudioTooLong,
    "six channels": errors.TooManyChannels,
    "slow": errors.BadSampleRate,
    "fast": errors.BadSampleRate,
    "nan": errors.NotFinite,
    "infinite": errors.NotFinite,
    "loud": errors.AudioTooLoud,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_is_refused_by_name_and_leaves_nothing(
    tmp_path: Path, vault: Vault, facts: StatedFacts, fault: str
) -> None:
    path = spoilt(tmp_path, fault)
    with pytest.raises(FAULTS[fault]) as caught:
        vault.import_file(path, facts)
    assert isinstance(caught.value, VaultError) and caught.value.file == str(path)
    assert vault.stems() == []
    assert [item for item in (vault.path / "blobs").rglob("*") if item.is_file()] == []


@pytest.mark.parametrize("step", [7, 97])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.aiff"])
def test_a_file_cut_anywhere_is_refused_by_name(tmp_path: Path, name: str, step: int) -> None:
    whole = written(tmp_path / name, tone(0.02)).read_bytes()
    for length in range(1, len(whole), max(step, len(whole) // 40)):
        (tmp_path / f"cut-{name}").write_bytes(whole[:length])
        with pytest.raises(VaultError):
            read_audio(tmp_path / f"cut-{name}", RATE_HZ)


def test_loudness_of_the_reference_tone() -> None:
    # EBU Tech 3341: a stereo 1 kHz sine of -23 dBFS in both channels measures -23 LUFS.
    assert abs(measure_mlufs(to_int16(tone(5.0, level=10 ** (-23 / 20))), RATE_HZ) + 23_000) < 100


def test_a_short_clip_is_as_loud_as_it_is_when_repeated() -> None:
    clip = to_int16(tone(0.1))
    assert abs(measure_mlufs(clip, RATE_HZ) - measure_mlufs(np.tile(clip, (50, 1)), RATE_HZ)) < 300
    assert measure_mlufs(clip[:1], RATE_HZ) == SILENCE_MLUFS  # one sample of zero


def test_silence_is_at_the_gate() -> None:
    silence: Int16Frames = np.zeros((RATE_HZ, 1), dtype=np.int16)
    assert measure_mlufs(silence, RATE_HZ) == SILENCE_MLUFS


@pytest.mark.parametrize("channels", [1, 2])
def test_the_canonical_wav_is_a_wav(tmp_path: Path, channels: int) -> None:
    samples = to_int16(tone(0.1, channels))
    data = wav_bytes(samples, RATE_HZ)
    (tmp_path / "a.wav").write_bytes(data)
    read, rate_hz = soundfile.read(tmp_path / "a.wav", dtype="int16", always_2d=True)
    assert rate_hz == RATE_HZ
    assert np.array_equal(read, samples)
    assert np.array_equal(wav_samples(data, channels), samples)


@pytest.mark.parametrize("channels", [1, 2])
def test_24_bits_are_a_wav_too(tmp_path: Path, channels: int) -> None:
    samples = to_int24(tone(0.1, channels).astype(np.float32))
    data = wav_bytes(samples, RATE_HZ)
    (tmp_path / "a.wav").write_bytes(data)
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_24"
    read, rate_hz = soundfile.read(tmp_path / "a.wav", dtype="int32", always_2d=True)
    assert rate_hz == RATE_HZ and np.array_equal(read, samples) and np.array_equal(wav_samples(data, channels), samples)


def test_24_bits_stay_24_and_16_in_a_wider_file_are_16(tmp_path: Path, vault: Vault, facts: StatedFacts) -> None:
    fine = vault.import_file(written(tmp_path / "fine.wav", tone(0.5, level=0.01), subtype="PCM_24"), facts)
    samples = np.random.RandomState(1).randint(-9000, 9000, (3000, 2)).astype(np.int16)
    wide = vault.import_file(written(tmp_path / "wide.wav", samples / 32768, subtype="FLOAT"), facts)
    assert vault.audio(fine).dtype == np.int32
    assert np.abs(to_float(vault.audio(fine)) - tone(0.5, level=0.01)).max() < 2**-23
    assert np.array_equal(vault.audio(wide), samples) and vault.audio(wide).dtype == np.int16


def test_a_stem_that_was_taken_in_with_16_bits_stays_that_stem(
    tmp_path: Path, vault: Vault, facts: StatedFacts
) -> None:
    path = written(tmp_path / "fine.wav", tone(0.5, level=0.01), subtype="PCM_24")
    before = vault.import_samples(to_int16(soundfile.read(path, dtype="float32")[0]), facts)
    assert vault.import_file(path, facts) == before
    assert vault.stems() == [before]

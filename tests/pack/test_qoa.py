"""QOA: the encoder keeps to the format and near the sound; every decoder gives what the specification says."""

from array import array
from hashlib import sha256

import numpy as np
import pytest
import qoa_reference
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.sound import qoa
from amos.sound.qoa_numpy import decode_frames
from amos_tools.pack.qoa import encode_qoa

FRAMES = st.one_of(st.integers(1, 45), st.sampled_from((100, 5119, 5120, 5121, 10_240, 10_250)))


def music(frames: int, channels: int, seed: int = 1, level: float = 0.3) -> np.ndarray:
    """A chord with noise and a beat, int16 of shape (frames, channels)."""
    rng = np.random.default_rng(seed)
    at = np.arange(frames)[:, None] / 44_100
    wave = sum(np.sin(2 * np.pi * hz * (1 + 0.003 * np.arange(channels)) * at) for hz in (110, 277, 659)) / 3
    beat = np.exp(-((at * 4) % 1) * 12)
    wave = wave * 0.6 + beat * rng.standard_normal((frames, channels)) * 0.2
    return np.rint(np.clip(wave * level, -1, 1) * 32767).astype(np.int16)


def plain(data: bytes, frames: int, channels: int) -> np.ndarray:
    """The portable decoder, frame by frame."""
    out = bytearray(2 * channels * qoa.slices_of(frames) * qoa.SLICE_FRAMES)
    for start in range(0, frames, qoa.FRAME_FRAMES):
        at = qoa.frame_offset(start // qoa.FRAME_FRAMES, channels) + qoa.FRAME_HEADER_BYTES
        slices = qoa.slices_of(min(qoa.FRAME_FRAMES, frames - start))
        for channel in range(channels):
            state = array("i", bytes(32))
            qoa.load_state(state, data, at + channel * qoa.STATE_BYTES)
            first = at + channels * qoa.STATE_BYTES + channel * qoa.SLICE_BYTES
            qoa.decode(state, data, first, slices, channels, out, channels * start + channel)
    return np.frombuffer(out, "<i2").reshape(-1, channels)[:frames]


def blob_of_any_bits(frames: int, channels: int, seed: int) -> bytes:
    """A file with the right headers, and any bits between them."""
    data = bytearray(np.random.default_rng(seed).bytes(qoa.file_bytes(frames, channels)))
    data[:8] = qoa.file_header(frames)
    for start in range(0, frames, qoa.FRAME_FRAMES):
        at = qoa.frame_offset(start // qoa.FRAME_FRAMES, channels)
        data[at : at + 8] = qoa.frame_header(44_100, min(qoa.FRAME_FRAMES, frames - start), channels)
    return bytes(data)


@settings(max_examples=15, deadline=None)
@given(FRAMES, st.integers(1, 2), st.integers(0, 1 << 30))
def test_decoders_agree_with_the_specification_on_any_bits(frames: int, channels: int, seed: int) -> None:
    data = blob_of_any_bits(frames, channels, seed)
    rate, sides, expected = qoa_reference.decode(data)
    assert (rate, sides) == (44_100, channels)
    assert plain(data, frames, channels).T.tolist() == expected
    assert decode_frames(data[8:], frames, channels).T.tolist() == expected


@settings(max_examples=15, deadline=None)
@given(FRAMES, st.integers(1, 2), st.sampled_from((0.0, 0.001, 0.3, 1.5)))
def test_what_is_encoded_is_a_file_of_the_format(frames: int, channels: int, level: float) -> None:
    data = encode_qoa(music(frames, channels, level=level), 48_000)
    assert len(data) == qoa.file_bytes(frames, channels)
    rate, sides, decoded = qoa_reference.decode(data)
    assert (rate, sides) == (48_000, channels)
    assert decode_frames(data[8:], frames, channels).T.tolist() == decoded


@pytest.mark.parametrize("channels", [1, 2])
def test_decoded_music_is_near_the_original(channels: int) -> None:
    samples = music(60_000, channels)
    decoded = decode_frames(encode_qoa(samples, 44_100)[8:], 60_000, channels)
    error = decoded.astype(float) - samples
    power_db = 10 * np.log10(np.mean(samples.astype(float) ** 2) / np.mean(error**2))
    assert power_db > 25
    assert np.abs(error.mean(axis=0)).max() < 1
    # As good at the head of a frame as within one: it starts from weights that were learnt.
    heads = np.abs(error).reshape(-1, channels)[: 55_000 // 5120 * 5120].reshape(-1, 5120, channels)[1:]
    assert np.sqrt(np.mean(heads[:, :100] ** 2)) < 2 * np.sqrt(np.mean(heads[:, 100:] ** 2))


def test_silence_stays_within_the_smallest_step() -> None:
    decoded = decode_frames(encode_qoa(np.zeros((6000, 2), np.int16), 44_100)[8:], 6000, 2)
    assert np.abs(decoded).max() <= 1


def test_full_scale_extremes_survive() -> None:
    samples = np.where(np.arange(20_000)[:, None] // 50 % 2 == 0, 32767, -32768).astype(np.int16)
    decoded = decode_frames(encode_qoa(samples, 44_100)[8:], 20_000, 1).astype(int)
    assert (np.sign(decoded[10::50]) == np.sign(samples[10::50])).all()


def test_encoder_is_pinned() -> None:
    assert sha256(encode_qoa(music(12_000, 2), 44_100)).hexdigest()[:16] == "d8ccedfac6333460"
    assert encode_qoa(music(12_000, 2), 44_100) == encode_qoa(music(12_000, 2), 44_100)


@pytest.mark.parametrize("shape", [(0, 1), (10, 3)])
def test_encoder_refuses(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="samples: expected"):
        encode_qoa(np.zeros(shape, np.int16), 44_100)

"""Conforming: what can be brought to a script, how long it is then, how it sounds, and that it is always the same."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.crypto import public_key, verify
from amos.packs.folder import open_pack
from amos_tools.pack import PackSummary
from amos_tools.pack import prepare as preparing
from amos_tools.pack.conform import Plan, can_conform, conform
from amos_tools.pack.prepare import CACHE_NAME, without_dc
from amos_tools.script import compile_script
from amos_tools.stems import Split, StemFacts
from amos_tools.vault import StatedFacts, Vault

RATE_HZ = 44_100
STEM = StemFacts(
    bytes(16), bytes(32), "Loop", "Ilse", "pads", "D minor", 90_000, 8, RATE_HZ, 235_200, 2, -20_000, True, ()
)


def notes(hz: float, beats: int, tempo: float, channels: int = 2) -> np.ndarray:
    """A note on every beat, float32 of shape (frames, channels); the last one rings into the first."""
    beat = RATE_HZ * 60 / tempo
    frames = round(beats * beat)
    at = np.arange(2 * frames)
    wave = np.zeros(2 * frames)
    for number in range(beats):
        begin = round(number * beat)
        age = np.maximum(at - begin, 0) / RATE_HZ
        wave += np.where(at >= begin, np.exp(-age * 6) * np.sin(2 * np.pi * hz * age), 0) * 0.3
    looped = wave[:frames] + wave[frames:]
    return np.repeat(np.rint(looped * 32767).astype(np.float32)[:, None] / np.float32(32768), channels, axis=1)


def pitch(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples[:, 0] * np.hanning(len(samples)), 8 * len(samples)))
    return float(np.argmax(power) * RATE_HZ / (8 * len(samples)))


@pytest.mark.parametrize(
    ("stem", "script", "length", "tempo"),
    [
        (90_000, 90_000, Fraction(1), 90_000),
        (90_000, 84_000, Fraction(90, 84), 84_000),
        (90_000, 180_000, Fraction(1), 90_000),
        (90_000, 46_000, Fraction(90, 92), 92_000),
        (100_800, 90_000, Fraction(112, 100), 90_000),
        (101_000, 90_000, None, None),
        (79_200, 90_000, Fraction(88, 100), 90_000),
        (79_000, 90_000, None, None),
        (None, 90_000, Fraction(1), None),
        (90_000, None, Fraction(1), 90_000),
    ],
)
def test_tempo_in_reach(stem: int | None, script: int | None, length: Fraction | None, tempo: int | None) -> None:
    plan = can_conform(replace(STEM, tempo_mbpm=stem), script, None)
    assert plan is None if length is None else plan is not None and (plan.length, plan.tempo_mbpm) == (length, tempo)


@pytest.mark.parametrize(
    ("stem", "script", "semitones", "key"),
    [
        ("D minor", "D minor", 0, "D minor"),
        ("D minor", "F major", 0, "D minor"),
        ("E minor", "D minor", -2, "D minor"),
        ("E minor", "F major", -2, "D minor"),
        ("B minor", "D minor", 3, "D minor"),
        ("Bb major", "C# major", 3, "C# major"),
        ("G# minor", "D minor", None, None),
        ("A minor", "D minor", None, None),
        (None, "D minor", 0, None),
        ("E minor", None, 0, "E minor"),
        ("H minor", "D minor", None, None),
    ],
)
def test_key_in_reach(stem: str | None, script: str | None, semitones: int | None, key: str | None) -> None:
    plan = can_conform(replace(STEM, key=stem), None, script)
    assert plan is None if semitones is None else plan is not None and (plan.semitones, plan.key) == (semitones, key)


@given(
    st.integers(40_000, 200_000), st.integers(-12, 12), st.integers(1, 64), st.sampled_from((22_050, 44_100, 48_000))
)
def test_a_loop_is_exactly_its_beats(tempo: int, percent: int, beats: int, rate_hz: int) -> None:
    own = tempo * (100 + percent) // 100
    stem = replace(STEM, tempo_mbpm=own, beats=beats, frames=beats * 60_000 * RATE_HZ // own)
    plan = can_conform(stem, tempo, None)
    if plan is None or not plan.changes:
        assert plan is None or own == tempo
        return
    assert plan.frames(stem.frames * rate_hz // RATE_HZ, rate_hz) == (2 * beats * 60_000 * rate_hz + tempo) // (
        2 * tempo
    )


def test_a_stem_with_a_tail_keeps_it() -> None:
    plan = can_conform(replace(STEM, frames=300_000), 84_000, None)
    assert plan is not None and plan.beats is None
    assert plan.frames(300_000, RATE_HZ) == round(300_000 * 90 / 84)


@pytest.mark.parametrize(("tempo", "semitones"), [(84.0, 0), (90.0, 2), (98.0, -3)])
def test_beats_and_pitch_are_where_they_belong(tempo: float, semitones: int) -> None:
    samples = notes(440, 8, 90.0)
    plan = Plan(Fraction(90) / Fraction(tempo), semitones, round(tempo * 1000), None, 8)
    result = conform(samples, plan, RATE_HZ)
    beat = RATE_HZ * 60 / tempo
    assert result.shape == (round(8 * beat), 2) and result.dtype == np.float32
    assert pitch(result) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.004)
    loud = np.abs(np.tile(result[:, 0].astype(float), 2))
    for number in range(1, 9):
        near = loud[round(number * beat) - 2000 : round(number * beat) + 2000]
        onset = np.flatnonzero(near > 0.6 * near.max())[0] - 2000
        assert abs(onset) < 0.012 * RATE_HZ, (number, onset)


def test_a_loop_still_meets_itself() -> None:
    tone = np.repeat((np.sin(np.arange(88_200) * 2 * np.pi * 200 / 44_100) * 0.3).astype(np.float32)[:, None], 2, 1)
    plan = Plan(Fraction(21, 20), 0, 60_000, None, 2)
    result = conform(tone, replace(plan, tempo_mbpm=57_143), RATE_HZ)
    bends = np.abs(np.diff(np.concatenate((result, result)), 2, axis=0))
    seam = bends[len(result) - 4 : len(result) + 4].max()
    assert seam <= 1.5 * np.percentile(bends, 99.9)


def test_loud_stems_do_not_clip() -> None:
    samples = np.random.default_rng(1).choice(np.array([-1, 1], np.float32), (60_000, 1))
    result = conform(samples, Plan(Fraction(9, 10), 1, None, None, None), RATE_HZ)
    assert result.shape == (54_000, 1)
    assert 0.97 < np.abs(result).max() < 1


def test_nothing_to_do_is_nothing_done() -> None:
    samples = notes(300, 2, 90.0)
    assert conform(samples, Plan(Fraction(1), 0, 90_000, None, 2), RATE_HZ) is samples


@pytest.mark.parametrize("frames", [200_000, 5_000])
def test_an_offset_goes_from_loops_and_one_shots(frames: int) -> None:
    samples = notes(300, 8, 90.0)[:frames] + np.float32(0.16)
    assert np.abs(without_dc(samples, RATE_HZ).mean(axis=0, dtype=float)).max() < 1e-3


def test_the_mean_of_a_wave_cut_short_is_no_offset() -> None:
    samples = np.sin(np.arange(31_500) * (2 * np.pi * 73.42 / RATE_HZ)).astype(np.float32)[:, None]
    assert abs(samples.mean()) > 1e-3 and without_dc(samples, RATE_HZ) is samples


Build = Callable[..., PackSummary]


def test_a_pack_holds_stems_at_the_script_s_tempo_and_is_built_again_the_same(
    build: Build,
    vault: Vault,
    script: str,
    tmp_path,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    facts = StatedFacts("Fast", "Ilse", (Split("ilse", 1_000_000),), "pads", True, "D minor", 90_000, 8)
    vault.import_samples((notes(293.66, 8, 90.0) * 32768).astype(np.int16), facts)
    compiled = compile_script(script, vault.stems())
    for codec in ("pcm16", "qoa"):
        first = build(compiled, out=tmp_path / codec, codec=codec)
        pack = open_pack(str(first.path), public_key(bytes(range(32))), verify)
        record = next(stem for stem in pack.manifest.stems if stem.frames > 200_000)
        assert (record.tempo_mbpm, record.frames) == (84_000, 252_000)
        pack.stem(pack.manifest.stems.index(record)).read_into(bytearray(4 * 252_000), 0, 252_000)
        pack.close()
        with monkeypatch.context() as patched:
            patched.setattr(preparing, "conform", None)
            patched.setattr(preparing, "encode_qoa", None)
            again = build(compiled, out=tmp_path / f"{codec}-again", codec=codec)
        assert again.pack_id == first.pack_id


def test_a_damaged_file_of_the_cache_is_made_again(build: Build, compiled, vault: Vault, tmp_path) -> None:  # type: ignore[no-untyped-def]
    first = build(compiled, out=tmp_path / "one", codec="qoa")
    for path in (vault.path / CACHE_NAME).iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert build(compiled, out=tmp_path / "two", codec="qoa").pack_id == first.pack_id

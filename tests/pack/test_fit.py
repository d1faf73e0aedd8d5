"""Loops that are a hair short or long are exactly their beats in a pack, and their strokes where they belong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amos.crypto import public_key, verify
from amos.packs.folder import open_pack
from amos_tools.pack import PackSummary
from amos_tools.pack.fit import fitted
from amos_tools.script import compile_script
from amos_tools.stems import Split
from amos_tools.vault import StatedFacts, Vault

RATE_HZ = 44_100
FACTS = StatedFacts("Kit", "Ilse", (Split("ilse", 1_000_000),), "beats", True, None, 97_000, 32)
SCRIPT = """experience "fit" seed device
clock 44100 tempo 97 meter 4/4
pool kit = stems where role beats
section a 8 bars
  play beats from kit every 8 bars
  next a
"""
Build = Callable[..., PackSummary]


def strokes(tempo: float, beats: int) -> np.ndarray:
    """A stroke on each beat, float32 of shape (frames, 1)."""
    beat = RATE_HZ * 60 / tempo
    wave = np.zeros(round(beats * beat))
    age = np.arange(6000) / RATE_HZ
    for number in range(beats):
        at = round(number * beat)
        wave[at : at + 6000] += 0.4 * np.sin(2 * np.pi * 90 * age) * np.exp(-age * 40)
    return wave[:, None].astype(np.float32)


def onset(samples: np.ndarray, near: int) -> int:
    """The frame in the second around `near` from which on it is loud."""
    begin = max(0, near - 4000)
    part = np.abs(samples[begin : near + 4000, 0].astype(float))
    return begin + int(np.argmax(part > 0.3 * part.max()))


@pytest.mark.parametrize("own", [96.7, 97.0, 97.3])
def test_a_rounded_tempo_leaves_the_last_beat_within_5_ms(
    build: Build, vault: Vault, tmp_path: Path, own: float
) -> None:
    wave = np.rint(strokes(own, 32) * 32767).astype(np.int16)
    vault.import_samples(wave, FACTS)
    summary = build(compile_script(SCRIPT, vault.stems()))
    pack = open_pack(str(summary.path), public_key(bytes(range(32))), verify)
    (record,) = pack.manifest.stems
    samples = np.asarray(pack.stem(0).samples).reshape(-1, 1)
    pack.close()
    beat = RATE_HZ * 60 / 97
    assert record.frames == len(samples) == round(32 * beat)
    first = onset(samples, 0)
    for number in (8, 16, 31):
        assert abs(onset(samples, round(number * beat)) - round(number * beat) - first) < 0.005 * RATE_HZ


def test_a_stem_further_off_stays_as_it_is(build: Build, vault: Vault) -> None:
    wave = np.rint(strokes(96.4, 32) * 32767).astype(np.int16)
    stem = vault.import_samples(wave, replace(FACTS, title="Tail"))
    summary = build(compile_script(SCRIPT, vault.stems()))
    pack = open_pack(str(summary.path), public_key(bytes(range(32))), verify)
    assert pack.manifest.stems[0].frames == stem.frames
    pack.close()


@pytest.mark.parametrize("more", [-90, -1, 1, 90])
def test_a_fitted_loop_still_meets_itself(more: int) -> None:
    at = np.arange(RATE_HZ) * (2 * np.pi * 200 / RATE_HZ)
    tone = (0.5 * np.sin(at))[:, None].astype(np.float32)
    result = fitted(tone, RATE_HZ + more)
    assert result.shape == (RATE_HZ + more, 1)
    bends = np.abs(np.diff(np.tile(result, (2, 1)), 2, axis=0))
    assert bends[len(result) - 4 : len(result) + 4].max() <= 1.05 * np.percentile(bends, 99)

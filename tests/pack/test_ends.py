"""Pads that fade in their own files are held up at their ends if the fades of their layers do the same, else not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from level_material import FACTS, SEED
from numpy.typing import NDArray

from amos.score.score import decode_score
from amos_tools.pack import build_pack
from amos_tools.pack.ends import fades_over, held_up
from amos_tools.pack.levels_report import level_lines
from amos_tools.script import compile_script
from amos_tools.vault import Vault
from amos_tools.vault.audio import FloatFrames

RATE_HZ = 22_050
SECONDS = 12
FADE = RATE_HZ
"""A second."""
TONE = np.sin(np.arange(SECONDS * RATE_HZ) * (2 * np.pi * 220 / RATE_HZ))


def faded(rise_s: float, fall_s: float) -> FloatFrames:
    at = np.arange(len(TONE)) / RATE_HZ
    shape = np.minimum(1, np.minimum(at / max(rise_s, 1e-9), (at[-1] - at) / max(fall_s, 1e-9)))
    return (0.1 * TONE * shape)[:, None].repeat(2, axis=1).astype(np.float32)


def loudness_db(samples: NDArray[np.float32], from_s: float, until_s: float) -> float:
    """Of a part, below the whole tone."""
    part = samples[round(from_s * RATE_HZ) : round(until_s * RATE_HZ)].astype(np.float64)
    return float(10 * np.log10(np.square(part).mean() / (0.01 / 2)))


@pytest.mark.parametrize("fall_s", [0.4, 0.5, 1, 1.5])
def test_a_fall_is_held_up_but_for_its_last_50_ms(fall_s: float) -> None:
    samples = faded(0, fall_s)
    held, held_mdb = held_up(samples, RATE_HZ, FADE)
    assert loudness_db(samples, SECONDS - 0.4, SECONDS) < -4.5
    assert loudness_db(held, SECONDS - 0.4, SECONDS) > -1
    for begin in np.arange(SECONDS - 2, SECONDS - 0.15, 0.1):
        assert abs(loudness_db(held, begin, begin + 0.1)) < 0.7
    # 20 log (fall / 50 ms) and what a hop and the smoothing are off.
    assert abs(held_mdb / 1000 - 20 * np.log10(fall_s / 0.05)) < 1.5
    last = slice(len(held) - RATE_HZ // 30, len(held))
    assert np.allclose(held[last], samples[last] * 10 ** (held_mdb / 20_000), atol=1e-4)
    assert np.array_equal(held[: 8 * RATE_HZ], samples[: 8 * RATE_HZ])


def test_a_rise_is_held_up_as_a_fall_is() -> None:
    fallen, fallen_mdb = held_up(faded(0, 0.8), RATE_HZ, FADE)
    risen, risen_mdb = held_up(faded(0.8, 0), RATE_HZ, FADE)
    assert abs(risen_mdb - fallen_mdb) < 100
    assert abs(loudness_db(risen, 0, 0.4) - loudness_db(fallen, SECONDS - 0.4, SECONDS)) < 0.1
    both, _mdb = held_up(faded(0.8, 0.8), RATE_HZ, FADE)
    assert loudness_db(both, 0, 0.4) > -1 and loudness_db(both, SECONDS - 0.4, SECONDS) > -1


def rested() -> FloatFrames:
    samples = faded(0, 0)
    samples[-RATE_HZ:] = 0
    return samples


@pytest.mark.parametrize(
    ("samples", "fade_frames"),
    [
        (faded(0, 0), FADE),
        (faded(0.15, 0.15), FADE),
        (faded(0, 0.5), 0),
        (faded(0, 2.5), FADE),
        (faded(0, 0.5)[-RATE_HZ:], FADE),
        (rested(), FADE),
        (np.zeros_like(faded(0, 0)), FADE),
    ],
    ids=["steady", "as it speaks", "no fade", "longer than twice the fade", "short", "a rest", "silence"],
)
def test_what_stays_as_it_is(samples: FloatFrames, fade_frames: int) -> None:
    held, held_mdb = held_up(samples, RATE_HZ, fade_frames)
    assert held is samples and held_mdb == 0


HEAD = """experience "ends" seed 1
clock 22050 tempo 120 meter 4/4
pool warm = stems where role pads
mix voices 16
section a 8 bars
  play pads from warm fade 2 bars
  next b
section b 8 bars
  play pads from warm fade 1 bar{more}
  next a
"""
BAR = 2 * RATE_HZ


def pad_vault(path: Path) -> Vault:
    vault = Vault.init(path)
    for number, (fall_s, beats) in enumerate([(0.5, 24), (0.6, None), (0, 24), (0.7, 20)]):
        samples = np.rint(faded(0, fall_s).repeat(2, axis=0) * 32767).astype(np.int16)
        facts = replace(FACTS, title=f"Pad {number}", tempo_mbpm=120_000, beats=beats)
        vault.import_samples(samples, facts)
    return vault


@pytest.mark.parametrize(
    ("more", "bars"),
    [
        ("", 1),
        (" linear", 1),
        (" chance 0.5", 0),
        (" once", 0),
        (" until bar 5", 0),
        ("\n  play pads from warm gain -6 dB", 0),
    ],
)
def test_only_what_never_rests_under_its_fades_is_held_up(tmp_path: Path, more: str, bars: int) -> None:
    with pad_vault(tmp_path / "vault") as vault:
        compiled = compile_script(HEAD.format(more=more), vault.stems())
    assert fades_over(decode_score(compiled.score)) == [bars * BAR] * 4


def test_what_is_announced_is_not_held_up(tmp_path: Path) -> None:
    with pad_vault(tmp_path / "vault") as vault:
        compiled = compile_script(HEAD.format(more="") + 'announce "Pad 1" at 12:00\n', vault.stems())
    titles = [stem.title for stem in compiled.stems]
    assert fades_over(decode_score(compiled.score)) == [BAR * (title != "Pad 1") for title in titles]


def test_a_build_names_what_it_held_up_and_leaves_ring_out(tmp_path: Path) -> None:
    with pad_vault(tmp_path / "vault") as vault:
        compiled = compile_script(HEAD.format(more=""), vault.stems())
        summary = build_pack(
            compiled, vault, tmp_path / "p", publisher_seed=SEED, serial=1, board_class="linux", lease_end_unix_s=2**31
        )
    assert {stem.title for stem, mdb in summary.held_up if mdb > 15_000} == {"Pad 0", "Pad 1"}
    (line,) = [line for line in level_lines(summary) if line.startswith("fades of their own undone in 2")]
    assert all(f"{stem.title} {mdb / 1000:.1f} dB" in line for stem, mdb in summary.held_up)

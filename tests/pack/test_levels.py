"""Levels that hold: stems of -24 to -40 LUFS play at one loudness, and the whole at the script's."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soxr
from hypothesis import example, given
from hypothesis import strategies as st
from level_material import FACTS, RATE_HZ, TARGETS, at_lufs, built, fill, heard, notes, strokes

from amos.protocol.manifest import ROLES
from amos_tools.pack.errors import SilentStem
from amos_tools.pack.level import (
    LIMIT_MDB_MAX,
    MAKE_UP_MDB_MAX,
    baked_mdb,
    gain_q15,
    linear,
    stem_gain_mdb,
    working_mlufs,
)
from amos_tools.pack.levels_report import level_lines, level_warnings
from amos_tools.pack.limiter import limited
from amos_tools.pack.quantise import quantised
from amos_tools.vault import Vault


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with Vault.init(tmp_path_factory.mktemp("uneven") / "vault") as vault:
        fill(vault)
        yield vault


def momentary_lufs(samples: np.ndarray) -> float:
    """The loudest 400 ms."""
    meter = pyloudnorm.Meter(RATE_HZ)
    padded = np.pad(samples, ((RATE_HZ // 2, RATE_HZ // 2), (0, 0)))
    steps = range(0, len(padded) - RATE_HZ * 4 // 10 - 1, RATE_HZ // 10)
    return max(meter.integrated_loudness(padded[at : at + RATE_HZ * 4 // 10 + 1]) for at in steps)


def true_peak_db(samples: np.ndarray) -> float:
    return 20 * math.log10(float(np.abs(soxr.resample(samples, RATE_HZ, 4 * RATE_HZ)).max()))


@pytest.mark.parametrize("name", ["lobby", "shop", "spa"])
def test_stems_of_a_role_play_within_3_db_and_below_the_peak(uneven: Vault, tmp_path: Path, name: str) -> None:
    summary, pack = built(uneven, tmp_path / "pack", name)
    assert not summary.short and not level_warnings(summary)
    assert any(level.gain_mdb > 10_000 for _stem, level in summary.amplified)
    loudness = defaultdict(list)
    for index, (record, (stem, _level)) in enumerate(zip(pack.manifest.stems, summary.levelled, strict=True)):
        samples = np.asarray(pack.stem(index).samples).reshape(-1, record.channels) * (record.gain_q15 / 32768 / 32768)
        both = np.repeat(samples, 3 - record.channels, axis=1)
        one_shot = stem.beats is None and stem.title != "room"
        lufs = momentary_lufs(both) if one_shot else pyloudnorm.Meter(RATE_HZ).integrated_loudness(both)
        loudness[ROLES[record.role]].append(lufs)
        assert true_peak_db(samples) <= -1, stem.title
        assert np.abs(samples.mean(axis=0)).max() < 1e-3, stem.title
    pack.close()
    assert max(max(found) - min(found) for found in loudness.values()) < 1, loudness


@pytest.mark.parametrize("name", ["shop", "bar", "club", "veil"])
def test_a_minute_is_within_1_lu_of_the_target_or_named(uneven: Vault, tmp_path: Path, name: str) -> None:
    check_render(uneven, tmp_path, name, 1)


@pytest.mark.sweep
@pytest.mark.parametrize("name", TARGETS)
def test_ten_minutes_are_within_1_lu_of_the_target_or_named(uneven: Vault, tmp_path: Path, name: str) -> None:
    check_render(uneven, tmp_path, name, 10)


@pytest.mark.sweep
@pytest.mark.parametrize("target", [-14, -15, -16])
def test_ten_minutes_of_a_loud_shop_are_within_1_lu_of_the_target(uneven: Vault, tmp_path: Path, target: int) -> None:
    check_render(uneven, tmp_path, "shop", 10, target)


def check_render(vault: Vault, tmp_path: Path, name: str, minutes: int, target: int | None = None) -> None:
    summary, pack = built(vault, tmp_path / "pack", name, target)
    samples = heard(pack, minutes)
    pack.close()
    found = float(pyloudnorm.Meter(RATE_HZ).integrated_loudness(samples))
    forecast = summary.working.forecast_mlufs / 1000
    print(f"{name}: target {summary.target_mlufs / 1000}, forecast {forecast:.2f}, heard {found:.2f} LUFS")
    assert abs(forecast - found) < 0.5
    assert np.abs(samples.mean(axis=0)).max() < 1e-3
    if name != "club":
        assert abs(found - summary.target_mlufs / 1000) < 1 and not level_warnings(summary)
        return
    assert found < TARGETS[name] - 1
    (missed,) = level_warnings(summary)
    assert missed.startswith(f"TargetMissed: expected -14 LUFS, found a forecast of {forecast:.1f} LUFS: the player's")
    assert "beats 5 " in missed and "beats 6 " in missed and "bass" not in missed
    assert f"the player's limiter takes {summary.working.limited_mlu / 1000:.1f} LU" in level_lines(summary)[0]


def test_what_cannot_be_brought_there_is_named_with_the_forecast(tmp_path: Path) -> None:
    with Vault.init(tmp_path / "vault") as vault:
        for role in ("beats", "bass", "melody"):
            clicks = np.zeros((8 * 25_200, 2))
            clicks[::25_200] = 0.9
            samples = (clicks * 32767).astype(np.int16)
            samples[1] = len(role)  # other audio for each
            vault.import_samples(samples, replace(FACTS, title=f"Clicks for {role}", role=role))
        for role in ("pads", "fx"):
            wave = at_lufs(notes([220, 262, 330], 8, 0.5, len(role)), -30)
            vault.import_samples((wave * 32767).astype(np.int16), replace(FACTS, title=role, role=role))
        summary, pack = built(vault, tmp_path / "pack", "shop")
        pack.close()
    assert {stem.title for stem, _level in summary.short} == {
        "Clicks for beats",
        "Clicks for bass",
        "Clicks for melody",
    }
    strong, below, missed = level_warnings(summary)
    assert strong.startswith("StronglyLimited: ") and "Clicks for beats" in strong
    assert below.startswith("StemsBelow: ") and "Clicks for bass" in below
    assert missed.startswith("TargetMissed: ") and f"{summary.working.forecast_mlufs / 1000:.1f} LUFS" in missed
    assert all(level.limited_mdb <= LIMIT_MDB_MAX + 2000 for _stem, level in summary.limited)
    assert any("peaks limited in" in line for line in level_lines(summary))


def test_a_silent_stem_reaches_no_pack(tmp_path: Path) -> None:
    with Vault.init(tmp_path / "vault") as vault:
        fill(vault)
        vault.import_samples(np.ones((8 * 25_200, 1), np.int16), replace(FACTS, title="Nothing"))
        with pytest.raises(SilentStem, match="Nothing: expected something that is heard"):
            built(vault, tmp_path / "pack", "spa")


def test_a_script_that_moves_a_little_leaves_blobs_as_they_were(uneven: Vault, tmp_path: Path) -> None:
    kept = []
    for target in (-26, -26.3):
        _summary, pack = built(uneven, tmp_path / str(target), "spa", target)
        kept.append({stem.sha256 for stem in pack.manifest.stems})
        pack.close()
    assert len(kept[0] & kept[1]) >= len(kept[0]) - 1


@pytest.mark.parametrize("loop", [True, False])
def test_the_limiter_takes_what_is_over_and_nothing_else(loop: bool) -> None:
    at = RATE_HZ
    wave = 0.3 * np.sin(np.arange(2 * RATE_HZ) * (2 * np.pi * 220 / RATE_HZ))
    wave[at : at + 400] *= 1 + 1.2 * np.hanning(400)
    samples = wave[:, None].astype(np.float32)
    result, least = limited(samples, 0.5, RATE_HZ, loop)
    assert true_peak_db(result) <= 20 * math.log10(0.5)
    assert 0.3 < least < 1 and least == pytest.approx(0.5 / float(np.abs(samples).max()), rel=0.05)
    far = np.r_[0 : at - 4000, at + 4500 : len(samples)]
    assert np.array_equal(result[far], samples[far])
    untouched, one = limited(samples, 4.0, RATE_HZ, loop)
    assert untouched is samples and one == 1.0


def test_the_limiter_bends_no_bass() -> None:
    at = np.arange(RATE_HZ * 2) / RATE_HZ
    swell = 0.6 + 0.4 * np.exp(-((at - 1) ** 2) / 0.02)
    wave = (np.sin(2 * np.pi * 50 * at) * swell)[:, None].astype(np.float32)
    result, _least = limited(wave, 0.8, RATE_HZ, False)
    power = np.abs(np.fft.rfft(result[:, 0] * np.hanning(len(result)))) ** 2
    harmonics = power[280:].sum() / power[:280].sum()
    assert 10 * math.log10(harmonics) < -60


def test_loops_are_limited_over_their_seam() -> None:
    samples = strokes(4, 1).astype(np.float32)
    result, _least = limited(samples, 0.5, RATE_HZ, True)
    turned, _least = limited(np.roll(samples, 20_000, axis=0), 0.5, RATE_HZ, True)
    assert np.allclose(np.roll(result, 20_000, axis=0), turned, atol=1e-5)


def test_sixteen_bits_are_dithered_where_they_round_and_only_there() -> None:
    exact = np.array([[0.5], [-1], [3 / 32768]], np.float32)
    assert quantised(exact, b"seed")[:, 0].tolist() == [16384, -32768, 3]
    at = np.arange(RATE_HZ) / RATE_HZ
    quiet = (0.4 / 32768 * np.sin(2 * np.pi * 441 * at))[:, None].astype(np.float32)
    quiet[:100] = 0
    result = quantised(quiet, b"seed")
    assert np.array_equal(result, quantised(quiet, b"seed")) and not np.array_equal(result, quantised(quiet, b"sown"))
    assert not result[:100].any()
    spectrum = np.abs(np.fft.rfft(result[:, 0].astype(float)))
    assert np.argmax(spectrum) == 441 and spectrum[441] > 5 * np.median(spectrum)


@given(st.integers(-40_000, 20_000), st.integers(-9_000, 9_000), st.integers(-30_000, 0))
@example(5_000, -9_000, -30_000)  # a low-pass takes so much that more than full scale would be wanted
@example(-23_000, 9_000, -22_979)  # all at their most and a little too loud, until they are brought down by far more
@example(-23_000, 9_000, -22_000)
def test_working_loudness_meets_the_target_or_comes_as_near_as_peaks_allow(target: int, more: int, most: int) -> None:
    def forecast(working: int) -> int:
        return min(working + more, most)

    found = forecast(working_mlufs(target, forecast))
    assert abs(found - target) <= 20 or found == min(most, more) < target


@given(st.integers(-70_000, 3_000), st.floats(1e-4, 1), st.integers(-60_000, 0), st.integers(-20_000, 0))
def test_gains_keep_to_the_bounds(mlufs: int, peak: float, working: int, ceiling_mdb: int) -> None:
    wanted = stem_gain_mdb(mlufs, peak, working, ceiling_mdb)
    assert wanted <= min(MAKE_UP_MDB_MAX, working - mlufs)
    assert peak * linear(wanted) <= linear(ceiling_mdb + LIMIT_MDB_MAX) * 1.0001
    step = baked_mdb(wanted, peak, ceiling_mdb)
    if step is None:
        assert wanted <= 0 and peak * linear(wanted) <= linear(ceiling_mdb) * 1.0001
    else:
        assert wanted <= step < wanted + 3_000
    gain = gain_q15(wanted, peak, ceiling_mdb)
    assert 1 <= gain <= 32767 and (gain == 1 or peak * gain / 32768 <= linear(ceiling_mdb))

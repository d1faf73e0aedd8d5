"""The starter vault: what the demo's music is made of."""

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from amos_tools.starter import make_starter_vault
from amos_tools.starter.make import render
from amos_tools.starter.repertoire import PIECES
from amos_tools.starter.sound import BAR_FRAMES, BEAT_FRAMES
from amos_tools.stems import PPM, ROLES, StemFacts
from amos_tools.vault import Vault
from amos_tools.vault.audio import Int16Frames
from amos_tools.vault.errors import VaultExists

ROUND = {piece.title for piece in PIECES if piece.goes_round}
STROKES = {piece.title for piece in PIECES if not piece.bars}


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """The starter vault, made once."""
    start = time.perf_counter()
    with make_starter_vault(tmp_path_factory.mktemp("starter") / "vault") as vault:
        assert time.perf_counter() - start < 60, "about 5 s on an idle core"
        yield vault


@pytest.fixture(scope="module")
def stems(vault: Vault) -> dict[str, StemFacts]:
    """By title."""
    return {stem.title: stem for stem in vault.stems()}


def test_roles_artists_and_consent(stems: dict[str, StemFacts]) -> None:
    offered = [stem for stem in stems.values() if stem.opt_in]
    assert len(offered) == 31
    assert len(stems) == 32
    assert all(3 <= count <= 6 for count in Counter(stem.role for stem in offered).values())
    assert {stem.role for stem in offered} == set(ROLES) - {"vocals"}
    assert len({stem.artist for stem in offered}) == 5
    assert {len(stem.splits) for stem in offered} == {1, 2, 3}
    assert all(sum(split.ppm for split in stem.splits) == PPM for stem in stems.values())


def test_loops_are_whole_bars(stems: dict[str, StemFacts]) -> None:
    assert BEAT_FRAMES * 84 == 44_100 * 60
    for stem in stems.values():
        assert (stem.rate_hz, stem.channels) == (44_100, 2)
        if stem.title in STROKES:
            assert stem.beats is None and stem.tempo_mbpm is None and stem.frames < BEAT_FRAMES / 2
            continue
        assert stem.beats is not None and stem.frames == stem.beats * BEAT_FRAMES and stem.tempo_mbpm == 84_000
        assert stem.frames // BAR_FRAMES in range(4, 17)


def test_nothing_clicks_or_clips(vault: Vault, stems: dict[str, StemFacts]) -> None:
    for stem in stems.values():
        samples = vault.audio(stem).astype(np.int32)
        peak = np.max(np.abs(samples))
        assert 0.69 < peak / 32768 <= 10 ** (-3 / 20), stem.title
        steps = np.max(np.abs(np.diff(samples, axis=0)))
        if stem.title in ROUND:
            assert np.max(np.abs(samples[0] - samples[-1])) <= steps, stem.title
            continue
        assert not samples[0].any() and not samples[-1].any(), stem.title
        assert max(np.max(np.abs(samples[:8])), np.max(np.abs(samples[-8:]))) <= max(steps, 64), stem.title


def test_pads_have_no_hole_where_they_go_round(vault: Vault, stems: dict[str, StemFacts]) -> None:
    for title in ROUND:
        samples = vault.audio(stems[title]).astype(np.float64)
        turned = np.roll(samples, len(samples) // 2, axis=0)  # the seam is in the middle
        size = 44_100 * 2 // 5
        level_db = [
            10 * np.log10(np.mean(turned[at : at + size] ** 2)) for at in range(0, len(turned) - size, size // 4)
        ]
        middle = len(level_db) // 2
        assert min(level_db[middle - 8 : middle + 8]) > np.median(level_db) - 6, title


def test_every_stem_sounds_throughout_and_on_both_sides(vault: Vault, stems: dict[str, StemFacts]) -> None:
    for stem in stems.values():
        if stem.title in STROKES:
            continue
        samples = vault.audio(stem).astype(np.float64) / 32768
        assert abs(samples.mean()) < 2e-3, stem.title
        quarters = samples[: len(samples) // 4 * 4].reshape(4, -1, 2)
        level_db = 10 * np.log10(np.mean(quarters**2, axis=1))
        assert level_db.min() > -45, (stem.title, level_db)
        assert np.max(np.abs(level_db[:, 0] - level_db[:, 1])) < 12, stem.title
        assert -32_000 < stem.loudness_mlufs < -8_000, stem.title


def test_notes_keep_to_the_key(vault: Vault, stems: dict[str, StemFacts]) -> None:
    """In every pitched stem but the bells, whose overtones are inharmonic, the strongest tones belong to the scale."""
    scale = {0, 2, 4, 5, 7, 9}  # C D E F G A: the shared pentatonic, and E
    for title in ("Harbour Haze", "Slow Tide", "Lantern", "Night Glass", "Moorings", "Low Water", "Keel", "Two Chords"):
        samples: Int16Frames = vault.audio(stems[title])
        power = np.abs(np.fft.rfft(samples.mean(axis=1))) ** 2
        hertz = np.arange(len(power)) * 44_100 / len(samples)
        heard = (hertz > 35) & (hertz < 1500)
        pitch = np.round(12 * np.log2(hertz[heard] / 440) + 69).astype(int) % 12
        by_class = np.bincount(pitch, power[heard], 12)
        assert by_class[sorted(scale)].sum() > 0.93 * by_class.sum(), (title, by_class / by_class.sum())


@pytest.mark.parametrize("title", ["Lantern", "Brush One", "Old Record", "Thumb Rain", "Finger Snap"])
def test_a_stem_is_made_the_same_again(vault: Vault, stems: dict[str, StemFacts], title: str) -> None:
    piece = next(piece for piece in PIECES if piece.title == title)
    assert np.array_equal(render(piece), vault.audio(stems[title]))


def test_a_second_vault_in_the_same_place_is_refused(vault: Vault) -> None:
    with pytest.raises(VaultExists):
        make_starter_vault(vault.path)

"""A limiter that takes decibels from a stem changes how it sounds: the build says so by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from level_material import FACTS, RATE_HZ, at_lufs, built, notes

from amos_tools.pack.level import STRONGLY_LIMITED_MDB
from amos_tools.pack.levels_report import level_warnings
from amos_tools.vault import Vault


@pytest.mark.parametrize(("stroke", "strong"), [(0.0, False), (0.3, False), (0.8, True)])
def test_a_stem_that_was_limited_strongly_is_named(tmp_path: Path, stroke: float, strong: bool) -> None:
    """Strokes over quiet notes: bringing the notes up takes the strokes down."""
    with Vault.init(tmp_path / "vault") as vault:
        for seed, role in enumerate(("beats", "bass", "melody", "pads", "fx")):
            wave = at_lufs(notes([220, 262, 330], 8, 0.5, seed), -30)
            if role == "melody":
                wave[RATE_HZ // 2 :: RATE_HZ // 2] += stroke
            vault.import_samples((wave * 32767).astype(np.int16), replace(FACTS, title=f"The {role}", role=role))
        summary, pack = built(vault, tmp_path / "pack", "shop")
        pack.close()
    most = max((level.limited_mdb for _stem, level in summary.levelled), default=0)
    assert (most > STRONGLY_LIMITED_MDB) == strong, most
    named = [warning for warning in level_warnings(summary) if warning.startswith("StronglyLimited: ")]
    assert bool(named) == strong
    if strong:
        assert "The melody" in named[0] and f"{most / 1000:.1f} dB" in named[0] and "The bass" not in named[0]

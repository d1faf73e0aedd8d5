"""A small pack for the tests of boards."""

from pathlib import Path

import numpy as np

from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

RATE_HZ = 22050
PUBLISHER = b"p" * 32
SCRIPT = """
experience "board" seed device
clock 22050 tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices {voices}
pool all = stems where role pads
section loop 2 bars
  play pads from all fade 1 beat
"""

PROFILE_SCRIPT = """
experience "busy board" seed device
clock 22050 tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 6
pool all = stems where role pads
section loop 8 bars
  play pads from all count 4
  play pads from all count 1 fade 2 beats
"""
"""All six voices of the Pico 2 W: four without a pause, and two that fade into each other."""


def make_pack(folder: Path, voices: int) -> Path:
    """Two mono stems of two seconds, plain."""
    return _pack(folder, SCRIPT.format(voices=voices), [2 * RATE_HZ + number for number in range(2)], 1, "pcm16")


def make_profile_pack(folder: Path, stem_seconds: int) -> Path:
    """What the Pico 2 W's profile allows at most: six stereo voices of QOA at 22.05 kHz."""
    return _pack(folder, PROFILE_SCRIPT, [stem_seconds * RATE_HZ - number for number in range(16)], 2, "qoa")


def _pack(folder: Path, script: str, frames: list[int], channels: int, codec: str) -> Path:
    noise = np.random.RandomState(3)
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number, count in enumerate(frames):
            samples = noise.randint(-9000, 9000, (count, channels)).astype("int16")
            told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
            vault.import_samples(samples, parse_facts("noise", told))
        terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "mcu", "lease_end_unix_s": 2_000_000_000}
        build_pack(compile_script(script, vault.stems()), vault, folder / "pack", codec=codec, **terms)  # type: ignore[arg-type]
    return folder / "pack"

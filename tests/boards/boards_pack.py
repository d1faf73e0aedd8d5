"""A small pack for the tests of boards."""

from pathlib import Path

import numpy as np

from amos_tools.bench.profile import PUBLISHER_SEED
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

RATE_HZ = 22050
PUBLISHER = PUBLISHER_SEED
SCRIPT = """
experience "board" seed device
clock 22050 tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices {voices}
pool all = stems where role pads
section loop 2 bars
  play pads from all fade 1 beat
"""


def make_pack(folder: Path, voices: int, codec: str = "pcm16") -> Path:
    noise = np.random.RandomState(3)
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(2):
            samples = noise.randint(-9000, 9000, (RATE_HZ * 2 + number, 1)).astype("int16")
            told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
            vault.import_samples(samples, parse_facts("noise", told))
        terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "mcu", "lease_end_unix_s": 2_000_000_000}
        score = compile_script(SCRIPT.format(voices=voices), vault.stems())
        build_pack(score, vault, folder / "pack", codec=codec, **terms)  # type: ignore[arg-type]
    return folder / "pack"

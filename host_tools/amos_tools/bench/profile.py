"""The fullest music that a board's profile allows, as a pack: every voice sounds, in stereo, from storage."""

from pathlib import Path

import numpy as np

from amos_tools.boards import Board
from amos_tools.pack import build_pack
from amos_tools.script import Compiled, compile_script
from amos_tools.vault import Vault, parse_facts

PUBLISHER_SEED = b"p" * 32
_SCRIPT = """experience "fullest" seed device
clock {rate_hz} tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices {voices}
pool all = stems where role pads
section loop 8 bars
  play pads from all count {steady}
  play pads from all count 1 fade 2 beats
"""


def make_profile_pack(
    board: Board, folder: Path, stem_s: int, stems: int | None = None, loops: bool = False
) -> tuple[Path, Compiled]:
    """The pack, in a folder of `folder`, and its script: all voices but two play on end, the last two in turn into each
    other. `stems` of noise, `stem_s` seconds each, by default two and a half for each voice; `loops`: with beats."""
    rate_hz, voices = board["audio.rate_hz"], board["audio.voices"]
    noise = np.random.default_rng(3)
    told = {"artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
    if loops:
        told |= {"tempo": "120", "beats": str(2 * stem_s)}
    with Vault.init(folder / "vault", rate_hz=rate_hz) as vault:
        for number in range(stems or 5 * voices // 2):
            samples = noise.integers(-9000, 9000, (stem_s * rate_hz - number, 2), np.int16)
            vault.import_samples(samples, parse_facts("noise", told | {"title": f"noise {number}"}))
        script = _SCRIPT.format(rate_hz=rate_hz, voices=voices, steady=voices - 2)
        compiled = compile_script(script, vault.stems())
        build_pack(
            compiled,
            vault,
            folder / "pack",
            publisher_seed=PUBLISHER_SEED,
            serial=1,
            board_class=board["class"],
            lease_end_unix_s=2_000_000_000,
            codec=board["codec"],
        )
    return folder / "pack", compiled

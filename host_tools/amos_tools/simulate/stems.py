"""The stem table of a script as a pack of it would hold it, without building the pack."""

from amos.player.score import Score
from amos_tools.pack.build import conformed
from amos_tools.pack.level import stem_gain_q15, working_mlufs
from amos_tools.script import Compiled
from amos_tools.simulate.run import SimStem
from amos_tools.vault import Vault


def script_stems(compiled: Compiled, score: Score, vault: Vault) -> list[SimStem]:
    """Length and gain of each stem exactly as `amos pack build` makes them. Raises `VaultError`."""
    working = working_mlufs(score)
    stems = []
    for stem in compiled.stems:
        samples = conformed(vault.audio(stem), stem.rate_hz, score.rate_hz)
        peak = max(int(samples.max()), -int(samples.min()))
        gain_q15 = stem_gain_q15(stem.loudness_mlufs, peak, working, score.peak_mdb)
        stems.append(SimStem(len(samples), gain_q15, stem.role, stem.title, stem.artist))
    return stems

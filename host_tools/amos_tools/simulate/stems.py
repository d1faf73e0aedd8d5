"""The stem table of a script as a pack of it would hold it, without building the pack."""

from amos_tools.pack.build import stem_table
from amos_tools.script import Compiled
from amos_tools.simulate.run import SimStem
from amos_tools.vault import Vault


def script_stems(compiled: Compiled, vault: Vault) -> list[SimStem]:
    """Length and gain of each stem exactly as `amos pack build` makes them. Raises `PackBuildError`, `VaultError`."""
    return [
        SimStem(frames, gain_q15, stem.role, stem.title, stem.artist)
        for stem, frames, gain_q15 in stem_table(compiled, vault)
    ]

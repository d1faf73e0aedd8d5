"""The stem table of a script as a pack of it would hold it, without building the pack."""

from amos_tools.pack.build import stem_table
from amos_tools.pack.working import Working
from amos_tools.script import Compiled
from amos_tools.script.own_clocks import row_titles
from amos_tools.simulate.run import SimStem
from amos_tools.vault import Vault


def script_table(compiled: Compiled, vault: Vault) -> tuple[list[SimStem], Working]:
    """Each stem exactly as `amos pack build` makes it, and how loud its pack would play.

    Raises `PackBuildError`, `VaultError`.
    """
    rows, working = stem_table(compiled, vault)
    stems = [
        SimStem(row.frames, row.gain_q15, row.stem.role, title, row.stem.artist, row.profile, row.loss)
        for row, title in zip(rows, row_titles(compiled), strict=True)
    ]
    return stems, working


def script_stems(compiled: Compiled, vault: Vault) -> list[SimStem]:
    """Length and gain of each stem. Raises as `script_table` does."""
    return script_table(compiled, vault)[0]

"""What may become a stem: a recording in which something is heard."""

from pathlib import Path

import numpy as np

from amos_tools.render.marks import carries_mark
from amos_tools.vault import errors
from amos_tools.vault.audio import Audio, read_audio, to_float
from amos_tools.vault.limits import SILENT_PEAK


def usable_audio(path: Path, rate_hz: int) -> Audio:
    """The audio of a file, at `rate_hz`. Raises the `VaultError` that says why it can be no stem."""
    if path.is_file() and carries_mark(path):
        raise errors.EngineOutput(path, "origin", "a recording by people", "the provenance of engine output")
    audio = read_audio(path, rate_hz)
    samples = to_float(audio.samples)
    if float(np.abs(samples - samples.mean(axis=0)).max()) < SILENT_PEAK:
        raise errors.SilentAudio(path, "audio", "something that is heard", "silence throughout")
    return audio

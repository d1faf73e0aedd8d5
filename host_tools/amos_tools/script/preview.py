"""The stems of a compiled script as a pack would hold them, about: where nothing depends on what the builder alters."""

from amos_tools.script.compile import Compiled


def stem_frames(compiled: Compiled) -> list[int]:
    """Length of each stem at the script's rate, to a frame; of those the builder stretches, from before it does."""
    return [max(1, round(stem.frames * compiled.rate_hz / stem.rate_hz)) for stem in compiled.stems]

"""A script's day without audio: the VM and the meter run as on a player, thousands of times faster than music."""

from amos_tools.simulate.inputs import InputFileError, TimedInput, read_inputs
from amos_tools.simulate.run import SimStem, Step, Totals, Watcher, simulate, watch
from amos_tools.simulate.seed import SeedError, seed32

__all__ = [
    "InputFileError",
    "SeedError",
    "SimStem",
    "Step",
    "TimedInput",
    "Totals",
    "Watcher",
    "read_inputs",
    "seed32",
    "simulate",
    "watch",
]

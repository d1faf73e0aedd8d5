"""How many inputs of a file come sooner than a player would take them of a person. Pure."""

from collections.abc import Iterable

from amos.score.inputs import OWN_INPUTS
from amos.session.input_allowance import INPUT_EVERY_MS, INPUTS_AT_ONCE, InputAllowance
from amos_tools.simulate.inputs import TimedInput

TOLD = f"a player takes {INPUTS_AT_ONCE} from rest, and then one each {INPUT_EVERY_MS // 1000} s"


def too_soon(inputs: Iterable[TimedInput], rate_hz: int) -> int:
    """Of inputs in order: those that a player refuses, or takes later. Its own are under no allowance."""
    allowance, count = InputAllowance(), 0
    for item in inputs:
        if item.kind in OWN_INPUTS:
            continue
        now_ms = item.frame * 1000 // rate_hz
        if allowance.wait_ms(now_ms):
            count += 1
        else:
            allowance.take(now_ms)
    return count

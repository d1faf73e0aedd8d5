"""What tools look at in the VM beside its events: rules it relaxed, sliders where they stand."""

from amos.score.chooser import RULE_NAMES
from amos.score.vm import Vm


def relaxations(vm: Vm) -> dict[str, int]:
    """How often each rule left nothing to choose and was relaxed, by the rule's name."""
    return dict(zip(RULE_NAMES, vm.relaxations(), strict=True))


def slider_shares(vm: Vm) -> list[float]:
    """Where each slider stands between its bounds, 0 .. 1; for pictures only."""
    return [
        (value - slider.lo_q15) / (slider.hi_q15 - slider.lo_q15)
        for value, slider in zip(vm.slider_values(), vm.score.sliders, strict=True)
    ]

"""What tools look at in the VM beside its events: rules it relaxed, sliders where they stand."""

from amos.player.vm import Vm


def relaxations(vm: Vm) -> dict[str, int]:
    """How often each rule left nothing to choose and was relaxed, by the rule's name."""
    repeats, doubles = vm.relaxed()
    return {"repeat of a pool's last stem": repeats, "stem twice at once": doubles}


def slider_shares(vm: Vm) -> list[float]:
    """Where each slider stands between its bounds, 0 .. 1; for pictures only."""
    return [
        (value - slider.lo_q15) / (slider.hi_q15 - slider.lo_q15)
        for value, slider in zip(vm._sliders_q15, vm.score.sliders, strict=True)
    ]

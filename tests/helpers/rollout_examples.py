"""Roll-outs as tests need them."""

from amos_tools.fleet.rollout.seen import Seen
from amos_tools.fleet.rollout.state import Device, Limits, Pack, Ring, Rollout

EARLIER, GOES = Pack("0" * 64, 7, "1" * 64), Pack("8" * 64, 8, "2" * 64)
BACK = Pack("9" * 64, 9, EARLIER.plays)
SERIAL = 1000
LIMITS = Limits(soak_s=10, take_s=20, silent_for_s=5, vanish_after_s=15, refuse_percent=50, enough_percent=60)


def a_device(number: int, sent: bool = False) -> Device:
    device = Device("cafe", f"{number:032x}")
    if sent:
        device.pack, device.serial, device.data = GOES.pack_id, SERIAL, "00"
    return device


def a_rollout(*counts: int, limits: Limits = LIMITS) -> Rollout:
    """Rings of so many players."""
    rings, first = [], 0
    for number, count in enumerate(counts):
        rings.append(Ring(f"r{number}", limits, [a_device(first + each) for each in range(count)]))
        first += count
    return Rollout(GOES, rings)


def plays(serial: int = SERIAL, pack: Pack = GOES, **more: object) -> Seen:
    """A player that has the directive and plays that pack."""
    return Seen(serial, pack.pack_id, True, serial, pack.pack_id, **more)  # type: ignore[arg-type]


def before(**more: object) -> Seen:
    """A player that is there and has not heard of the directive."""
    told = {"wanted_serial": SERIAL, "wanted_pack": GOES.pack_id, "connected": True, "serial": SERIAL - 1}
    return Seen(**told | {"pack": EARLIER.pack_id} | more)  # type: ignore[arg-type]

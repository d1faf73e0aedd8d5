"""What one player still has that is not brought, in sentences."""

from collections.abc import Callable

from amos_sync.device import Device
from amos_sync.outbox import Outbox, State
from amos_sync.session import Session


def lacking(device: Device, outbox: Outbox, has_pack: Callable[[Session], bool]) -> list[str]:
    """Of a player for which something is left to do."""
    session = device.session
    if session is None or session.device_id is None:
        return [f"{device.address} does not answer"]
    slots = outbox.open_slots(session.device_id)
    counts = {state: sum(slot.state is state for slot in slots) for state in State}
    sentences = [f"{session.name}: {count} segments {state.name.lower()}" for state, count in counts.items() if count]
    if not slots and not session.settled:
        sentences.append(f"{session.name}: segments not pulled yet")
    if not has_pack(session):
        sentences.append(f"{session.name}: pack not brought yet")
    return sentences

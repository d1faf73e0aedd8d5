"""Tree heads of this ledger asked for where others keep them, before a command signs: mirrors and the broker.

Contract: who is asked and does not answer is an error, since a head that nobody was asked about stops nothing.
"""

import time
from collections.abc import Sequence
from contextlib import suppress

from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos.protocol.limits import APPOINTMENT_BYTES_MAX
from amos.protocol.topics import CHECKPOINT, ROTATIONS
from amos_ledger.errors import BrokerUnusable
from amos_ledger.folder import ROTATION_NAME, Folder
from amos_ledger.head_line import HeadLine
from amos_ledger.heads import Heads
from amos_ledger.public import CHECKPOINT as CHECKPOINT_NAME
from amos_ledger.served_broker import recall
from amos_mqtt.broker import Broker
from amos_places.errors import NotThere
from amos_places.named import source_at

REACH_S = 20.0
"""For a connection; a broker of MQTT 3.1.1 is found out within it."""


def ask_outside(folder: Folder, mirrors: Sequence[str], broker: Broker | None) -> None:
    """Hold the heads that are kept there against the log; one that it lacks is kept, and stops what is signed.

    Raises `PlaceFailed`, `BrokerUnusable`, and what `Folder.open_store` and `Heads` raise.
    """
    notes = []
    for place in mirrors:
        mirror = source_at(place)
        notes.append(mirror.read(CHECKPOINT_NAME, CHECKPOINT_BYTES_MAX))
        with suppress(NotThere):  # a rotation that this folder does not know: it was put back from before
            name = ROTATION_NAME.format(len(folder.line.keys))
            notes.append(mirror.read(name, APPOINTMENT_BYTES_MAX))
    if broker is not None:
        notes += _retained(broker)
    with folder.open_store() as store:
        for note in notes:
            Heads(folder).take(store, note)


def ask_served(folder: Folder, unasked: bool = False) -> Broker | None:
    """The same of the broker that the ledger served last, which is given back; nobody is asked where there was none, or
    where the operator wants it `unasked`. To be called by every command that signs or appends, before it does.

    Raises what `ask_outside` does, `BrokerUnusable` with what else can be done.
    """
    broker = None if unasked else recall(folder)
    if broker is None:
        return None
    try:
        ask_outside(folder, [], broker)
    except BrokerUnusable as error:
        raise BrokerUnusable(
            f"{error}; it keeps what this ledger signed, and what is signed is for good; `amos ledger`"
            " and `amos pool` with --unasked ask nobody"
        ) from None
    return broker


def _retained(broker: Broker) -> list[bytes]:
    """What the broker retains as the ledger's head; nothing when it has none."""
    line = HeadLine(broker, (CHECKPOINT, ROTATIONS))
    line.start()
    end_s = time.monotonic() + REACH_S
    found: list[bytes] = []
    try:
        while not line.told:
            if time.monotonic() >= end_s:
                wanted = "to be told what it retains" if line.reached else f"one at {broker.name}"
                raise BrokerUnusable(f"broker: expected {wanted}, found none in {REACH_S:g} s")
            found += line.poll(0.05)
    finally:
        line.stop()
    return found

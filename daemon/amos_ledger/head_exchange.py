"""The ledger's tree head at the broker: shown to couriers, and theirs heard before anything is signed.

On the first connection, in this order: what the broker retains is heard; the ledger shows its own head, unless it knows
itself behind; couriers that keep a higher one show it. Usage that arrives meanwhile waits, unacknowledged. Each step
takes `STEP_S`: a head that comes later is heard all the same, and stops the ledger then.
"""

from collections.abc import Callable

from amos.protocol import topics
from amos_ledger.folder import Folder
from amos_ledger.public import CHECKPOINT

STEP_S = 0.5
"""Longer than a broker takes for what it retains, and couriers for an answer."""

SHOW_S = 10.0
"""Between two heads shown: each goes to every courier. What was receipted since the last, couriers know by receipts."""


class HeadExchange:
    """`publish(topic, payload, retain)` gives a message to the broker, and says whether that went; `forgone()` is what
    couriers are asked with to send again, or None; `appointments()` the rotations of the ledger's key for players."""

    def __init__(
        self,
        folder: Folder,
        publish: Callable[[str, bytes, bool], bool],
        forgone: Callable[[], bytes | None],
        appointments: Callable[[], dict[int, bytes]],
    ) -> None:
        self._path = folder.public / CHECKPOINT
        self._publish = publish
        self._forgone = forgone
        self._appointments = appointments
        self._connected_s: float | None = None
        self._shown: tuple[int, bytes] | None = None
        self._shown_s = 0.0
        self.heard = False
        """Whether others had their chance to object; what is signed may be signed from then on."""

    def step(self, connection: int, behind: bool, now_s: float) -> None:
        """Go on; called while connected. `connection` counts the connections so far."""
        if self._connected_s is None:
            self._connected_s = now_s
        since_s = now_s - self._connected_s
        if since_s >= STEP_S and not behind:
            self.show(connection, now_s)
        self.heard |= since_s >= 2 * STEP_S

    def show(self, connection: int, now_s: float, last: bool = False) -> None:
        """Retain the published head at the broker, if it is another one than is there; not too often but for the
        `last` time."""
        again = self._shown is None or self._shown[0] != connection
        if not again and not last and now_s - self._shown_s < SHOW_S:
            return
        try:
            note = self._path.read_bytes()
        except OSError:
            return  # not published yet
        if self._shown != (connection, note) and self._publish(topics.CHECKPOINT, note, True):
            self._shown, self._shown_s = (connection, note), now_s
            forgone = self._forgone() if again else None
            if forgone is not None:
                self._publish(topics.FORGONE, forgone, True)
            for number, appointment in self._appointments().items() if again else ():
                self._publish(topics.rotation_topic(number), appointment, True)

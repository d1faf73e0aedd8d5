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
    couriers are asked with to send again, or None; `rotations()` are those of keys for players, by topic."""

    def __init__(
        self,
        folder: Folder,
        publish: Callable[[str, bytes, bool], bool],
        forgone: Callable[[], bytes | None],
        rotations: Callable[[], dict[str, bytes]],
    ) -> None:
        self._path = folder.public / CHECKPOINT
        self._publish = publish
        self._forgone = forgone
        self._rotations = rotations
        self._told: dict[str, bytes] = {}
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
            self._tell_rotations(again)

    def _tell_rotations(self, again: bool) -> None:
        """Those that the broker does not retain yet. The operator's key may be changed while the ledger serves."""
        self._told = {} if again else self._told
        for topic, rotation in self._rotations().items():
            if self._told.get(topic) != rotation and self._publish(topic, rotation, True):
                self._told[topic] = rotation

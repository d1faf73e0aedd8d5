"""The ledger's tree head at the broker: shown to couriers, and theirs heard before anything is signed.

Before the connection on which usage comes, on one of its own (`head_line.py`), in this order: what the broker retains
is heard, however long that takes; the ledger shows its own head, unless it knows itself behind; couriers that keep a
higher one show it within `STEP_S`. A head that comes later is heard all the same, and stops the ledger then.
"""

from collections.abc import Callable

from amos.protocol import topics
from amos_ledger.folder import Folder
from amos_ledger.public import CHECKPOINT

STEP_S = 0.5
"""Longer than couriers take for an answer."""

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
        self._begun_s: float | None = None
        self._shown: tuple[int, bytes] | None = None
        self._shown_s = 0.0
        self.heard = False
        """Whether others had their chance to object; what is signed may be signed from then on."""

    def step(self, connection: int, behind: bool, now_s: float) -> None:
        """Go on; called while connected, from when the broker has told what it retains. `connection` counts the
        connections on which usage comes; that before them is taken for the first."""
        if self._begun_s is None:
            self._begun_s = now_s
        if not behind:
            self.show(connection, now_s)
        self.heard |= now_s - self._begun_s >= STEP_S

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

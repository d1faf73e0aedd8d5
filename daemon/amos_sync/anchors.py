"""Time anchors between players and the ledger: who is due one, who waits, and what came. Pure: time is passed in."""

from dataclasses import dataclass

from amos.protocol.segment import CLOCK_SYNCHRONISED
from amos_sync.limits import ANCHOR_AGAIN_MS, ANCHOR_RETRY_MS, ANCHOR_WAIT_MS, TIME_ASK_MS


@dataclass
class _Asking:
    asked_ms: int
    came: bytes | None = None
    answered: bool = False


class Anchors:
    """One question at a time for each player."""

    def __init__(self) -> None:
        self._asking: dict[bytes, _Asking] = {}
        self._brought: dict[bytes, bytes] = {}
        self._asked_for_stick_ms: dict[bytes, int] = {}

    def due(self, device_id: bytes, clock: int, now_ms: int) -> bool:
        """Whether to ask: at once after connecting, once a day, and each minute while its clock is not synchronised."""
        asking = self._asking.get(device_id)
        wait_ms = ANCHOR_AGAIN_MS if clock == CLOCK_SYNCHRONISED else ANCHOR_RETRY_MS
        return asking is None or now_ms - asking.asked_ms >= wait_ms

    def asked(self, device_id: bytes, now_ms: int) -> None:
        """Its nonce is on the way to the ledger."""
        self._asking[device_id] = _Asking(now_ms)

    def came(self, device_id: bytes, payload: bytes) -> bool:
        """An anchor, or something else, came for it; whether it waits for one."""
        asking = self._asking.get(device_id)
        if asking is None or asking.answered:
            return False
        asking.came = payload
        return True

    def waited_ms(self, device_id: bytes, now_ms: int) -> int | None:
        """How long the answer that is awaited took so far; None when none is."""
        asking = self._asking.get(device_id)
        return None if asking is None or asking.answered else now_ms - asking.asked_ms

    def due_for_stick(self, device_id: bytes, clock: int, now_ms: int) -> bool:
        """The same where there is no broker, and a stick may take the question along; counts as asked."""
        asked_ms = self._asked_for_stick_ms.get(device_id)
        if clock == CLOCK_SYNCHRONISED or (asked_ms is not None and now_ms - asked_ms < TIME_ASK_MS):
            return False
        self._asked_for_stick_ms[device_id] = now_ms
        return True

    def brought(self, device_id: bytes, payload: bytes) -> None:
        """A stick brought an anchor for this player, which may be connected or not."""
        self._brought[device_id] = payload

    def take(self, device_id: bytes) -> bytes | None:
        """What there is to hand over, once."""
        brought = self._brought.pop(device_id, None)
        if brought is not None:
            return brought
        asking = self._asking.get(device_id)
        if asking is None or asking.came is None:
            return None
        payload, asking.came, asking.answered = asking.came, None, True
        return payload

    def waiting(self, device_id: bytes, now_ms: int) -> bool:
        """Whether an answer may still come soon, so that a courier about to leave should wait for it."""
        asking = self._asking.get(device_id)
        return asking is not None and not asking.answered and now_ms - asking.asked_ms < ANCHOR_WAIT_MS

    def forget(self, device_id: bytes) -> None:
        """Its connection ended: it is asked anew with the next."""
        self._asking.pop(device_id, None)
        self._asked_for_stick_ms.pop(device_id, None)

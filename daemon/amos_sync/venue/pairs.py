"""Codes that are given at the page, on the courier's loop: one at a time, for the player that it is to pair."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from amos_sync.courier import Courier
from amos_sync.device import Device
from amos_sync.pairing import Attempt, Outcome, local

CALLED_MAX = 256
"""Players whose name is remembered until their first receipt comes."""


class _Asked(NamedTuple):
    device_id: str
    code: str
    done: "Future[Outcome]"


class Pairs:
    """`ask` is anybody's, the rest the loop's. `called`: names of players that were paired here, by their ids."""

    def __init__(self) -> None:
        self.called: dict[str, str] = {}
        self._waiting: queue.Queue[_Asked] = queue.Queue(1)
        self._under_way: tuple[_Asked, Attempt] | None = None

    def ask(self, device_id: str, code: str) -> "Future[Outcome]":
        """Try this code; the result is what became of it. Whoever has to wait for another one is told so at once."""
        done: Future[Outcome] = Future()
        try:
            if self._under_way is not None:
                raise queue.Full
            self._waiting.put_nowait(_Asked(device_id, code, done))
        except queue.Full:
            done.set_result(local("PairingBusy"))
        return done

    def work(self, courier: Courier, now_ms: int) -> Callable[[], None] | None:
        """Once a turn; never waits. Tells whoever asked, once the players are seen as they are by then; None: nobody is
        to be told."""
        if self._under_way is None and not self._waiting.empty():
            self._begin(courier, self._waiting.get_nowait(), now_ms)
        if self._under_way is None:
            return None
        asked, attempt = self._under_way
        due = attempt.due(now_ms, courier.mqtt.up)
        if due is not None:
            courier.mqtt.subscribe([attempt.answers])
            courier.mqtt.publish(*due)
        return None if attempt.outcome is None else self._end(courier, asked, attempt.outcome)

    def _begin(self, courier: Courier, asked: _Asked, now_ms: int) -> None:
        if not asked.done.set_running_or_notify_cancel():
            return  # whoever asked waits no more
        attempt = Attempt(courier.settings.site, asked.code, courier.operator_line.keys(), now_ms)
        self._under_way, courier.pairing = (asked, attempt), attempt
        device = device_of(courier, asked.device_id)
        session = None if device is None else device.session
        if device is None or session is None or session.watched is None:
            return attempt.proved(None)
        session.watched.ask_proof(attempt.nonce, attempt.proved)
        device.wake()

    def _end(self, courier: Courier, asked: _Asked, outcome: Outcome) -> Callable[[], None]:
        self._under_way = courier.pairing = None
        if outcome.called is not None:
            while len(self.called) >= CALLED_MAX:
                del self.called[next(iter(self.called))]
            self.called[asked.device_id] = outcome.called
        courier.notes.tell(f"pairing of {asked.device_id[:8]}: {outcome.name}: {outcome.sentence}")
        return lambda: asked.done.set_result(outcome)


def device_of(courier: Courier, device_id: str) -> Device | None:
    """The player of that id, in hex, where it is connected."""
    for device in courier.devices:
        status = None if device.session is None else device.session.status
        if status is not None and status.device_id.hex() == device_id:
            return device
    return None

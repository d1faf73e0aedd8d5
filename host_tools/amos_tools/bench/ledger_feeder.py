"""Brings segments to a broker and waits for their receipts, as the couriers of a whole fleet do."""

import queue
from collections.abc import Iterable
from contextlib import AbstractContextManager
from hashlib import sha256
from types import TracebackType

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from amos.protocol.answer import RECEIPTED, Answer, decode_answer
from amos_ledger.intake.reading import Message
from amos_tools.bench.ledger_fleet import SITE

WINDOW = 512
"""Messages without a receipt: more than ledgers take at once, fewer than Mosquitto keeps for one client (1,000)."""

RESEND_S, RESENDS_MAX = 5.0, 12
QOS, INFLIGHT_MAX = 1, 100


class Feeder(AbstractContextManager["Feeder"]):
    """Connected to the broker at this port of the loopback interface."""

    def __init__(self, port: int) -> None:
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.max_inflight_messages_set(INFLIGHT_MAX)
        self._client.on_message = lambda _client, _data, message: self._answers.put(decode_answer(message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"amos/1/{SITE}/+/receipt", QOS)
        self._client.loop_start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def deliver(self, messages: Iterable[Message]) -> int:
        """Until there is a receipt for each; how many had to be sent again. Raises `RuntimeError` when one is refused,
        or nothing comes for a minute."""
        coming, waiting, again, silent = iter(messages), dict[bytes, Message](), 0, 0
        while True:
            while len(waiting) < WINDOW and (message := next(coming, None)) is not None:
                waiting[sha256(message.payload).digest()] = message
                self._client.publish(message.topic, message.payload, QOS)
            if not waiting:
                return again
            try:
                answer = self._answers.get(timeout=RESEND_S)
            except queue.Empty:
                silent += 1
                if silent > RESENDS_MAX:
                    raise RuntimeError(f"no receipts for {len(waiting)} segments") from None
                again += len(waiting)
                for message in waiting.values():
                    self._client.publish(message.topic, message.payload, QOS)
                continue
            if answer.verdict not in RECEIPTED:
                raise RuntimeError(f"expected a receipt, found verdict {answer.verdict}: {answer.detail}")
            waiting.pop(answer.message_sha256, None)

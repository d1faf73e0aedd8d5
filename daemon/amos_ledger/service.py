"""The ledger at work: takes what arrives in batches, has it decided, answers, acknowledges.

One thread does all of it; that of the MQTT client only enqueues. Whatever arrives and whatever the disk does, the
loop goes on; it ends when it is told to, or after `idle_s` without a message.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

from amos.protocol import topics
from amos.protocol.answer import ACCEPTED, FORK, IMPOSSIBLE
from amos_ledger.gathering import Gathering
from amos_ledger.head_exchange import HeadExchange
from amos_ledger.head_line import HeadLine
from amos_ledger.heads import Standing
from amos_ledger.intake.reading import Message, asks_time, holds_usage
from amos_ledger.ledger import Ledger
from amos_ledger.limits import BATCH_MESSAGES_MAX
from amos_ledger.metrics import Gauges
from amos_ledger.mqtt import MqttEdge
from amos_ledger.opt_outs import OptOutPublisher
from amos_ledger.records import verdict_name
from amos_ledger.refusal_log import RefusalLog
from amos_ledger.replies import Reply, encoded
from amos_mqtt.happenings import Arrival

TICK_S = 0.4
"""How soon a pack published by another process is noticed, and what workers have taken in."""

POLL_S = 0.2
"""How soon a stop is noticed."""

BY_NEW_KEY_S = 0.3
"""In a time of transition, until the anchor by the key in force follows that by the old one: a courier that knows no
rotation hands over the first, unless another has come by then."""

SUMMARY_S = 10.0
"""At most one line about ordinary traffic in this time."""


class Service:
    """Serves `ledger` over `edge` until `stop` is set."""

    def __init__(
        self,
        ledger: Ledger,
        edge: MqttEdge,
        report: Callable[[str], None],
        stop: threading.Event,
        gauges: Gauges | None = None,
        beat: Callable[[], None] | None = None,
    ) -> None:
        self._ledger = ledger
        self._edge = edge
        self._report = report
        self._stop = stop
        self._opt_out_publisher = OptOutPublisher(ledger.folder, edge.publish)
        self._head_line: HeadLine | None = None
        self._exchange = HeadExchange(ledger.folder, self._publish, ledger.forgone, ledger.rotations_to_tell)
        self._gathering: Gathering[Arrival[Message]] = Gathering()
        self._counts: Counter[str] = Counter()
        self._summarised_s = 0.0
        self._trouble: str | None = None
        self._refusals = RefusalLog()
        self._gauges = gauges or Gauges(ledger.folder.path)
        self._beat = beat
        self._delayed: deque[tuple[float, str, bytes]] = deque()

    def run(self, idle_s: float | None = None) -> None:
        """Serve. What others keep of this ledger's heads is heard first; then what earlier processes left undone is
        done."""
        try:
            self._hear_first(idle_s)
            if not self._exchange.heard:
                return
            self._edge.start()
            busy_s, ticked_s = time.monotonic(), 0.0
            while not self._stop.is_set():
                batch = self._hear(self._edge.next_batch(BATCH_MESSAGES_MAX - len(self._gathering), POLL_S))
                now_s = time.monotonic()
                self._ledger.watch_clock(_now_ms())
                self._tell_delayed(now_s)
                if self._edge.connected.is_set():
                    self._exchange.step(self._edge.connections, self._ledger.behind, now_s)
                if batch or self._gathering:
                    busy_s = now_s
                    self._take(batch, now_s)
                if now_s - ticked_s >= TICK_S:
                    ticked_s = now_s
                    self._send(self._ledger.tick())
                    if self._edge.connected.is_set():
                        self._opt_out_publisher.tell(self._edge.connections)
                self._say()
                self._note()
                if idle_s is not None and now_s - busy_s >= idle_s:
                    return
        finally:
            if self._exchange.heard and not self._ledger.behind:
                self._exchange.show(self._edge.connections, time.monotonic(), last=True)
            self._edge.stop()
            self._summarise()
            self._ledger.close()

    def _hear_first(self, idle_s: float | None) -> None:
        """Until what the broker retains was heard and couriers had their chance to object, on a connection of its own;
        or until told to stop, or for `idle_s` the broker told nothing."""
        line = self._head_line = self._edge.head_line()
        line.start()
        started_s = time.monotonic()
        try:
            while not self._stop.is_set():
                if not self._judge(line.poll(POLL_S)):
                    line.ask()
                now_s = time.monotonic()
                self._ledger.watch_clock(_now_ms())
                if line.told:
                    self._exchange.step(1, self._ledger.behind, now_s)
                self._say()
                self._note()
                if self._exchange.heard or (idle_s is not None and not line.told and now_s - started_s >= idle_s):
                    return
        finally:
            self._head_line = None
            line.stop()

    def _publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        return (self._head_line or self._edge).publish(topic, payload, retain)

    def _judge(self, shown: list[bytes]) -> bool:
        """Hold what was shown against the log; False when the disk kept that from being done."""
        standings = self._ledger.hear(shown) if shown else []
        if forged := sum(standing == Standing.FORGED for standing in standings):
            self._counts["tree heads not signed by this ledger"] += forged
        return len(standings) == len(shown)

    def _hear(self, batch: list[Arrival[Message]]) -> list[Arrival[Message]]:
        """Take the tree heads out of a batch; the rest of it."""
        shown = [item for item in batch if topics.shows_head(item.message.topic)]
        self._judge([item.message.payload for item in shown])
        self._acknowledge(shown)
        return [item for item in batch if not topics.shows_head(item.message.topic)]

    def _take(self, batch: list[Arrival[Message]], now_s: float) -> None:
        """Have what is due decided; each message is acknowledged as soon as what came of it is durable."""
        questions = [arrival for arrival in batch if asks_time(arrival.message)]
        self._date([arrival.message for arrival in questions])
        self._acknowledge(questions)
        self._gathering.add(arrival for arrival in batch if holds_usage(arrival.message))
        rest = [arrival for arrival in batch if not asks_time(arrival.message) and not holds_usage(arrival.message)]
        due = rest + self._gathering.due(now_s)
        if due:
            replies = self._ledger.take([arrival.message for arrival in due], int(time.time()))
            self._acknowledge(due)
            self._send(replies)

    def _acknowledge(self, arrivals: list[Arrival[Message]]) -> None:
        for arrival in arrivals:
            self._edge.acknowledge(arrival)

    def _date(self, messages: list[Message]) -> None:
        """Answer nonces at once: their players' clocks are wrong by half of what this takes."""
        if not messages:
            return
        for dated in self._ledger.date(messages, _now_ms()):
            self._counts["time asked, and not told" if dated is None else "time anchors"] += 1
            before = None if dated is None else self._ledger.by_key_before(dated)
            if before is not None and dated is not None:
                self._delayed.append((time.monotonic() + BY_NEW_KEY_S, *dated))
            self._tell(before or dated)

    def _tell(self, told: tuple[str, bytes] | None) -> None:
        if told is not None and not self._edge.publish(*told):
            self._counts["answers not sent"] += 1

    def _tell_delayed(self, now_s: float) -> None:
        while self._delayed and now_s >= self._delayed[0][0]:
            self._tell(self._delayed.popleft()[1:])

    def _send(self, replies: list[Reply]) -> None:
        for reply in replies:
            verdict = reply.answer.verdict
            self._counts[verdict_name(verdict)] += 1
            self._gauges.verdicts[verdict_name(verdict)] += 1
            if verdict in (FORK, IMPOSSIBLE) and reply.answer.device_id is not None:
                device_id = reply.answer.device_id.hex()
                self._report(f"quarantine: {device_id}: {verdict_name(verdict)}: {reply.answer.detail}")
            for line in self._refusals.lines(reply.topic, reply.answer, time.monotonic_ns() // 1_000_000):
                self._report(line)
            for answer in (reply.before, reply.answer) if reply.topic is not None else ():
                if answer is not None and not self._edge.publish(reply.topic or "", encoded(answer)):
                    self._counts["answers not sent"] += 1

    def _note(self) -> None:
        """Say to whoever looks that the loop turns, and how it fares."""
        gauges, edge = self._gauges, self._edge
        gauges.turned_s = time.monotonic()
        gauges.connected, gauges.connections = edge.connected.is_set(), edge.connections
        gauges.queued_messages, gauges.unsent_answers = edge.waiting, edge.unsent
        gauges.trouble = self._ledger.trouble
        if self._beat is not None:
            self._beat()

    def _say(self) -> None:
        """One line when storing begins to fail and one when it works again; a summary of the rest now and then."""
        trouble = self._ledger.trouble
        if trouble != self._trouble and (trouble is None or self._trouble is None):
            self._report(f"cannot store: {trouble}; couriers hold" if trouble else "stores again")
        self._trouble = trouble
        if time.monotonic() - self._summarised_s >= SUMMARY_S:
            self._summarise()

    def _summarise(self) -> None:
        dropped = self._edge.take_dropped()
        if dropped:
            self._counts["dropped, the queue was full"] += dropped
        if self._counts:
            order = sorted(self._counts.items(), key=lambda item: (item[0] != verdict_name(ACCEPTED), item[0]))
            self._report(", ".join(f"{count} {name}" for name, count in order))
            self._counts.clear()
            self._summarised_s = time.monotonic()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

"""One of several that take in usage for a ledger in a PostgreSQL database. It has no folder and no key.

It decides about a batch and commits, acknowledges then, and answers what is refused or held. What it accepted is in the
log when its transaction ends; the process that has the ledger's key publishes and receipts it at its next tick. So a
worker may end at any moment: what it did not commit was not acknowledged, and comes again.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from amos.crypto import key_id
from amos.protocol.answer import ACCEPTED, DUPLICATE, UNAVAILABLE
from amos.protocol.rotation import LEDGER
from amos_ledger.clerk import Outcome
from amos_ledger.collecting import not_collecting
from amos_ledger.errors import ClockWrong
from amos_ledger.intake.reading import Message, Reading, read
from amos_ledger.ledger import STORAGE_ERRORS, again, persist
from amos_ledger.limits import BATCH_MESSAGES_MAX
from amos_ledger.mqtt import MqttEdge
from amos_ledger.receipts import check_receipt
from amos_ledger.records import Wanted, verdict_name
from amos_ledger.replies import Reply, last_words, reply_to
from amos_ledger.service import POLL_S, SUMMARY_S
from amos_ledger.store.place import StorePlace
from amos_ledger.store.store import Store

CLOCK_OFF_MS_MAX = 5000
"""Between a worker's clock and the database server's: what it takes in is dated by it, in the log and for good."""

CLOCK_ASKED_S = 10.0


class Worker:
    """Takes in batches for the ledger at `place`. `trouble` says why it cannot at this moment, None when it can."""

    def __init__(self, place: StorePlace) -> None:
        self._place = place
        self._store: Store | None = None
        self._asked_s = 0.0
        self.trouble: str | None = None

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    @not_collecting()
    def take(self, messages: Sequence[Message], received_unix_s: int) -> list[Reply]:
        """Decide about a batch of usage; the answers that need no new receipt. Never raises for what a message holds or
        for what the database does."""
        readings = [read(message) for message in messages]
        try:
            outcomes = again(lambda: persist(self._opened(), readings, received_unix_s, False), self.close)
            replies = self._replies(outcomes)
        except STORAGE_ERRORS as error:
            self._note(error, "")
            return [self._unavailable(reading) for reading in readings]
        except Exception as error:  # a mistake of ours costs the one message that brings it up
            if len(messages) > 1:
                return [reply for message in messages for reply in self.take([message], received_unix_s)]
            self._note(error, f"internal error: {type(error).__name__}: ")
            return [self._unavailable(reading) for reading in readings]
        self.trouble = None
        return replies

    def _replies(self, outcomes: Sequence[Outcome]) -> list[Reply]:
        replies = []
        for outcome in last_words(outcomes):
            receipt = self._original(outcome) if outcome.verdict == DUPLICATE else None
            if receipt is not None or outcome.verdict not in (ACCEPTED, DUPLICATE):
                replies.append(reply_to(outcome, receipt, None))
        return replies

    def _original(self, outcome: Outcome) -> bytes | None:
        """The receipt that was given before. What has none yet gets one, and whoever waits for it is sent it; so does
        what has one by an earlier key of the ledger's."""
        assert outcome.device_id is not None and outcome.sequence is not None and outcome.site is not None
        store = self._opened()
        found = store.chain.heads.receipted(outcome.device_id, outcome.sequence)
        if found is None:
            return None
        line = store.rotations.line(LEDGER, store.public_key)
        receipt, _root = check_receipt(store, *found, line)
        if receipt.message.kid == key_id(line.present):
            return found[1]
        wanted = Wanted(outcome.device_id, outcome.sequence, outcome.site, outcome.message_sha256)
        with store.intake([outcome.device_id]):
            store.chain.heads.want(wanted)
        return None

    def _opened(self) -> Store:
        """The open store, of a server whose clock agrees with this machine's. Raises `ClockWrong`."""
        if self._store is None:
            self._store, self._asked_s = Store(self._place), 0.0
            self._store.serve()
        if time.monotonic() - self._asked_s >= CLOCK_ASKED_S:
            theirs_ms = self._store.clock_ms()
            own_ms = time.time_ns() // 1_000_000
            if theirs_ms is not None and abs(own_ms - theirs_ms) > CLOCK_OFF_MS_MAX:
                raise ClockWrong(
                    f"clock: expected the database server's, {theirs_ms // 1000} Unix seconds, found {own_ms // 1000};"
                    " set this machine's clock or the server's"
                )
            self._asked_s = time.monotonic()
        return self._store

    def _note(self, error: Exception, kind: str) -> None:
        self.trouble = kind + " ".join(str(error).split())
        self.close()

    def _unavailable(self, reading: Reading) -> Reply:
        outcome = Outcome(reading.message_sha256, reading.site, reading.device_id, None, UNAVAILABLE, "")
        return reply_to(outcome, None, self.trouble)


def run_worker(
    worker: Worker, edge: MqttEdge, report: Callable[[str], None], stop: threading.Event, idle_s: float | None = None
) -> None:
    """Take in usage until `stop` is set, or for so long nothing came."""
    counts: Counter[str] = Counter()
    edge.start()
    busy_s = summarised_s = time.monotonic()
    trouble = None
    try:
        while not stop.is_set() and (idle_s is None or time.monotonic() - busy_s < idle_s):
            batch = edge.next_batch(BATCH_MESSAGES_MAX, POLL_S)
            if batch:
                busy_s = time.monotonic()
                replies = worker.take([arrival.message for arrival in batch], int(time.time()))
                for arrival in batch:
                    edge.acknowledge(arrival)
                counts["taken in"] += len(batch)
                for reply in replies:
                    counts[verdict_name(reply.answer.verdict)] += 1
                    if reply.topic is not None:
                        edge.publish(reply.topic, reply.answer.encode())
            if worker.trouble != trouble:
                trouble = worker.trouble
                report(f"cannot store: {trouble}; couriers hold" if trouble else "stores again")
            if counts and time.monotonic() - summarised_s >= SUMMARY_S:
                report(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
                counts.clear()
                summarised_s = time.monotonic()
    finally:
        edge.stop()
        worker.close()

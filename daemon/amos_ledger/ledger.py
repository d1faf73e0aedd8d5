"""Intake of usage messages in batches: persist → sequence → sign → publish → receipt (daemon/DESIGN.md section 11).

A batch is one transaction for what it stores, index in the log included, and one for its receipts. A crash

    before the first commits   leaves nothing; couriers send again
    after it, "persisted"      leaves accepted segments with their leaf index and without receipt
    after signing, "signed"    the same; signing again gives the same bytes
    after "tiles written"      the same, and tiles that no checkpoint commits to; they will be found right as they are
    after "published"          the same, and the world sees that the segments are in the log
    after the second, "receipted"   leaves receipts that nobody was sent; a resend gets those very bytes

and the first `tick` of the next process goes on from any of these. No receipt exists before the checkpoint that it
rests on is published.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from amos.protocol.anchor import VERSION, Anchor, sign_anchor
from amos.protocol.answer import ACCEPTED, DUPLICATE, HELD, RECEIPTED, UNAVAILABLE, Answer
from amos.protocol.errors import ProtocolError
from amos.protocol.topics import ANCHOR, RECEIPT, device_topic
from amos_ledger import clerk, enrolling
from amos_ledger.clerk import Outcome
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.intake.reading import Message, Reading, read, shortened, time_request
from amos_ledger.limits import ANCHORS_PER_HOUR_MAX, BATCH_MESSAGES_MAX
from amos_ledger.log.checkpoint import Checkpoint
from amos_ledger.log.receipts import sign_receipts
from amos_ledger.public import Public
from amos_ledger.publish_pace import FREE_BYTES_MAX, PublishPace
from amos_ledger.records import Receipted
from amos_ledger.store.database import Row
from amos_ledger.store.store import Store

STORAGE_ERRORS = (sqlite3.Error, OSError, LedgerError)
"""What makes the ledger unavailable, not the message wrong."""


_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the topic to publish it on; None when the message named no device, so that nobody waits for it."""

    topic: str | None
    answer: Answer


class Ledger:
    """The ledger of one `folder` at work. Not shared between threads.

    `trouble` says why it cannot store at this moment, None when it can. The database is opened anew after an error, so
    that a disk that was full or away and is back is all that recovery takes.
    """

    def __init__(
        self,
        folder: Folder,
        at: Callable[[str], None] = lambda step: None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self._at = at
        self._monotonic_s = monotonic_s
        self._pace = PublishPace()
        self._store: Store | None = None
        self._public = Public(folder.public, folder.public_key, folder.sign)
        self._published_size = -1
        self.trouble: str | None = None

    @property
    def published_bytes(self) -> int:
        """Bytes that it has written to the published directory."""
        return self._public.written_bytes

    def spend_free_bytes(self) -> None:
        """Publish as one that has been at work for long: with nothing left of what it may write for nothing."""
        self._pace.published(0, FREE_BYTES_MAX)

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def take(self, messages: Sequence[Message], received_unix_s: int) -> list[Reply]:
        """Decide about a batch and answer. Never raises for what a message holds or for what the disk does."""
        enrolments = [message for message in messages if enrolling.is_enrolment(message)]
        if enrolments:  # first, so that play of a device in the same batch is that of a known one
            usage = [message for message in messages if not enrolling.is_enrolment(message)]
            return self._enrol(enrolments) + (self.take(usage, received_unix_s) if usage else [])
        readings = [read(message) for message in messages]
        try:
            outcomes = self._persist(readings, received_unix_s)
        except STORAGE_ERRORS as error:
            self._note(error)
            return [self._unavailable(reading) for reading in readings]
        except Exception as error:
            # A mistake of ours costs the one message that brings it up, not the service.
            if len(messages) > 1:
                return [reply for message in messages for reply in self.take([message], received_unix_s)]
            self._note(error)
            return [self._unavailable(reading) for reading in readings]
        return self._answer(outcomes)

    def date(self, messages: Sequence[Message], unix_ms: int) -> list[tuple[str, bytes] | None]:
        """(topic, time anchor) for the nonce of each enrolled player; None for anything else, and for one that asks
        without end. Never raises for it.

        What is signed was remembered before: a segment that rests on another anchor proves a forgery.
        """
        anchors: list[tuple[str, Anchor] | None] = []
        try:
            store = self._opened()
            with store.transaction():
                store.chain.anchors.note_clock(unix_ms)
                for message in messages:
                    anchors.append(_anchor(store, message, unix_ms))
        except STORAGE_ERRORS as error:
            self._note(error)
            return [None] * len(messages)
        key_id, sign = self.folder.key_id, self.folder.sign
        return [None if item is None else (item[0], sign_anchor(item[1], key_id, sign)) for item in anchors]

    def tick(self, at_once: bool = False) -> list[Reply]:
        """Do what waits: publish, when it is time (`publish_pace`) or `at_once`, receipt, and release segments whose
        pack has been published since."""
        try:
            store = self._opened()
            device_ids = store.chain.devices_with_published_packs()
            outcomes: list[Outcome] = []
            if device_ids:
                with store.transaction():
                    for device_id in device_ids:
                        outcomes += clerk.release(store, device_id)
                    _count(store, outcomes)
        except STORAGE_ERRORS as error:
            self._note(error)
            return []
        return self._answer(outcomes, at_once)

    def _enrol(self, messages: Sequence[Message]) -> list[Reply]:
        """Admit, publish, answer: an enrolment is in force for the sender when there is a receipt for it."""
        try:
            store = self._opened()
            with store.transaction():
                admissions = enrolling.admit(self.folder, store, messages)
            replies = self._answer([], at_once=True)
        except Exception as error:
            self._note(error)
            admissions, replies = [enrolling.undecided(message) for message in messages], []
        for admission in admissions:
            receipt = self._enrolment_receipt(admission)
            replies.append(Reply(admission.topic, admission.answer(receipt, self.trouble)))
        return replies

    def _enrolment_receipt(self, admission: enrolling.Admission) -> bytes | None:
        if not admission.in_force or self.trouble is not None:
            return None
        try:
            return enrolling.receipt_for(self.folder, self._opened(), admission.leaf_index, self._published_size)
        except STORAGE_ERRORS as error:
            self._note(error)
            return None

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self.folder.open_store()
        self._store.check_in_place()
        return self._store

    def _note(self, error: Exception) -> None:
        """Remember why nothing can be stored; the next batch opens the database anew."""
        text = " ".join(str(error).split())
        self.trouble = text if isinstance(error, STORAGE_ERRORS) else f"internal error: {type(error).__name__}: {text}"
        self.close()

    def _persist(self, readings: Iterable[Reading], received_unix_s: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        store = self._opened()
        with store.transaction():
            store.chain.anchors.note_clock(received_unix_s * 1000)
            for reading in readings:
                outcomes += clerk.take(store, reading, received_unix_s)
            _count(store, outcomes)
        self._at("persisted")
        return outcomes

    def _answer(self, outcomes: Sequence[Outcome], at_once: bool = False) -> list[Reply]:
        """Publish, make the receipts that are missing, and answer; without a receipt, with the reason why. What is
        accepted while it is not yet time to publish is answered when it is."""
        due = True
        fresh: list[Receipted] = []
        receipts: dict[tuple[bytes | None, int | None], bytes] = {}
        try:
            store = self._opened()
            due = at_once or self._due(store)
            fresh = self._receipt(store) if due else []
            receipts = {(item.device_id, item.sequence): item.receipt for item in fresh}
            receipts |= _originals(store, outcomes)
            self.trouble = None
        except STORAGE_ERRORS as error:
            self._note(error)
        told = {(item.device_id, item.sequence) for item in fresh}
        replies = [self._accepted(item) for item in fresh]
        for outcome in _last_words(outcomes):
            if not due and outcome.verdict in RECEIPTED and outcome.key not in receipts:
                continue
            if outcome.verdict != ACCEPTED or outcome.key not in told:
                replies.append(self._reply(outcome, receipts.get(outcome.key)))
        return replies

    def _due(self, store: Store) -> bool:
        """Whether it is time to publish. What an earlier process left over is published at once."""
        size = store.size()
        if self._published_size < 0 or size == self._published_size:
            return True
        return self._pace.due(store.log.bytes_from(self._published_size), self._monotonic_s())

    def _publish(self, store: Store, size: int) -> Checkpoint:
        stored_bytes = store.log.bytes_from(self._published_size) if 0 <= self._published_size < size else 0
        before_bytes = self._public.written_bytes
        with self.folder.publishing():
            head = self._public.publish(store, self._at)
        self._pace.published(stored_bytes, self._public.written_bytes - before_bytes)
        return head

    def _receipt(self, store: Store) -> list[Receipted]:
        """Publish what is not, then sign and keep the receipts that are missing."""
        size = store.size()
        waiting = store.chain.without_receipt(size, BATCH_MESSAGES_MAX)
        if size == self._published_size and not waiting:
            return []
        head = self._publish(store, size)
        self._published_size = head.size
        self._at("published")
        result: list[Receipted] = []
        while waiting:
            receipted = self._sign_receipts(store, head, waiting)
            with store.transaction():
                store.chain.keep_receipts(receipted, head.size, head.root)
            result += receipted
            waiting = store.chain.without_receipt(head.size, BATCH_MESSAGES_MAX)
        self._at("receipted")
        return result

    def _sign_receipts(self, store: Store, head: Checkpoint, waiting: Sequence[Row]) -> list[Receipted]:
        leaves = [row[0] for row in waiting]
        read = store.log.cached(leaves[0], head.size)
        receipts = sign_receipts(head.size, head.root, leaves, read, self.folder.key_id, self.folder.sign)
        return [
            Receipted(device_id, sequence, site, message_sha256, receipt)
            for (_leaf, device_id, sequence, site, message_sha256), receipt in zip(waiting, receipts, strict=True)
        ]

    def _accepted(self, item: Receipted) -> Reply:
        outcome = Outcome(item.message_sha256, item.site, item.device_id, item.sequence, ACCEPTED, "")
        return self._reply(outcome, item.receipt)

    def _unavailable(self, reading: Reading) -> Reply:
        reason = self.trouble or ""
        return self._reply(
            Outcome(reading.message_sha256, reading.site, reading.device_id, None, UNAVAILABLE, reason), None
        )

    def _reply(self, outcome: Outcome, receipt: bytes | None) -> Reply:
        verdict, detail = outcome.verdict, outcome.detail
        if verdict not in (ACCEPTED, DUPLICATE):
            receipt = None
        elif receipt is None:
            verdict, detail = UNAVAILABLE, f"stored, and not yet published: {self.trouble or 'no receipt'}"
        answer = Answer(
            message_sha256=outcome.message_sha256,
            verdict=verdict,
            device_id=outcome.device_id,
            sequence=outcome.sequence,
            receipt=receipt,
            detail=shortened(detail) or None,
        )
        if outcome.site is None or outcome.device_id is None:
            return Reply(None, answer)
        return Reply(device_topic(outcome.site, outcome.device_id, RECEIPT), answer)


def _anchor(store: Store, message: Message, unix_ms: int) -> tuple[str, Anchor] | None:
    try:
        site, device_id = time_request(message)
    except ProtocolError:
        return None
    if store.chain.device(device_id) is None:
        return None
    if store.chain.anchors.issued_within(device_id, unix_ms - _HOUR_MS, unix_ms) >= ANCHORS_PER_HOUR_MAX:
        return None
    store.chain.anchors.issue(device_id, unix_ms)
    anchor = Anchor(version=VERSION, device_id=device_id, nonce=message.payload, unix_ms=unix_ms)
    return device_topic(site, device_id, ANCHOR), anchor


def _originals(store: Store, outcomes: Iterable[Outcome]) -> dict[tuple[bytes | None, int | None], bytes]:
    """The receipts that the batch's duplicates got when they were accepted."""
    result: dict[tuple[bytes | None, int | None], bytes] = {}
    for outcome in outcomes:
        if outcome.verdict == DUPLICATE and outcome.device_id is not None and outcome.sequence is not None:
            receipt = store.chain.receipt(outcome.device_id, outcome.sequence)
            if receipt is not None:
                result[outcome.key] = receipt
    return result


def _last_words(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Without the segments that were held and let go on within the batch: they are answered with how it ended."""
    ended = {outcome.key for outcome in outcomes if outcome.verdict not in HELD}
    return [outcome for outcome in outcomes if outcome.verdict not in HELD or outcome.key not in ended]


def _count(store: Store, outcomes: Iterable[Outcome]) -> None:
    store.count(Counter(outcome.verdict for outcome in outcomes))

"""Intake of usage messages in batches: persist → sequence → sign → publish → receipt (daemon/DESIGN.md section 11).

A batch is one transaction: what it stores, its leaf indexes, and the signed head that its receipts are for. A crash

    before that commits        leaves nothing; couriers send again
    after it, "persisted"      leaves accepted segments with their leaf index, and the head for their receipts
    after signing, "signed"    the same; signing again gives the same bytes
    after "tiles written"      the same, and tiles that no checkpoint commits to; they will be found right as they are
    after "published"          leaves receipts that nobody was sent; a resend gets those very bytes

and the first `tick` of the next process goes on from any of these: it sends the receipts of what had not been
published. No receipt is put together before a checkpoint is published over the segment that it is for.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from amos.protocol.anchor import Anchor
from amos.protocol.answer import ACCEPTED, DUPLICATE, UNAVAILABLE
from amos.protocol.rotation import LEDGER
from amos.protocol.signing import sign_anchor
from amos_ledger import clerk, dating, enrolling
from amos_ledger.clerk import Outcome
from amos_ledger.collecting import not_collecting
from amos_ledger.errors import LedgerError, RolledBack
from amos_ledger.folder import Folder
from amos_ledger.heads import Heads, Standing
from amos_ledger.intake.reading import Message, Reading, read
from amos_ledger.limits import BATCH_MESSAGES_MAX
from amos_ledger.log.receipts import signed
from amos_ledger.public import Public
from amos_ledger.receipts import check_receipt, signed_by
from amos_ledger.records import Receipted, SignedHead, Wanted
from amos_ledger.replies import Reply, last_words, receipted, reply_to, with_twins
from amos_ledger.store.anchors import CLOCK_BACK_MS
from amos_ledger.store.failures import DATABASE_ERRORS, Conflict, ConnectionLost
from amos_ledger.store.store import Store
from amos_ledger.told_rotations import rotations_to_tell

STORAGE_ERRORS = (*DATABASE_ERRORS, OSError, LedgerError)
"""What makes the ledger unavailable, not the message wrong."""

ATTEMPTS = 5
"""How often a transaction is begun that others are in the way of."""

Done = TypeVar("Done")


class Ledger:
    """The ledger of one `folder` at work. Not shared between threads.

    `trouble` says why it cannot store at this moment, None when it can. The database is opened anew after an error, so
    that a disk that was full or away and is back is all that recovery takes. `behind` says whether that is because
    this ledger signed more than its log has.
    """

    def __init__(self, folder: Folder, at: Callable[[str], None] = lambda step: None) -> None:
        self.folder = folder
        self._at = at
        self._store: Store | None = None
        self._public = Public(folder)
        self._published_size = -1
        self._told_size: int | None = None
        self._begun = False
        self._clock_ms: int | None = None
        self._begins_epoch = True
        self._heads = Heads(folder)
        self.trouble: str | None = None
        self.behind = False

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def watch_clock(self, unix_ms: int) -> None:
        """What the clock shows at this moment. To be told often: a clock that was set back by an hour shows later times
        again after an hour, and play that was dated before seems to be ahead of its arrival."""
        if self._clock_ms is not None and unix_ms < self._clock_ms - CLOCK_BACK_MS:
            self._begins_epoch = True
        self._clock_ms = unix_ms

    @not_collecting()
    def take(self, messages: Sequence[Message], received_unix_s: int) -> list[Reply]:
        """Decide about a batch and answer. Never raises for what a message holds or for what the disk does."""
        enrolments = [message for message in messages if enrolling.is_enrolment(message)]
        if enrolments:  # first, so that play of a device in the same batch is that of a known one
            usage = [message for message in messages if not enrolling.is_enrolment(message)]
            return self._enrol(enrolments, received_unix_s) + (self.take(usage, received_unix_s) if usage else [])
        readings = [read(message) for message in messages]
        try:
            outcomes = again(lambda: self._persist(readings, received_unix_s), self.close)
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
        self.watch_clock(unix_ms)
        try:
            anchors = again(lambda: self._dated(messages, unix_ms), self.close)
        except STORAGE_ERRORS as error:
            self._note(error)
            return [None] * len(messages)
        return [None if item is None else (item[0], self._signed(item[1])) for item in anchors]

    def _signed(self, anchor: Anchor) -> bytes:
        return bytes(sign_anchor(anchor, self.folder.key_id, self.folder.sign))

    def _dated(self, messages: Sequence[Message], unix_ms: int) -> list[tuple[str, Anchor] | None]:
        store = self._opened()
        with store.transaction():
            anchors = dating.remember(store, messages, unix_ms, self._begins_epoch)
        self._begins_epoch = False
        return anchors

    def by_key_before(self, dated: tuple[str, bytes]) -> tuple[str, bytes] | None:
        """The same anchor by the ledger's key before the one in force, in a time of transition. To be sent well before
        the other: couriers that know no rotation hand over the first."""
        key = self.folder.key_before(time.time())
        return None if key is None else (dated[0], dating.signed_by(self.folder, key, dated[1]))

    def hear(self, shown: Sequence[bytes]) -> list[Standing]:
        """Hold tree heads and receipts that others show against the log. What it lacks stops everything that is signed,
        until the log has it. Raises nothing: what the disk refuses to keep is `trouble`, and is shown again."""
        standings: list[Standing] = []
        try:
            store = self._in_place()
            for item in shown:
                standings.append(self._heads.take(store, item))
            self._heads.check(store)
        except STORAGE_ERRORS as error:
            self._note(error)
        return standings

    def forgone(self) -> bytes | None:
        """The operator's last signed word that heads are given up, for couriers to send again what was under them."""
        try:
            return next(reversed(self._opened().forgone()), None)
        except STORAGE_ERRORS as error:
            self._note(error)
            return None

    def rotations_to_tell(self) -> dict[str, bytes]:
        """The rotations of the ledger's and the operator's key, by topic, as couriers bring them to players."""
        try:
            return rotations_to_tell(self.folder, self._opened())
        except STORAGE_ERRORS as error:
            self._note(error)
            return {}

    def tick(self) -> list[Reply]:
        """Do what waits: publish, receipt, release segments whose pack has been published since, and answer for workers
        who have no key."""
        try:
            store = self._opened()
            device_ids = store.chain.devices_with_published_packs()
            outcomes: list[Outcome] = []
            if device_ids:
                outcomes = again(lambda: self._released(device_ids), self.close)
            wanted = store.chain.heads.wanted(BATCH_MESSAGES_MAX)
            if wanted:
                again(lambda: self._want_no_more(wanted), self.close)
        except STORAGE_ERRORS as error:
            self._note(error)
            return []
        duplicates = (Outcome(item.message_sha256, item.site, *item[:2], DUPLICATE, "") for item in wanted)
        return self._answer([*outcomes, *duplicates])

    def _want_no_more(self, wanted: Sequence[Wanted]) -> None:
        store = self._opened()
        with store.transaction():
            store.chain.heads.want_no_more(wanted)

    def _released(self, device_ids: Sequence[bytes]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        store = self._opened()
        with store.intake(device_ids):
            for device_id in device_ids:
                outcomes += clerk.release(store, device_id)
            self._give_head(store)
            _count(store, outcomes)
        return outcomes

    def _enrol(self, messages: Sequence[Message], received_unix_s: int) -> list[Reply]:
        """Admit, publish, answer: an enrolment is in force for the sender when there is a receipt for it."""
        try:
            admissions = again(lambda: self._admitted(messages, received_unix_s), self.close)
            replies = self._answer([])
        except Exception as error:
            self._note(error)
            admissions, replies = [enrolling.undecided(message) for message in messages], []
        for admission in admissions:
            receipt = self._enrolment_receipt(admission)
            replies.append(Reply(admission.topic, admission.answer(receipt, self.trouble)))
        return self._with_key_before(replies)

    def _admitted(self, messages: Sequence[Message], received_unix_s: int) -> list[enrolling.Admission]:
        store = self._opened()
        with store.transaction(enrolling.devices_of(messages)):
            return enrolling.admit(self.folder, store, messages, received_unix_s)

    def _with_key_before(self, replies: list[Reply]) -> list[Reply]:
        """The replies; in a time of transition those with a receipt have one by the key before, too."""
        try:
            key = self.folder.key_before(time.time())
            return replies if key is None else with_twins(replies, self.folder, self._opened(), key)
        except STORAGE_ERRORS as error:
            self._note(error)
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
        """The store, of a ledger that may sign."""
        store = self._in_place()
        try:
            self._heads.check(store)
            if not self._begun:
                self._public.check(store)
        except RolledBack:
            store.stop_workers(True)
            raise
        self._begun = True
        store.stop_workers(False)
        return store

    def _in_place(self) -> Store:
        if self._store is None:
            self._store = self.folder.open_store()
            self._store.serve()
            self._begun = False
        self._store.check_in_place()
        return self._store

    def _note(self, error: Exception) -> None:
        """Remember why nothing can be stored; the next batch opens the database anew."""
        text = " ".join(str(error).split())
        self.behind = isinstance(error, RolledBack)
        self.trouble = text if isinstance(error, STORAGE_ERRORS) else f"internal error: {type(error).__name__}: {text}"
        self.close()

    def _persist(self, readings: Sequence[Reading], received_unix_s: int) -> list[Outcome]:
        self.watch_clock(received_unix_s * 1000)
        outcomes = persist(self._opened(), readings, received_unix_s, self._begins_epoch, self._give_head)
        self._begins_epoch = False
        self._at("persisted")
        return outcomes

    def _answer(self, outcomes: Sequence[Outcome]) -> list[Reply]:
        """Publish, make the receipts that are missing, and answer; without a receipt, with the reason why."""
        fresh: list[Receipted] = []
        receipts: dict[tuple[bytes | None, int | None], bytes] = {}
        try:
            store, fresh = self._receipted()
            receipts = {(item.device_id, item.sequence): item.receipt for item in fresh}
            receipts |= self._originals(store, outcomes)
            self.trouble, self.behind = None, False
        except STORAGE_ERRORS as error:
            self._note(error)
        told = {(item.device_id, item.sequence) for item in fresh}
        replies = [receipted(item) for item in fresh]
        for outcome in last_words(outcomes):
            if outcome.verdict != ACCEPTED or outcome.key not in told:
                replies.append(self._reply(outcome, receipts.get(outcome.key)))
        return self._with_key_before(replies)

    def make_receipts(self) -> None:
        """Publish, and make the receipts that are missing, which nobody is sent: a recovered log has been receipted
        before. Raises what `STORAGE_ERRORS` names."""
        self._opened()
        self._publish()

    def _receipted(self) -> tuple[Store, list[Receipted]]:
        """Publish what is not; the receipts of the segments whose senders were not told."""
        store, first, end = self._publish()
        heads, made = store.chain.heads, list[Receipted]()
        while first < end and (head := heads.first(first + 1)) is not None and head.size <= end:
            segments = heads.segments(first, head.size, BATCH_MESSAGES_MAX)
            if segments:
                made += heads.receipts(head, segments, self._public.read)
            first = segments[-1][0] + 1 if len(segments) == BATCH_MESSAGES_MAX else head.size
        return store, made

    def _publish(self) -> tuple[Store, int, int]:
        """Publish what is not, after each segment has the head that its receipt is for; call `_opened` before. The
        store, and the leaves, from the first up to the second, of which nobody was told: a segment that an earlier
        process published is answered when it comes again."""
        store = self._in_place()
        size, heads = store.size(), store.chain.heads
        if size == self._published_size:
            return store, size, size
        if self._told_size is None:
            last = self._public.last()
            self._told_size = min(heads.last_size(), last.size if last else 0)
        if heads.some_missing():
            again(self._give_heads, self.close)
            store = self._in_place()
        with self.folder.publishing():
            head = self._public.publish(store, self._at)
        self._published_size = head.size
        first, self._told_size = self._told_size, head.size
        self._at("published")
        return store, first, head.size

    def _give_heads(self) -> None:
        store = self._in_place()
        with store.transaction():
            self._give_head(store)

    def _give_head(self, store: Store) -> None:
        """Sign, inside a transaction, the head that the receipts are for of all segments which have none. Raises
        `KeyUnusable` when the key in force is another one by now."""
        if store.chain.heads.some_missing():
            store.log.lock()
            size, folder = store.size(), self.folder
            root, key_id = store.root(size), folder.key_id
            folder.check_in_force(store.rotations.line(LEDGER, store.public_key))
            store.chain.heads.keep(SignedHead(size, root, key_id, folder.sign(signed(root, key_id))))

    def _originals(self, store: Store, outcomes: Iterable[Outcome]) -> dict[tuple[bytes | None, int | None], bytes]:
        """The receipts that the batch's duplicates got when they were accepted. Raises `EntryDamaged`."""
        result: dict[tuple[bytes | None, int | None], bytes] = {}
        for outcome in outcomes:
            if outcome.verdict == DUPLICATE and outcome.device_id is not None and outcome.sequence is not None:
                found = store.chain.heads.receipted(outcome.device_id, outcome.sequence)
                if found is not None:
                    parsed, root = check_receipt(store, *found, self.folder.line)
                    result[outcome.key] = signed_by(self.folder, self.folder.public_key, found[1], parsed, root)
        return result

    def _unavailable(self, reading: Reading) -> Reply:
        reason = self.trouble or ""
        return self._reply(
            Outcome(reading.message_sha256, reading.site, reading.device_id, None, UNAVAILABLE, reason), None
        )

    def _reply(self, outcome: Outcome, receipt: bytes | None) -> Reply:
        return reply_to(outcome, receipt, self.trouble)


def again(step: Callable[[], Done], close: Callable[[], None]) -> Done:
    """What `step` gives, which is a whole transaction, taken again when another one was in its way, and over a fresh
    connection, after `close`, when that was lost: what was committed then is found as a duplicate."""
    for _ in range(ATTEMPTS - 1):
        try:
            return step()
        except Conflict:
            continue
        except ConnectionLost:
            close()
    return step()


def persist(
    store: Store,
    readings: Sequence[Reading],
    received_unix_s: int,
    begins_epoch: bool,
    give_head: Callable[[Store], None] | None = None,
) -> list[Outcome]:
    """Decide about a batch and keep what comes of it, in one transaction. Who has no key gives no head for receipts."""
    now_ms, anchors = received_unix_s * 1000, store.chain.anchors
    with store.intake(reading.device_id for reading in readings if reading.device_id is not None):
        anchors.check_clock(now_ms)
        if begins_epoch:  # what is dated in this batch is of the epoch
            store.log.lock()
            anchors.note_clock(now_ms, True)
        outcomes = clerk.take(store, readings, received_unix_s)
        if give_head is not None:
            give_head(store)  # before anything that forgets the tree's hashes
        _count(store, outcomes)
        if not begins_epoch:  # at the end: others wait for this row
            anchors.note_clock(now_ms, False)
    return outcomes


def _count(store: Store, outcomes: Iterable[Outcome]) -> None:
    store.count(Counter(outcome.verdict for outcome in outcomes))

"""What the ledger answers to whom."""

from collections.abc import Sequence
from typing import NamedTuple

from amos.protocol.answer import ACCEPTED, DUPLICATE, HELD, UNAVAILABLE, Answer
from amos.protocol.receipt import parse_receipt
from amos.protocol.topics import RECEIPT, device_topic
from amos_ledger.clerk import Outcome
from amos_ledger.folder import Folder
from amos_ledger.intake.reading import shortened
from amos_ledger.log.encoding import bytes_head, uint
from amos_ledger.receipts import signed_by
from amos_ledger.records import Receipted
from amos_ledger.store.store import Store

_BEGINS_ACCEPTED = b"\xa5\x01\x58\x20"
"""Of an answer of five fields in CBOR: the first is a message's hash."""
_SAYS_ACCEPTED = b"\x02\x00\x03\x50"
"""The second, the verdict; the third is a device's id."""


class Reply(NamedTuple):
    """An answer, and the topic to publish it on; None when the message named no device, so that nobody waits for it.

    `before` says the same with a receipt by the ledger's key before the one in force, while the transition between them
    lasts. It goes first: who knows the present key passes it over, and who does not has no other.
    """

    topic: str | None
    answer: Answer
    before: Answer | None = None


def reply_to(outcome: Outcome, receipt: bytes | None, trouble: str | None) -> Reply:
    """The answer to one message; what was accepted and has no receipt is unavailable, because of `trouble`."""
    verdict, detail = outcome.verdict, outcome.detail
    if verdict not in (ACCEPTED, DUPLICATE):
        receipt = None
    elif receipt is None:
        verdict, detail = UNAVAILABLE, f"stored, and not yet published: {trouble or 'no receipt'}"
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


def receipted(item: Receipted) -> Reply:
    """The answer to an accepted segment that has its first receipt."""
    device_id, sequence, site, message_sha256, receipt = item
    answer: Answer = Answer.__new__(Answer)  # `Record` looks at each field's name, for what may come from anywhere
    answer.__dict__ = {
        "message_sha256": message_sha256,
        "verdict": ACCEPTED,
        "device_id": device_id,
        "sequence": sequence,
        "receipt": receipt,
        "detail": None,
    }
    return Reply(device_topic(site, device_id, RECEIPT), answer)


def last_words(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Without the segments that were held and let go on within the batch: they are answered with how it ended."""
    ended = {outcome.key for outcome in outcomes if outcome.verdict not in HELD}
    return [outcome for outcome in outcomes if outcome.verdict not in HELD or outcome.key not in ended]


def encoded(answer: Answer) -> bytes:
    """As `answer.encode()`. Nearly every answer accepts, and then its bytes are put together, not worked out field by
    field: the tests hold that they are the same."""
    receipt, device_id, sequence = answer.receipt, answer.device_id, answer.sequence
    if (
        answer.verdict != ACCEPTED
        or answer.detail is not None
        or receipt is None
        or device_id is None
        or sequence is None
    ):
        return bytes(answer.encode())
    about = answer.message_sha256, _SAYS_ACCEPTED, device_id, b"\x04", uint(sequence)
    return b"".join((_BEGINS_ACCEPTED, *about, b"\x05", bytes_head(len(receipt)), receipt))


def with_twins(replies: Sequence[Reply], folder: Folder, store: Store, key: bytes) -> list[Reply]:
    """The replies; those with a receipt have one by this earlier key of the ledger's, too."""
    roots: dict[int, bytes] = {}
    return [reply if reply.before else _with_twin(reply, folder, store, key, roots) for reply in replies]


def _with_twin(reply: Reply, folder: Folder, store: Store, key: bytes, roots: dict[int, bytes]) -> Reply:
    answer = reply.answer
    if answer.receipt is None:
        return reply
    parsed = parse_receipt(answer.receipt)
    if parsed.tree_size not in roots:
        roots[parsed.tree_size] = store.root(parsed.tree_size)
    twin = signed_by(folder, key, answer.receipt, parsed, roots[parsed.tree_size])
    facts = {name: getattr(answer, name) for _key, name, _kind, _bound in Answer.FIELDS}
    return reply._replace(before=Answer(**(facts | {"receipt": twin})))

"""Time anchors for players that ask: which are given, remembered before they are signed."""

from collections.abc import Sequence
from functools import partial

from amos.crypto import key_id
from amos.protocol.anchor import VERSION, Anchor
from amos.protocol.cose import TYP_ANCHOR, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.signing import sign_anchor
from amos.protocol.topics import ANCHOR, device_topic
from amos_ledger.folder import Folder
from amos_ledger.intake.reading import Message, time_request
from amos_ledger.limits import ANCHORS_PER_HOUR_MAX
from amos_ledger.store.store import Store

_HOUR_MS = 3_600_000


def remember(
    store: Store, messages: Sequence[Message], unix_ms: int, begins_epoch: bool
) -> list[tuple[str, Anchor] | None]:
    """(topic, anchor) for the nonce of each enrolled player, None for anything else, and for one that asks without end.
    Inside a transaction, after which they may be signed. Raises `ClockWrong`."""
    store.chain.anchors.check_clock(unix_ms)
    store.chain.anchors.note_clock(unix_ms, begins_epoch)
    return [_anchor(store, message, unix_ms) for message in messages]


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


def signed_by(folder: Folder, key: bytes, signed: bytes) -> bytes:
    """The same anchor by this key of the ledger's."""
    anchor = Anchor.decode(parse_typed(signed, TYP_ANCHOR, len(signed)).payload)
    return bytes(sign_anchor(anchor, key_id(key), partial(folder.sign_by, key)))

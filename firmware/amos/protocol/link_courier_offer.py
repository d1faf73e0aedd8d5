"""Receipts, opt-out lists and time anchors, handed to the player piece by piece (SPEC section 7)."""

from amos.protocol.errors import LocalError
from amos.protocol.link import (
    BAD_OFFER,
    OFFER,
    OFFER_CHUNK_BYTES_MAX,
    OFFER_RECEIPT,
    OFFERS,
    OUT_OF_ORDER,
    Request,
    Response,
)
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_talk import Pause, TransferError, checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

OFFER_TIMEOUT_MS = 6000
"""First wait for an offer: its last piece has the player verify an Ed25519 signature, seconds on a small board."""

OFFER_RESTARTS_MAX = 8
"""Out-of-order answers to one offer; after more of them the two sides will never agree."""


def offer_receipt(
    link: CourierLink, sequence: int, receipt: bytes
) -> "Generator[Ticket | Pause, Response | None, bool]":
    """Hand a receipt over. True when the player took it, False when it refused it (bad offer).

    A refusal need not be the receipt's fault: the player may have taken it before, when its answer got lost. Its status
    (`last_receipted`) tells.
    """
    return (yield from offer(link, OFFER_RECEIPT, sequence, receipt)) is None


def offer(
    link: CourierLink, kind: int, sequence: int, data: bytes
) -> "Generator[Ticket | Pause, Response | None, str | None]":
    """Hand something over piece by piece (`link.OFFERS`). None when the player took it, else its sentence why not."""
    name, bytes_max = OFFERS[kind]
    if not 1 <= len(data) <= bytes_max:
        raise LocalError("%s: expected 1 to %d bytes, found %d" % (name, bytes_max, len(data)))
    offset = 0
    restarts = 0
    while True:
        piece = bytes(data[offset : offset + OFFER_CHUNK_BYTES_MAX])
        request = Request(id=0, verb=OFFER, kind=kind, sequence=sequence, size=len(data), offset=offset, data=piece)
        response = yield link.submit(request, OFFER_TIMEOUT_MS)
        if response is not None and response.code == BAD_OFFER:
            return response.text or "refused"
        if response is not None and response.code == OUT_OF_ORDER:
            restarts += 1
            if restarts > OFFER_RESTARTS_MAX:
                raise TransferError("%s: expected order after %d restarts" % (name, OFFER_RESTARTS_MAX))
            # The player says where it stands: behind us after a reboot, ahead of us when only its answer was lost.
            expected = response.offset or 0
            offset = expected if expected < len(data) else 0
            continue
        checked(OFFER, response)
        offset += len(piece)
        if offset >= len(data):
            return None

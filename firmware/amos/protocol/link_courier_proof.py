"""Whether a player is the device that it names: it holds a key, and that key is the device's (SPEC section 7)."""

from amos.protocol.errors import ProtocolError
from amos.protocol.handover import key_id, open_key_history
from amos.protocol.link import IDENTIFY_CONTEXT, KEY_HISTORY, UNKNOWN_VERB, Request, Response
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_call import identify
from amos.protocol.link_courier_talk import Pause, RequestRefused, checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from amos.protocol.handover import KeyHistory

    Steps = Generator[Ticket | Pause, Response | None, KeyHistory | None]


class Proof:
    """What a player proved of itself.

    response   its answer, with `device_id`, `public_key`, `signature`, `firmware`, `board`, `voices`
    nonce      what the signature covers
    history    the handovers that lead to the key; None while it is the device's first one
    """

    def __init__(self, response: Response, nonce: bytes, history: "KeyHistory | None" = None):
        self.response = response
        self.nonce = nonce
        self.history = history
        self.device_id = response.device_id or b""
        self.public_key = response.public_key or b""
        self.possession = response.signature or b""


def prove(
    link: CourierLink, nonce: bytes, verify: "Callable[[bytes, bytes, bytes], bool]"
) -> "Generator[Ticket | Pause, Response | None, Proof | None]":
    """The proof, or None when what answers does not prove that it is the device it names.

    `nonce` is 16 to 64 fresh random bytes.
    """
    proof = Proof((yield from identify(link, nonce)), nonce)
    if not verify(proof.public_key, IDENTIFY_CONTEXT + nonce, proof.possession):
        return None
    if key_id(proof.public_key) == proof.device_id:
        return proof
    proof.history = history = yield from _read_history(link, verify)
    if history is None or (history.device_id, history.public_key) != (proof.device_id, proof.public_key):
        return None
    return proof


def _read_history(link: CourierLink, verify: "Callable[[bytes, bytes, bytes], bool]") -> "Steps":
    """The verified handovers that the player tells, or None."""
    try:
        response = checked(KEY_HISTORY, (yield link.submit(Request(id=0, verb=KEY_HISTORY))))
    except RequestRefused as error:
        if error.code != UNKNOWN_VERB:
            raise
        return None  # a player of 0.1.0 has its first key, whatever it says of its id
    try:
        return open_key_history(response.data or b"", verify)
    except ProtocolError:
        return None

"""Pairing a player that is new at a venue by a code of six digits, over the broker (SPEC section 19).

Used on hosts only: to the player it is one more nonce that its courier asks about.
"""

import hashlib

from amos.protocol.errors import MessageError, SignatureError
from amos.protocol.handover import key_id
from amos.protocol.ledger_limits import PAIRING_ANSWER_BYTES_MAX, PAIRING_BYTES_MAX
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.record import U8, UNIX_S_MAX, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 1
SALT_BYTES = 16
CODE_DIGITS = 6
SEALED_BYTES = CODE_DIGITS + SALT_BYTES + 48
"""A sealed box has a key of 32 bytes and a tag of 16."""

PAIRING_CONTEXT = b"amos/1/pairing\x00"
"""Put before what the player's nonce is the hash of, so that no other nonce can be meant."""

PAIRED = 0
WRONG = 1
LOCKED = 2
EXPIRED = 3
USED = 4
REFUSED = 5
UNAVAILABLE = 6
UNPROVEN = 7
MALFORMED = 8
FOREIGN = 9

VERDICTS = (
    "paired",
    "wrong",
    "locked",
    "expired",
    "used",
    "refused",
    "unavailable",
    "unproven",
    "malformed",
    "foreign",
)

SENTENCES = (
    "The player is enrolled at this venue; its play counts from here on.",
    "No code of this number waits for this venue; compare it with what the operator said, and try again.",
    "Too many wrong codes were tried at this venue; wait, or ask the operator for another code.",
    "The time of this code is over; ask the operator for another one.",
    "Another player was paired by this code; ask the operator for another one.",
    "The operator's desk or the ledger may not enrol this player here; tell the operator the particulars.",
    "The desk cannot reach the ledger or its own disk; try again in some minutes, the code stays good.",
    "The player did not sign this request for this venue and code; try again, and look at its cable.",
    "The bytes are no request; the courier or the desk is older than the other, update it.",
    "The code was sealed for another key than the desk's; give the courier the operator's public key of today.",
)


class Pairing(Record):
    """A request. `sealed` holds code and salt, for the operator alone; `possession` is the player's signature over
    `nonce_of(code, salt, site)`, as over any nonce."""

    NAME = "pairing"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "site", "slug", SMALL_TEXT_BYTES_MAX),
        (3, "sealed", "bytes", SEALED_BYTES),
        (4, "public_key", "bytes", 32),
        (5, "possession", "bytes", 64),
        (6, "board", "text", SMALL_TEXT_BYTES_MAX),
        (7, "voices", "uint", 32),
    )

    version: int
    site: str
    sealed: bytes
    public_key: bytes
    possession: bytes
    board: str
    voices: int

    @property
    def device_id(self) -> bytes:
        """Of a player that signs with its first key."""
        return key_id(self.public_key)

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        return None if self.voices else "voices: expected at least 1"


class PairingAnswer(Record):
    """The desk's verdict. `request_sha256` is of the request as received.

    until_unix_s  with `LOCKED`: when codes are taken again
    name          with `PAIRED`: what the player is called there
    """

    NAME = "paired"
    FIELDS = (
        (1, "request_sha256", "bytes", 32),
        (2, "verdict", "uint", len(VERDICTS) - 1),
        (3, "until_unix_s", "uint?", UNIX_S_MAX),
        (4, "name", "slug?", SMALL_TEXT_BYTES_MAX),
        (5, "detail", "text?", 200),
    )

    request_sha256: bytes
    verdict: int
    until_unix_s: "int | None"
    name: "str | None"
    detail: "str | None"

    def fault(self) -> "str | None":
        if (self.until_unix_s is not None) != (self.verdict == LOCKED):
            return "until_unix_s: expected exactly when locked"
        return None if (self.name is not None) == (self.verdict == PAIRED) else "name: expected exactly when paired"


def nonce_of(code: str, salt: bytes, site: str) -> bytes:
    """The nonce that stands for this code at this site: nobody has the player's word for another one."""
    return hashlib.sha256(PAIRING_CONTEXT + code.encode() + salt + site.encode()).digest()


def open_pairing(data: bytes, site: str, device_id: bytes) -> Pairing:
    """A request that came on the topic of `site` and `device_id`. Raises `CborError`, `MessageError`; `SignatureError`
    where it is of another site or player."""
    if len(data) > PAIRING_BYTES_MAX:
        raise MessageError("pairing: expected at most %d bytes, found %d" % (PAIRING_BYTES_MAX, len(data)))
    request: Pairing = Pairing.decode(data)
    if request.site != site:
        raise SignatureError("pairing.site: expected %s, as its topic says, found %s" % (site[:64], request.site))
    if request.device_id != device_id:
        raise SignatureError("pairing.public_key: expected that of %s, found another" % device_id.hex())
    return request


def check_proof(request: Pairing, nonce: bytes, verify: "Callable[[bytes, bytes, bytes], bool]") -> None:
    """Raises `SignatureError` unless the player signed the nonce that follows from what is sealed."""
    if not verify(request.public_key, IDENTIFY_CONTEXT + nonce, request.possession):
        raise SignatureError("pairing.possession: expected the player's signature for this site and code")


def decode_paired(data: bytes) -> PairingAnswer:
    """An answer as the courier takes it. Raises `CborError`, `MessageError`."""
    if len(data) > PAIRING_ANSWER_BYTES_MAX:
        raise MessageError("paired: expected at most %d bytes, found %d" % (PAIRING_ANSWER_BYTES_MAX, len(data)))
    answer: PairingAnswer = PairingAnswer.decode(data)
    return answer

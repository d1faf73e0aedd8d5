"""A pairing code on its way: from the venue, with the player's proof, to the operator's desk, and what that says.

No I/O: whoever tries one asks the player for the proof, sends what is due, and hands over what comes.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amos.protocol import topics
from amos.protocol.errors import LocalError
from amos.protocol.link_courier_proof import Proof
from amos.protocol.pairing_host import (
    LOCKED,
    SALT_BYTES,
    SENTENCES,
    UNPROVEN,
    VERSION,
    Pairing,
    PairingAnswer,
    decode_paired,
    nonce_of,
)
from amos.protocol.printable_host import printable
from amos_sync.sealed_code import seal

ANSWER_MS = 15_000
"""The player's proof, the desk's decision and the ledger's receipt: so long a person waits."""

AGAIN_MS = 2_000
"""Between two sends of the same request: a broker keeps it for no desk that connects later."""

_LAST_UNIX_S = 253_370_764_800
"""The year 9999 begins: no calendar of any zone goes on after it."""

NAMES = (
    "Paired",
    "CodeWrong",
    "PairingLocked",
    "CodeExpired",
    "CodeUsed",
    "PairingRefused",
    "DeskUnable",
    "ProofWrong",
    "RequestMalformed",
    "OperatorKeyOther",
)
"""Of the desk's verdicts, for programs."""

LOCAL = {
    "DeskSilent": f"No desk of the operator's answers within {ANSWER_MS // 1000} s; ask whether amos fleet serve runs"
    " there, and whether the broker's access rules have the topics pairing and paired, and try again. The code stays"
    " good.",
    "BrokerAway": "The broker is not connected; look at the network here, and try again. The code stays good.",
    "PlayerAway": "The player did not prove its key; look at its power and its cable, and try again. The code stays"
    " good.",
    "OperatorKeyMissing": "The courier knows no operator to whom it could seal the code; give it the operator's public"
    " key (--operator-key), or bring the player by amos device enrol.",
    "OperatorKeyDoubtful": "Two keys claim to be the operator's, and the courier cannot tell which is; give it the"
    " ledger's public key (--ledger-key).",
    "KeyRotated": "The player signs with a later key than its first one, so it is not new; bring it by amos device"
    " enrol.",
    "PairingBusy": "Another code is being tried here; wait until it is answered.",
}
"""What is found out at the venue itself."""


@dataclass(frozen=True)
class Outcome:
    """What became of a code: a name for programs, a sentence that says what to do. `called`: what the player is called,
    where it is paired; `until_unix_s`: when codes are taken again; `detail`: the desk's own words."""

    name: str
    sentence: str
    called: str | None = None
    until_unix_s: int | None = None
    detail: str | None = None


def local(name: str) -> Outcome:
    """One of `LOCAL`."""
    return Outcome(name, LOCAL[name])


class Attempt:
    """One code for one player. `outcome` is None until it is known; `nonce` is for the player to sign.

    `operator_keys` are those whose directives count at this courier: one, or there is nobody to seal the code for.
    """

    def __init__(self, site: str, code: str, operator_keys: Sequence[bytes], now_ms: int) -> None:
        salt = secrets.token_bytes(SALT_BYTES)
        self.outcome: Outcome | None = None
        self.nonce = nonce_of(code, salt, site)
        self._site, self._end_ms, self._again_ms = site, now_ms + ANSWER_MS, now_ms
        self._data: bytes | None = None
        self._device_id = self._sealed = b""
        self._was_sent = False
        if len(operator_keys) != 1:
            self.outcome = local("OperatorKeyDoubtful" if operator_keys else "OperatorKeyMissing")
            return
        try:
            self._sealed = seal(code, salt, operator_keys[0])
        except ValueError:
            self.outcome = local("OperatorKeyMissing")

    def proved(self, proof: Proof | None) -> None:
        """What the player said to `nonce`."""
        if self.outcome is not None:
            return
        if proof is None:
            self.outcome = local("PlayerAway")
        elif proof.history is not None:
            self.outcome = local("KeyRotated")
        else:
            self._device_id = proof.device_id
            facts: dict[str, Any] = {"public_key": proof.public_key, "possession": proof.possession}
            facts |= {"board": proof.response.board, "voices": proof.response.voices}
            try:
                self._data = Pairing(version=VERSION, site=self._site, sealed=self._sealed, **facts).encode()
            except LocalError as error:
                sentence = f"The player says of itself what no player is; update it. ({printable(str(error))})"
                self.outcome = Outcome(NAMES[UNPROVEN], sentence)

    def due(self, now_ms: int, connected: bool) -> tuple[str, bytes] | None:
        """(topic, payload) of what is to be sent at this moment; subscribe to `answers` before. Ends it, too, where it
        took too long."""
        if self.outcome is not None:
            return None
        if now_ms >= self._end_ms:
            self.outcome = local(
                "PlayerAway" if self._data is None else "DeskSilent" if self._was_sent else "BrokerAway"
            )
            return None
        if self._data is None or not connected or now_ms < self._again_ms:
            return None
        self._again_ms, self._was_sent = now_ms + AGAIN_MS, True
        return topics.device_topic(self._site, self._device_id, topics.PAIRING), self._data

    @property
    def answers(self) -> str:
        """The topic on which the desk answers."""
        return topics.device_topic(self._site, self._device_id, topics.PAIRED)

    def came(self, device_id: bytes, payload: bytes) -> None:
        """An answer, to this or to anything. Raises `ProtocolError` for what is none."""
        if self.outcome is not None or self._data is None or device_id != self._device_id:
            return
        answer = decode_paired(payload)
        if answer.request_sha256 == hashlib.sha256(self._data).digest():
            self.outcome = _told(answer)


def _told(answer: PairingAnswer) -> Outcome:
    detail = None if answer.detail is None else printable(answer.detail)
    sentence = SENTENCES[answer.verdict]
    if answer.verdict == LOCKED and answer.until_unix_s is not None:
        sentence = f"Locked until {clock_of(answer.until_unix_s)}. {sentence}"
    if detail is not None:
        sentence = f"{sentence} ({detail})"
    return Outcome(NAMES[answer.verdict], sentence, answer.name, answer.until_unix_s, detail)


def clock_of(unix_s: int) -> str:
    """Local time, for people there."""
    return datetime.fromtimestamp(min(unix_s, _LAST_UNIX_S)).strftime("%Y-%m-%d %H:%M")

"""A device whose key a forger has: real segments, changed at will and signed as its own, one after the other."""

from array import array
from copy import copy
from hashlib import sha256
from typing import Any

from amos.crypto import key_id, public_key, sign
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.envelope_host import wrap
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.segment import (
    CLOCK_UNKNOWN,
    FIRST_PREVIOUS,
    FLAG_ABORTED,
    FLAG_END,
    FLAG_POWER_LOSS,
    NO_SEED_ROOT,
    SEAL_POWER_LOSS,
    VERSION,
    Usage,
)
from amos.protocol.topics import TIME, USAGE, device_topic
from amos.protocol.usage_reader import OUTPUT_KIND_ALSA, PACE_CLOCKED
from amos_ledger.intake.reading import Message
from signed_usage import columns, sign_usage

SITE = "harbour"
PLAYED = {
    "version": VERSION, "output_kind": OUTPUT_KIND_ALSA, "pace": PACE_CLOCKED, "seed_root": NO_SEED_ROOT, "tier": 1,
    "clock": CLOCK_UNKNOWN, "anchor_unix_ms": None, "anchor_ms": None,
}  # fmt: skip
"""The real run rendered free, by a renderer; its clock followed its samples, as that of a player in real time does."""

Rows = list[tuple[int, int, int, int]]
"""(stem, start in the segment, frames, flags)."""


def with_rows(rows: Rows) -> dict[str, Any]:
    stems, starts, frames, flags = columns(rows, 0)
    return {"stems": stems, "starts": starts, "frames": frames, "flags": flags}


def power_lost(usage: Usage) -> dict[str, Any]:
    """As the next boot seals it when power is lost at its end."""
    flags = [bits if bits & FLAG_END else bits | FLAG_ABORTED | FLAG_POWER_LOSS for bits in usage.flags]
    return {"reason": SEAL_POWER_LOSS, "pcm_sha256": bytes(32), "flags": array("B", flags)}


class Forger:
    """`seal(usage, **changes)` gives the next segment of the chain."""

    def __init__(self, number: int) -> None:
        self._seed = sha256(b"forger %d" % number).digest()
        self.id = key_id(public_key(self._seed))
        self.name = f"forger-{number}"
        self.sequence, self.previous = 0, FIRST_PREVIOUS

    def _sign(self, message: bytes) -> bytes:
        return sign(self._seed, message)

    def enrolment(self, operator: Any, **changes: Any) -> bytes:
        nonce = bytes(16)
        facts = {
            "version": 1, "device_id": self.id, "public_key": public_key(self._seed), "site": SITE, "name": self.name,
            "tier": 1, "board": "linux", "voices": 8, "nonce": nonce, "unix_s": 1,
            "possession": self._sign(IDENTIFY_CONTEXT + nonce),
        } | changes  # fmt: skip
        return bytes(sign_enrolment(Enrolment(**facts), operator.id, operator.sign))

    def seal(self, usage: Usage, **changes: Any) -> bytes:
        made = copy(usage)
        made.device_id = self.id
        facts = PLAYED | changes
        made.previous = self.previous
        skipped = facts.pop("lost", 0)
        made.sequence = self.sequence + 1 + skipped
        if skipped:
            made.lost_first, made.lost_last, made.lost_reason = self.sequence + 1, self.sequence + skipped, 1
            made.previous = bytes(32)
        for name, value in facts.items():
            setattr(made, name, value)
        segment: bytes = sign_usage(made, self._sign)
        self.sequence, self.previous = made.sequence, sha256(segment).digest()
        return segment

    def message(self, segment: bytes) -> Message:
        return Message.of(device_topic(SITE, self.id, USAGE), wrap(segment))

    def nonce(self) -> Message:
        return Message.of(device_topic(SITE, self.id, TIME), bytes(16))

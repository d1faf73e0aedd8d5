"""Messages verified, and messages taken in: CPU time of this thread, and of this process."""

import time
from collections.abc import Sequence

from amos.crypto import verify
from amos.protocol.answer import ACCEPTED
from amos.protocol.cose import TYP_USAGE, parse_typed, signature_input
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos_tools.bench.ledger_fleet import Fleet, Player

Sealed = Sequence[tuple[Player, bytes]]


def verification_s(sealed: Sealed) -> float:
    """CPU seconds to verify these segments' signatures, and nothing else."""
    checks = []
    for player, segment in sealed:
        message = parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX)
        checks.append((player.key.public, signature_input(message.protected, message.payload), message.signature))
    began = time.thread_time()  # others may be at work meanwhile
    good = [verify(*check) for check in checks]
    took = time.thread_time() - began
    assert all(good)
    return took


def intake_s(fleet: Fleet, sealed: Sealed, batch: int, at_s: int) -> float:
    """CPU seconds from messages that are received at `at_s` to answers."""
    messages = [player.message(segment) for player, segment in sealed]
    replies = []
    began = time.process_time()
    for first in range(0, len(messages), batch):
        replies += fleet.ledger.take(messages[first : first + batch], at_s)
    took = time.process_time() - began
    verdicts = {reply.answer.verdict for reply in replies}
    assert len(replies) == len(sealed) and verdicts == {ACCEPTED}, [reply.answer.detail for reply in replies[:3]]
    return took

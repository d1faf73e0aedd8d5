"""Refusals in the log name device, site and sequence, and do not flood it."""

import pytest

from amos.protocol import answer
from amos.protocol.answer import Answer
from amos_ledger.limits import REFUSAL_LINES_MAX
from amos_ledger.refusal_log import MINUTE_MS, RefusalLog

DEVICE = bytes(range(16))


def refused(verdict: int = answer.GAP, sequence: int | None = 7, device: bytes = DEVICE, detail: str = "") -> Answer:
    return Answer(
        message_sha256=bytes(32),
        verdict=verdict,
        device_id=device,
        sequence=sequence,
        receipt=None,
        detail=detail or None,
    )


def topic(device: bytes = DEVICE, site: str = "harbour") -> str:
    return f"amos/1/{site}/{device.hex()}/receipt"


def test_device_site_and_sequence_are_named() -> None:
    assert RefusalLog().lines(topic(), refused(detail="6 is missing"), 0) == [
        f"not taken, {DEVICE.hex()} at harbour, sequence 7: gap: 6 is missing"
    ]
    (line,) = RefusalLog().lines(topic(), refused(answer.MALFORMED, None), 0)
    assert line == f"not taken, {DEVICE.hex()} at harbour, no sequence readable: malformed"
    (line,) = RefusalLog().lines(None, refused(answer.MALFORMED, None), 0)
    assert line == "not taken, a message that names no device: malformed"


@pytest.mark.parametrize("verdict", [answer.ACCEPTED, answer.DUPLICATE, answer.UNAVAILABLE])
def test_what_is_no_refusal_is_not_told(verdict: int) -> None:
    assert RefusalLog().lines(topic(), refused(verdict), 0) == []


def test_a_device_is_told_of_once_in_a_minute_for_each_verdict() -> None:
    log = RefusalLog()
    assert len(log.lines(topic(), refused(), 0)) == 1
    assert log.lines(topic(), refused(sequence=8), 1) == []
    assert len(log.lines(topic(), refused(answer.UNKNOWN_PACK), 2)) == 1
    told = log.lines(topic(), refused(sequence=9), MINUTE_MS)
    assert told[0].startswith("1 more were not taken") and "sequence 9" in told[1]


def test_a_flood_of_devices_is_bounded() -> None:
    log, told = RefusalLog(), 0
    for number in range(1000):
        device = number.to_bytes(16, "big")
        told += len(log.lines(topic(device), refused(answer.UNKNOWN_DEVICE, 1, device), 5))
    assert told == REFUSAL_LINES_MAX
    assert log.lines(topic(), refused(), MINUTE_MS)[0].startswith(f"{1000 - REFUSAL_LINES_MAX} more")


def test_nothing_of_others_reaches_the_terminal_as_it_came() -> None:
    (line,) = RefusalLog().lines(topic(site="a\x1b[2Jb"), refused(detail="x\ny"), 0)
    assert "\x1b" not in line and "\n" not in line

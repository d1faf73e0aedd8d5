"""Directives on a player's process: it starts anew once when an operator asks, keeps what holds, and says so."""

import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from patience import wait_until
from test_app import SEED, pack
from test_tier_told import Venue

from amos import crypto
from amos.protocol.directive import Hours
from amos.protocol.link import OFFER_DIRECTIVE, STATE_PAUSED, STATE_PLAYING, Response
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_offer import offer
from amos.protocol.link_courier_talk import Pause
from amos_tools.device.call import DeviceError, ask_status, converse, send_input
from protocol_examples import Party, a_directive, signed_directive

__all__ = ("pack",)  # a fixture

OPERATOR = Party(2)
DEVICE = crypto.key_id(crypto.public_key(SEED))
INPUT_PAUSE, INPUT_VOLUME = 7, 8


def direct(line: str, serial: int, **wanted: object) -> str | None:
    """Hand the player a directive; why it refused."""
    data = signed_directive(a_directive(DEVICE, serial, **wanted), OPERATOR)

    def steps(link: CourierLink) -> Generator[Ticket | Pause, Response | None, str | None]:
        return (yield from offer(link, OFFER_DIRECTIVE, 0, data))

    refusal = converse(line, steps, 60)
    assert refusal is None or isinstance(refusal, str)
    return refusal


def closed_on(*days: int) -> Hours:
    """Silence all day on these, Monday 0."""
    return Hours(from_minute=0, until_minute=0, weekdays=sum(1 << day % 7 for day in days))


def boot_of(line: str) -> int | None:
    """None while the player starts."""
    try:
        return ask_status(line).boot
    except DeviceError:
        return None


@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
def test_a_player_follows_starts_anew_once_and_keeps_it(
    runtime: str, tmp_path: Path, pack: Path, request: pytest.FixtureRequest
) -> None:
    command = [sys.executable] if runtime == "cpython" else request.getfixturevalue("micropython")
    venue = Venue(tmp_path, pack, command)
    settings = {"operator_key": OPERATOR.public_key.hex(), "staff": "skip,volume", "staff_volume_max": 50}
    venue.start(**settings)
    process = venue.process
    assert process is not None
    try:
        assert direct(venue.line, 3, tier=4, volume_q15=8000) is None
        status = ask_status(venue.line)
        assert (status.directive_serial, status.directive_refused, status.tier) == (3, None, 4)
        assert "expected 3 or more, found 2" in (direct(venue.line, 2, tier=5) or "")
        assert "found 2" in (ask_status(venue.line).directive_refused or "")
        for kind, value, said in ((INPUT_PAUSE, 1, "found pause"), (INPUT_VOLUME, 32768, "0 to 50 %")):
            with pytest.raises(DeviceError, match=said):
                send_input(venue.line, kind, value)
        send_input(venue.line, INPUT_VOLUME, 16384)
        boot = ask_status(venue.line).boot
        assert direct(venue.line, 4, restart=4, tier=6) is None
        if runtime == "micropython":
            assert process.wait(60) == 0, "whoever keeps it running starts it again"
            venue.start(**settings)
        wait_until(lambda: boot_of(venue.line) == boot + 1, "the next boot")
        status = ask_status(venue.line)
        assert (status.directive_serial, status.tier) == (4, 6)
        assert runtime == "micropython" or process.poll() is None, "in its own place"
        assert direct(venue.line, 5, restart=4) is None
        status = ask_status(venue.line)
        assert (status.boot, status.directive_serial, status.tier) == (boot + 1, 5, 6)
        today = time.localtime().tm_wday
        assert direct(venue.line, 6, version=2, pause=[closed_on(today, today + 1)]) is None
        wait_until(lambda: ask_status(venue.line).state == STATE_PAUSED, "silence on a day that is closed")
        assert direct(venue.line, 7, version=2, pause=[closed_on(today + 3)]) is None
        wait_until(lambda: ask_status(venue.line).state == STATE_PLAYING, "music on one that is not")
    finally:
        venue.kill()

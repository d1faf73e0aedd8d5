"""What follows from one status of a player to the next: silence, how fast it plays, and how long nothing was heard."""

import pytest

from amos.protocol.link import (
    OUTPUT_LOST,
    OUTPUT_NONE,
    OUTPUT_OK,
    OUTPUT_SILENT,
    STATE_FAULT,
    STATE_FULL,
    STATE_PAUSED,
    STATE_PLAYING,
    STATE_STOPPED,
    Status,
)
from amos.protocol.segment import PACES
from amos_tools.fleet.rollout.seen import Watch
from protocol_examples import a_status


def status(uptime_ms: int, played_ms: int | None = None, **more: object) -> Status:
    made = a_status(bytes(16), bytes(32))
    made.uptime_ms, made.frame = uptime_ms, 48 * (uptime_ms if played_ms is None else played_ms)
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("more", "silent"),
    [
        ({"state": STATE_PLAYING, "output": OUTPUT_OK}, None),
        ({"state": STATE_PLAYING, "output": OUTPUT_NONE}, None),  # a renderer plays into nothing
        ({"state": STATE_PLAYING, "output": OUTPUT_SILENT}, "plays nothing but zeros"),
        ({"state": STATE_PLAYING, "output": OUTPUT_LOST}, "has lost its output"),
        ({"state": STATE_PAUSED, "output": OUTPUT_SILENT}, None),
        ({"state": STATE_STOPPED}, "is stopped"),
        ({"state": STATE_FULL}, "is storage full"),
        ({"state": STATE_FAULT}, "is fault"),
    ],
)
def test_what_is_silence(more: dict[str, object], silent: str | None) -> None:
    watch = Watch(90)
    watch.hear(status(1000, **more), 500)
    assert (watch.silent, watch.silent_ms) == (silent, 0)
    watch.hear(status(2000, **more), 700)
    assert watch.silent_ms == (0 if silent is None else 700)
    watch.hear(status(3000), 100)
    assert (watch.silent, watch.silent_ms) == (None, 0)


def heard(watch: Watch, *moments: Status) -> str | None:
    for moment in moments:
        watch.hear(moment, 1000)
    return watch.silent


def test_who_plays_slower_than_real_time_is_silent_and_who_pauses_is_not() -> None:
    assert heard(Watch(90), status(1000, 1000), status(11_000, 9_900)) == "plays at 89 % of real time"
    assert heard(Watch(90), status(1000, 1000), status(11_000, 10_000)) is None
    assert heard(Watch(90), status(1000, 1000), status(11_000, 1000)) == "plays at 0 % of real time"
    assert heard(Watch(90), status(1000, 1000), status(2000, 1000)) is None, "too little to tell"
    paused = status(6000, 1000, state=STATE_PAUSED)
    assert heard(Watch(90), status(1000, 1000), paused, status(11_000, 1000), status(21_000, 11_000)) is None
    for other in ({"boot": 2}, {"session": 3}):
        assert heard(Watch(90), status(1000, 1000), status(11_000, 1100, **other)) is None
    assert heard(Watch(90), status(11_000, 11_000), status(1000, 12_000)) is None, "its clock went back"
    free = {"pace": PACES.index("free")}
    assert heard(Watch(90), status(1000, 1000, **free), status(11_000, 2000, **free)) is None
    slow = Watch(90)
    assert heard(slow, status(0, 0), status(10_000, 0), status(20_000, 10_000)) is None, "as fast as it should again"


def test_the_same_words_again_are_no_sign_of_life() -> None:
    watch = Watch(90)
    watch.hear(None, 1000)
    watch.hear(status(1000), 1000)
    assert watch.unheard_ms == 0
    watch.hear(status(1000), 2000)  # the broker has kept it
    assert watch.unheard_ms == 2000
    watch.hear(None, 3000)
    assert watch.unheard_ms == 5000
    watch.hear(status(1000), 1000)
    assert watch.unheard_ms == 6000
    watch.begin_anew()
    assert watch.unheard_ms == 0
    watch.hear(status(1000), 400)
    watch.hear(status(1500), 400)
    assert watch.unheard_ms == 0

"""What a dishonest licence has counted for one stem: by looping it, and by a device that only claims to play."""

from array import array
from dataclasses import dataclass

from amos.protocol.segment import CLOCK_SYNCHRONISED, FLAG_BEGIN, NO_SEED_ROOT, SEAL_FULL, VERSION, Usage
from amos.protocol.usage_reader import OUTPUT_KIND_ALSA, PACE_CLOCKED
from amos_ledger.settlement.standing import Enrolled, counted_ms, flags_of
from amos_tools.pool.simulate_world import ACCOMPLICE_STEM, DAY_MS, Play, World

VOICES = 8
"""How many sound at once: a venue that loops a stem can do it in all of them."""

CLAIMED_TIMES = 100
"""How much faster than time a fake device claims to play."""

_ENROLLED_S = 1_798_761_600
"""2027-01-01 00:00 UTC; any instant would do."""

_DAY_S = DAY_MS // 1000


@dataclass(frozen=True)
class Claimed:
    """What a device said that it delivered, and what of it the ledger counts."""

    said_ms: int
    counted_ms: int


def looped(world: World) -> Play:
    """The accomplice's stem in every voice, day and night."""
    return one_stem(world, world.days * DAY_MS * VOICES)


def claim(days: int, times: int = CLAIMED_TIMES) -> Claimed:
    """A device that seals `times` days of play each day, judged by the ledger's own flags as they come in."""
    said = counted = 0
    for day in range(days):
        received_s = _ENROLLED_S + (day + 1) * _DAY_S
        segment = _segment(day)
        for _ in range(times):
            flags = flags_of(segment, received_s, Enrolled(_ENROLLED_S, counted))
            said += segment.delivered_ms()
            counted += counted_ms(segment, flags)
    return Claimed(said, counted)


def one_stem(world: World, ms: int) -> Play:
    """So much time of the accomplice's stem, placement after placement."""
    play = world.silence()
    play.ms[ACCOMPLICE_STEM] = ms
    play.plays[ACCOMPLICE_STEM] = ms // int(world.length_ms[ACCOMPLICE_STEM])
    return play


def _segment(day: int) -> Usage:
    """A whole day of one row, begun on that day."""
    return Usage(
        version=VERSION, device_id=bytes(16), sequence=1, previous=bytes(32), boot=1, session=1,
        start_state=bytes(32), first_frame=0, end_frame=DAY_MS * 8, rate_hz=8000,
        start_ms=day * DAY_MS, end_ms=(day + 1) * DAY_MS, clock=CLOCK_SYNCHRONISED,
        anchor_unix_ms=_ENROLLED_S * 1000, anchor_ms=0, pack=bytes(32), score=bytes(32), tier=1,
        stems=array("H", [ACCOMPLICE_STEM]), starts=array("I", [0]), frames=array("I", [DAY_MS * 8]),
        flags=array("B", [FLAG_BEGIN]), input_starts=array("I"), input_kinds=array("B"), input_values=array("i"),
        delivered_frames=DAY_MS * 8, underruns=0, silent_frames=0, pcm_sha256=bytes(32), reason=SEAL_FULL,
        output_kind=OUTPUT_KIND_ALSA, pace=PACE_CLOCKED, seed_root=NO_SEED_ROOT,
    )  # fmt: skip

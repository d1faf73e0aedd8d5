"""What no pack and no board can have played (daemon/DESIGN.md section 11). Pure: the segment, its pack, its enrolment.

Each question's first line says what is impossible; the line below it, why an unmodified player never writes it.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from amos.protocol.manifest import Manifest, PackStem
from amos.protocol.segment import (
    FLAG_ABORTED,
    FLAG_BEGIN,
    FLAG_CONTINUE,
    FLAG_END,
    FLAG_POWER_LOSS,
    OUTPUT_KIND_NULL,
    SEAL_POWER_LOSS,
    TIER_RENDERER,
    VERSION_WITHOUT_OUTPUT,
    Usage,
)
from amos.protocol.usage_reader import PACE_FREE
from amos_ledger.intake.facts import Facts
from amos_ledger.intake.placements import (
    any_continues,
    continued_rows,
    kinds_of_rows,
    longest_placement,
    placement_frames,
    row_starts,
    rows_of_kinds,
    sounds_on,
    unmatched,
)
from amos_ledger.limits import MANIFESTS_CACHED_MAX

PCM_UNKNOWN = bytes(32)


def rate(facts: Facts) -> str | None:
    """A session has the rate of its pack (`Session.rate_hz`)."""
    found, expected = facts.segment.rate_hz, facts.pack.rate_hz
    return None if found == expected else f"rate_hz: expected the pack's {expected}, found {found}"


def score(facts: Facts) -> str | None:
    """A session plays the score of its pack (`Session._opened`)."""
    found, expected = facts.segment.score, facts.pack.score_sha256
    return None if found == expected else f"score: expected the pack's {expected.hex()[:16]}, found {found.hex()[:16]}"


def stem(facts: Facts) -> str | None:
    """Placements are of the pack's table of stems (`Vm`)."""
    stems, count = facts.segment.stems, len(facts.pack.stems)
    if not len(stems) or max(stems) < count:
        return None
    return f"stems: expected below the pack's {count}, found {max(stems)}"


def undelivered(facts: Facts) -> str | None:
    """The meter counts frames that reached the output (`Meter.delivered`)."""
    usage = facts.segment
    if usage.delivered_frames or not len(usage.stems):
        return None
    return f"frames: expected no rows where nothing was delivered, found {len(usage.stems)}"


def row_over_delivered(facts: Facts) -> str | None:
    """While a row's frames sound none of them is silent (`Meter._silent_until`)."""
    usage = facts.segment
    most = usage.delivered_frames - usage.silent_frames
    longest = max(usage.frames, default=0)
    return None if longest <= most else f"frames: expected at most the {most} delivered with sound, found {longest}"


def more_than_voices(facts: Facts) -> str | None:
    """The rows of a voice never overlap, and none is in a silent frame (`Meter.start`)."""
    usage = facts.segment
    voices = min(facts.voices, facts.pack.voices)
    most = voices * (usage.delivered_frames - usage.silent_frames)
    played = usage.played_frames()
    if played <= most:
        return None
    return f"frames: expected at most {most} of stem-time in {voices} voices, found {played}"


def voices_at_once(facts: Facts) -> str | None:
    """A voice plays one placement at a time (`Meter.start`)."""
    voices = min(facts.voices, facts.pack.voices)
    _covered, most = facts.covered
    return None if most <= voices else f"rows: expected at most {voices} at once, found {most}"


def rows_in_silence(facts: Facts) -> str | None:
    """Frames are silent or in a row, never both (`Meter._silent_until`)."""
    usage = facts.segment
    covered, _most = facts.covered
    sounded = usage.delivered_frames - usage.silent_frames
    return None if covered <= sounded else f"rows: expected to cover at most the {sounded} with sound, found {covered}"


def row_over_stem(facts: Facts) -> str | None:
    """A placement plays its stem once, or goes round under a fade (`events.Start`, `longest_placement`)."""
    usage, stems = facts.segment, facts.pack.stems
    if not _any_over_stem(usage, facts.pack):
        return None
    for index, frames in zip(usage.stems, usage.frames, strict=True):
        if frames > longest_placement(stems[index]):
            return _over(index, stems[index], frames)
    return None


def placement_over_stem(facts: Facts) -> str | None:
    """The rows of one placement add up to its audible frames, in however many segments they are (`Meter`)."""
    before, _after = facts.next_to
    if before is None or before.session != facts.segment.session:
        return None
    stems = facts.pack.stems
    # A row that continues nothing is its placement so far.
    concerned = None if _any_over_stem(facts.segment, facts.pack) else continued_rows(facts.segment)
    for index, frames, _flags in placement_frames(facts.segment, before.sounding, concerned):
        if frames > longest_placement(stems[index]):
            return _over(index, stems[index], frames)
    return None


def _any_over_stem(usage: Usage, pack: Manifest) -> bool:
    frames = np.frombuffer(usage.frames, np.uint32)
    return bool((frames > longest_placements(pack)[np.frombuffer(usage.stems, np.uint16)]).any())


@lru_cache(MANIFESTS_CACHED_MAX)
def longest_placements(pack: Manifest) -> npt.NDArray[np.int64]:
    """Frames that a placement of each stem of the pack lasts at most, by index."""
    return np.array([longest_placement(stem) for stem in pack.stems], np.int64)


def _over(index: int, stem_of_pack: PackStem, frames: int) -> str:
    most = longest_placement(stem_of_pack)
    return f"frames: expected at most {most} of stem {index}, which has {stem_of_pack.frames}, found {frames}"


def row_flags(facts: Facts) -> str | None:
    """A row begins its placement or continues it; an end is not an abortion (`Meter.row`, `Meter.cut`)."""
    power_loss = facts.segment.reason == SEAL_POWER_LOSS
    faulty = {flags for flags in kinds_of_rows(facts.segment) if _flags_fault(flags, power_loss)}
    for index, flags in enumerate(facts.segment.flags) if faulty else ():
        fault = _flags_fault(flags, power_loss)
        if fault:
            return f"row {index}: expected {fault}"
    return None


def _flags_fault(flags: int, power_loss: bool) -> str | None:
    if bool(flags & FLAG_BEGIN) == bool(flags & FLAG_CONTINUE):
        return f"to begin a placement or to continue one, found flags {flags}"
    if flags & FLAG_END and flags & FLAG_ABORTED:
        return "an end or an abortion, found both"
    if flags & FLAG_POWER_LOSS and not (power_loss and flags & FLAG_ABORTED):
        return f"no loss of power, found flags {flags}"
    return None


def row_unended(facts: Facts) -> str | None:
    """A row that does not end its placement goes up to the segment's end (`Meter.cut`, `Meter.abort`)."""
    usage = facts.segment
    kinds = {flags for flags in kinds_of_rows(usage) if not flags & FLAG_END}
    starts = row_starts(usage) if kinds else []
    for index in rows_of_kinds(usage, kinds) if kinds else ():
        end = usage.first_frame + starts[index] + usage.frames[index]
        if end != usage.end_frame:
            return f"rows: expected an end at {end}, before the segment's end, found flags {usage.flags[index]}"
    return None


def row_goes_on_after_power_loss(facts: Facts) -> str | None:
    """What sounded when power was lost ended there (`SegmentBuilder.lose_power`)."""
    usage = facts.segment
    if usage.reason != SEAL_POWER_LOSS or not any(map(sounds_on, kinds_of_rows(usage))):
        return None
    return "rows: expected all to have ended with the power, found one that goes on"


def continues_inside(facts: Facts) -> str | None:
    """A row continues a placement from the segment's first frame on (`Meter.cut`)."""
    usage = facts.segment
    continued = continued_rows(usage)
    starts = row_starts(usage) if continued else []
    for index in continued:
        if starts[index]:
            start = usage.first_frame + starts[index]
            return f"rows: expected a continued placement at frame {usage.first_frame}, found one at {start}"
    return None


def continues_nothing(facts: Facts) -> str | None:
    """A session's first segment has no placement from before it (`Meter`)."""
    usage = facts.segment
    if usage.first_frame or not any_continues(usage):
        return None
    return "rows: expected none to continue a placement at the session's first frame"


def continues_ended(facts: Facts) -> str | None:
    """Only what the segment before left sounding goes on (`Meter.cut`)."""
    before, _after = facts.next_to
    if before is None or facts.before_usage is None or before.session != facts.segment.session:
        return None
    index = unmatched(facts.segment, facts.before_usage)
    return None if index is None else f"rows: expected stem {index} to have sounded on in the segment before"


def pcm_after_power_loss(facts: Facts) -> str | None:
    """The hash of the sound is lost with the power (`UsageLog.seal_power_loss`)."""
    usage = facts.segment
    if usage.reason != SEAL_POWER_LOSS or usage.pcm_sha256 == PCM_UNKNOWN:
        return None
    return "pcm_sha256: expected zeros after a loss of power"


def free_pace(facts: Facts) -> str | None:
    """Only a renderer starts with pace free (`config`)."""
    if facts.segment.pace != PACE_FREE or facts.renderer:
        return None
    return "pace: expected clocked of a device that is not enrolled as a renderer, found free"


def silent_output(facts: Facts) -> str | None:
    """Only a renderer starts with output null (`config`)."""
    if facts.segment.output_kind != OUTPUT_KIND_NULL or facts.renderer:
        return None
    return "output_kind: expected an output of a device that is not enrolled as a renderer, found null"


def renderer_tier(facts: Facts) -> str | None:
    """Nobody sets a player's tier to a renderer's (`PlayerState.set_tier`). Version 1 knew no renderers."""
    if not _says_output(facts) or facts.renderer or facts.segment.tier != TIER_RENDERER:
        return None
    return f"tier: expected a player's, found {TIER_RENDERER}"


def not_renderer_tier(facts: Facts) -> str | None:
    """Nobody takes a renderer's tier from it (`PlayerState.set_tier`). Version 1 knew no renderers."""
    if not _says_output(facts) or not facts.renderer or facts.segment.tier == TIER_RENDERER:
        return None
    return f"tier: expected a renderer's {TIER_RENDERER}, found {facts.segment.tier}"


def _says_output(facts: Facts) -> bool:
    return facts.segment.version > VERSION_WITHOUT_OUTPUT


def seed_root_unknown(facts: Facts) -> str | None:
    """A player's root comes from a receipt, and each receipt's root is kept here."""
    if facts.seed_root is None or facts.seed_root.size is not None:
        return None
    assert facts.segment.seed_root is not None
    return f"seed_root: expected zeros or a root of this log, found {facts.segment.seed_root.hex()[:16]}"


def seed_root_not_its(facts: Facts) -> str | None:
    """A player takes receipts for its own segments only, sealed before (`Device.take_receipt`)."""
    if facts.seed_root is None or facts.seed_root.received:
        return None
    return f"seed_root: expected one that it had a receipt of, found that of tree size {facts.seed_root.size}"

"""The findings: every fact that no unmodified player can have written, with its name, in the order of judgement.

A name never changes: it stands in answers, in the evidence and in what operators' tools read.
"""

from collections.abc import Callable

from amos_ledger.intake import clocks, order, play
from amos_ledger.intake.facts import Facts

Question = Callable[[Facts], str | None]

FINDINGS: tuple[tuple[str, Question], ...] = (
    ("boot_back", order.boot_back),
    ("session_back", order.session_back),
    ("session_in_two_boots", order.session_in_two_boots),
    ("frames_again", order.frames_again),
    ("frames_skipped", order.frames_skipped),
    ("session_begins_late", order.session_begins_late),
    ("goes_on_after_power_loss", order.goes_on_after_power_loss),
    ("version_changed", order.version_changed),
    ("pack_changed", order.pack_changed),
    ("start_state_changed", order.start_state_changed),
    ("output_changed", order.output_changed),
    ("pace_changed", order.pace_changed),
    ("seed_root_changed", order.seed_root_changed),
    ("rate_not_packs", play.rate),
    ("score_not_packs", play.score),
    ("stem_not_in_pack", play.stem),
    ("rows_without_delivery", play.undelivered),
    ("row_over_delivered", play.row_over_delivered),
    ("more_than_voices", play.more_than_voices),
    ("voices_at_once", play.voices_at_once),
    ("rows_in_silence", play.rows_in_silence),
    ("row_over_stem", play.row_over_stem),
    ("row_flags", play.row_flags),
    ("row_unended", play.row_unended),
    ("row_goes_on_after_power_loss", play.row_goes_on_after_power_loss),
    ("continues_inside", play.continues_inside),
    ("continues_nothing", play.continues_nothing),
    ("continues_ended", play.continues_ended),
    ("placement_over_stem", play.placement_over_stem),
    ("pcm_after_power_loss", play.pcm_after_power_loss),
    ("free_pace_not_renderer", play.free_pace),
    ("silent_output_not_renderer", play.silent_output),
    ("renderer_tier", play.renderer_tier),
    ("not_renderer_tier", play.not_renderer_tier),
    ("seed_root_unknown", play.seed_root_unknown),
    ("seed_root_not_its", play.seed_root_not_its),
    ("ms_back", clocks.ms_back),
    ("clock_slower_than_samples", clocks.clock_slower_than_samples),
    ("anchor_missing", clocks.anchor_missing),
    ("anchor_ahead", clocks.anchor_ahead),
    ("anchor_never_issued", clocks.anchor_never_issued),
    ("anchor_after_start", clocks.anchor_after_start),
    ("anchor_stale", clocks.anchor_stale),
    ("anchor_moved", clocks.anchor_moved),
    ("anchor_forgotten", clocks.anchor_forgotten),
    ("anchor_of_another_boot", clocks.anchor_of_another_boot),
    ("played_ahead", clocks.played_ahead),
    ("times_overlap", clocks.times_overlap),
)

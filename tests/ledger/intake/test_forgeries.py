"""What a stolen key can make the ledger believe: nothing that no player can have played.

Each row is a forgery beside the nearest segment that an unmodified player may seal. Both follow the same accepted
segments of a real run, with the right signature, through the whole ledger. What a row forges is named by its finding.
"""

import re
from array import array
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from forger import Forger, power_lost, with_rows

import amos_ledger
from amos.protocol.answer import ACCEPTED, IMPOSSIBLE, QUARANTINED
from amos.protocol.segment import (
    CLOCK_INFORMATIVE,
    CLOCK_RELATIVE,
    CLOCK_SYNCHRONISED,
    FLAG_ABORTED,
    FLAG_BEGIN,
    FLAG_CONTINUE,
    FLAG_END,
    OUTPUT_KIND_NULL,
    TIER_RENDERER,
    VERSION_WITHOUT_OUTPUT,
    Usage,
)
from amos.protocol.usage_reader import OUTPUT_KIND_WAV, PACE_FREE
from amos_ledger import registry
from amos_ledger.errors import ClockWrong
from amos_ledger.intake import clocks
from amos_ledger.intake.findings import FINDINGS
from amos_ledger.intake.placements import ROUNDS_MAX

SYNCHRONISED_MS = 25 * 3_600_000

NOON_MS = 1_793_534_400_000
HOUR_MS = 3_600_000
WHOLE = FLAG_BEGIN | FLAG_END
A, B, C = 0, 1, 2
"""The run's segments: ten minutes, the minute after, and a minute in another boot and session."""

Changes = Callable[["Case"], dict[str, Any]]
Step = tuple[int, Changes]


class Case:
    """A row at work: a ledger, a forger's device in it, and the segment that is to be changed."""

    def __init__(self, world: Any, run: Any, number: int) -> None:
        self.world, self.run, self.forger = world, run, Forger(number)
        self.base: Usage = run.usages[A]
        self.anchors: list[int] = []
        self.sent: list[Usage] = []

    @property
    def stem_frames(self) -> int:
        return int(self.run.pack.stems[0].frames)

    @property
    def before(self) -> Usage:
        """The segment sent before."""
        return self.sent[-1]

    def root(self) -> bytes:
        """The root of the newest receipt."""
        with self.world.folder.open_store() as store:
            return bytes(store.root())

    def other_root(self) -> bytes:
        """The root of a receipt that another device has."""
        other = Case(self.world, self.run, 77)
        other.enrol({})
        assert other.send((A, same))[0] == ACCEPTED
        return other.root()

    def frames(self) -> int:
        """What the device has in the ledger."""
        (found,) = [device for device in self.world.totals().devices if device.name == self.forger.name]
        return int(found.frames)

    def enrol(self, changes: dict[str, Any]) -> None:
        with self.world.folder.open_store() as store:
            registry.enrol(self.world.folder, store, self.forger.enrolment(self.world.operator, **changes))

    def issue(self, *unix_ms: int) -> None:
        for moment in unix_ms:
            with self.world.folder.open_store() as store, store.transaction():
                try:
                    store.chain.anchors.check_clock(moment)
                except ClockWrong:  # this world's clock goes as the case needs it
                    store.chain.anchors.accept_clock(moment)
            assert self.world.ledger.date([self.forger.nonce()], moment) != [None]
        self.anchors += unix_ms

    def send(self, step: Step) -> tuple[int, str]:
        """(verdict, finding or detail) of the next segment."""
        index, changes = step
        self.base = self.run.usages[index]
        changed = changes(self)
        segment = self.forger.seal(self.base, **changed)
        told = copy(self.base)
        for name, value in changed.items():
            setattr(told, name, value)
        (reply,) = self.world.ledger.take([self.forger.message(segment)], NOON_MS // 1000)
        self.sent.append(told)
        return reply.answer.verdict, (reply.answer.detail or "").partition(": ")[0]


def same(_case: Case) -> dict[str, Any]:
    return {}


def to(**changes: Any) -> Changes:
    return lambda _case: changes


def rows(*listed: tuple[int, int, int, int], sounding: int | None = None, **changes: Any) -> Changes:
    """Rows in units of frames, and how many frames sound at all; by default all that can."""

    def made(case: Case) -> dict[str, Any]:
        silent = 0 if sounding is None else case.base.delivered_frames - sounding
        return with_rows(list(listed)) | {"silent_frames": silent} | changes

    return made


def shifted(frames: int) -> Changes:
    """The same play, some frames later."""
    return lambda case: {
        "first_frame": case.base.first_frame + frames,
        "end_frame": case.base.end_frame + frames,
    }


def dated(began_ms: int, age_ms: int = 0, clock: int = CLOCK_SYNCHRONISED, **changes: Any) -> Changes:
    """Play that began at this moment of the ledger's time, by an anchor `age_ms` older than that."""
    return lambda case: (
        {
            "clock": clock,
            "start_ms": 200 * HOUR_MS,
            "end_ms": 200 * HOUR_MS + case.base.end_ms - case.base.start_ms,
            "anchor_unix_ms": began_ms - age_ms,
            "anchor_ms": 200 * HOUR_MS - age_ms,
        }
        | changes
    )


def both(*all_changes: Changes) -> Changes:
    return lambda case: {name: value for changes in all_changes for name, value in changes(case).items()}


def going_on(**changes: Any) -> Changes:
    """B after A in the ledger's time too."""
    return lambda case: (
        {
            "clock": case.before.clock,
            "start_ms": case.before.end_ms,
            "end_ms": case.before.end_ms + case.base.end_ms - case.base.start_ms,
            "anchor_unix_ms": case.before.anchor_unix_ms,
            "anchor_ms": case.before.anchor_ms,
        }
        | changes
    )


def again(began_ms: int) -> Changes:
    """The same play in another boot and session."""
    return both(dated(began_ms), to(boot=2, session=2))


def moved(by_ms: int) -> Changes:
    """The same anchor, at another moment of the boot."""
    return lambda case: going_on(anchor_ms=case.before.anchor_ms - by_ms)(case)


def flags(change: Callable[[int], int]) -> Changes:
    return lambda case: {"flags": array("B", [change(bits) for bits in case.base.flags])}


def begin_anew(bits: int) -> int:
    return bits & ~FLAG_CONTINUE | FLAG_BEGIN


def elapsed(less_ms: int) -> Changes:
    """The monotonic clock shows so much less than the samples last."""
    return lambda case: {
        "end_ms": case.base.start_ms + case.base.delivered_frames * 1000 // case.base.rate_hz - less_ms
    }


def after(less_ms: int) -> Changes:
    """The same, from where the segment before ends."""

    def made(case: Case) -> dict[str, Any]:
        begun_ms = case.before.end_ms
        lasts_ms = case.base.delivered_frames * 1000 // case.base.rate_hz
        return {"start_ms": begun_ms, "end_ms": begun_ms + lasts_ms - less_ms}

    return made


def open_row(frames: int) -> Changes:
    """One row, which ends with the segment and sounds on."""

    def made(case: Case) -> dict[str, Any]:
        span = case.base.end_frame - case.base.first_frame
        return with_rows([(0, span - frames, frames, FLAG_BEGIN)]) | {"silent_frames": span - frames}

    return made


def rest_of_stem(more: int, played: int) -> Changes:
    """The row that goes on to its stem's end, and `more` frames."""
    return lambda case: with_rows([(0, 0, ROUNDS_MAX * case.stem_frames - played + more, FLAG_CONTINUE | FLAG_END)])


def ended(case: Case) -> dict[str, Any]:
    """All that would sound on has ended."""
    return {"flags": array("B", [bits | FLAG_END for bits in case.base.flags])}


def lost_power(case: Case) -> dict[str, Any]:
    return power_lost(case.base)


@dataclass(frozen=True)
class Row:
    """`prefix` is accepted; then so is `legal`, and in its stead `forged` is found out. Each step is a segment of the
    run and its changes. `anchors`: moments of the ledger's time that it signed for the device before."""

    legal: Step
    forged: Step
    prefix: tuple[Step, ...] = ()
    enrolled: dict[str, Any] = field(default_factory=dict)
    anchors: tuple[int, ...] = ()


N = 1000
T = NOON_MS - 48 * HOUR_MS
AGE = 5000
RENDERER = {"tier": TIER_RENDERER}
FREE = {"tier": TIER_RENDERER, "pace": PACE_FREE}

TABLE: dict[str, list[Row]] = {
    "boot_back": [
        Row((C, both(going_on(), to(boot=5))), (C, to(boot=4)), ((A, to(boot=5)),)),
        Row((C, to(boot=6, lost=3)), (C, to(boot=4, lost=3)), ((A, to(boot=5)),)),
    ],
    "session_back": [
        Row((C, to(session=6)), (C, to(session=4)), ((A, to(session=5)),)),
        Row((C, to(session=6, lost=3)), (C, to(session=4, lost=3)), ((A, to(session=5)),)),
    ],
    "session_in_two_boots": [Row((C, same), (C, to(session=1)), ((A, same),))],
    "frames_again": [
        Row((B, same), (B, shifted(-1)), ((A, same),)),
        Row((B, to(lost=1)), (B, both(shifted(-1), to(lost=1))), ((A, same),)),
        Row((C, same), (A, to(lost=1)), ((A, same), (B, same))),
    ],
    "frames_skipped": [Row((B, same), (B, shifted(1)), ((A, same),))],
    "session_begins_late": [
        Row((C, same), (C, shifted(1)), ((A, same),)),
        Row((A, same), (A, shifted(1))),
    ],
    "goes_on_after_power_loss": [Row((C, same), (B, flags(begin_anew)), ((A, lost_power),))],
    "version_changed": [
        Row(
            (B, same),
            (B, to(version=VERSION_WITHOUT_OUTPUT, output_kind=None, pace=None, seed_root=None)),
            ((A, same),),
        )
    ],
    "pack_changed": [
        Row((C, lambda case: {"pack": case.world.other_pack}), (B, lambda case: {"pack": case.world.other_pack}),
            ((A, same),)),
    ],
    "start_state_changed": [Row((C, to(start_state=b"s" * 32)), (B, to(start_state=b"s" * 32)), ((A, same),))],
    "output_changed": [
        Row((C, to(output_kind=OUTPUT_KIND_WAV)), (B, to(output_kind=OUTPUT_KIND_WAV)), ((A, same),))
    ],
    "pace_changed": [Row((B, to(**FREE)), (B, to(**RENDERER)), ((A, to(**FREE)),), RENDERER)],
    "seed_root_changed": [
        Row((C, lambda case: {"seed_root": case.root()}), (B, lambda case: {"seed_root": case.root()}), ((A, same),))
    ],
    "rate_not_packs": [Row((A, to(rate_hz=22_050)), (A, to(rate_hz=22_051)))],
    "score_not_packs": [Row((A, same), (A, to(score=b"s" * 32)))],
    "stem_not_in_pack": [Row((C, rows((1, 0, N, WHOLE))), (C, rows((2, 0, N, WHOLE))))],
    "rows_without_delivery": [
        Row((C, rows(delivered_frames=0)), (C, rows((0, 0, 1, WHOLE), delivered_frames=0))),
    ],
    "row_over_delivered": [
        Row((C, rows((0, 0, N, WHOLE), sounding=N)), (C, rows((0, 0, N, WHOLE), sounding=N - 1))),
    ],
    "more_than_voices": [
        Row((C, rows(*[(0, 0, N, WHOLE)] * 2, sounding=N)), (C, rows(*[(0, 0, N, WHOLE)] * 3, sounding=N)), (),
            {"voices": 2}),
        Row((C, rows(*[(0, 0, N, WHOLE)] * 3, sounding=N)), (C, rows(*[(0, 0, N, WHOLE)] * 4, sounding=N))),
    ],
    "voices_at_once": [
        Row((C, rows((0, 0, N, WHOLE), (0, N, N, WHOLE), sounding=2 * N)),
            (C, rows((0, 0, N, WHOLE), (0, N - 1, N, WHOLE), sounding=2 * N)), (), {"voices": 1}),
    ],
    "rows_in_silence": [
        Row((C, rows((0, 0, N, WHOLE), (1, 2 * N, N, WHOLE), sounding=2 * N)),
            (C, rows((0, 0, N, WHOLE), (1, 2 * N, N, WHOLE), sounding=2 * N - 1))),
    ],
    "row_over_stem": [
        Row((C, lambda case: with_rows([(0, 0, ROUNDS_MAX * case.stem_frames, WHOLE)])),
            (C, lambda case: with_rows([(0, 0, ROUNDS_MAX * case.stem_frames + 1, WHOLE)]))),
    ],
    "row_flags": [
        Row((C, rows((0, 0, N, WHOLE))), (C, rows((0, 0, N, FLAG_END)))),
        Row((B, same), (B, flags(lambda bits: bits | FLAG_BEGIN)), ((A, same),)),
        Row((C, rows((0, 0, N, WHOLE))), (C, rows((0, 0, N, WHOLE | FLAG_ABORTED)))),
        Row((C, lost_power), (C, lambda case: lost_power(case) | {"reason": case.base.reason,
                                                                 "pcm_sha256": case.base.pcm_sha256})),
    ],
    "row_unended": [Row((C, rows((0, 0, N, WHOLE))), (C, rows((0, 0, N, FLAG_BEGIN))))],
    "row_goes_on_after_power_loss": [
        Row((A, lost_power), (A, lambda case: lost_power(case) | {"flags": case.base.flags})),
    ],
    "continues_inside": [
        Row((B, rows((0, 0, N, FLAG_CONTINUE | FLAG_END))), (B, rows((0, 1, N, FLAG_CONTINUE | FLAG_END))),
            ((A, open_row(N)),)),
    ],
    "continues_nothing": [Row((C, rows((0, 0, N, WHOLE))), (C, rows((0, 0, N, FLAG_CONTINUE | FLAG_END))))],
    "continues_ended": [
        Row((B, flags(begin_anew)), (B, same), ((A, ended),)),
        Row((B, rows((0, 0, N, FLAG_CONTINUE | FLAG_END))), (B, rows((1, 0, N, FLAG_CONTINUE | FLAG_END))),
            ((A, open_row(N)),)),
    ],
    "placement_over_stem": [
        Row((B, rest_of_stem(0, N)), (B, rest_of_stem(1, N)), ((A, open_row(N)),)),
    ],
    "pcm_after_power_loss": [
        Row((A, lost_power), (A, lambda case: lost_power(case) | {"pcm_sha256": case.base.pcm_sha256})),
    ],
    "free_pace_not_renderer": [
        Row((A, same), (A, to(pace=PACE_FREE))),
        Row((A, same), (A, to(**FREE))),
    ],
    "silent_output_not_renderer": [
        Row((A, to(output_kind=OUTPUT_KIND_WAV)), (A, to(output_kind=OUTPUT_KIND_NULL))),
    ],
    "renderer_tier": [Row((A, to(tier=TIER_RENDERER - 1)), (A, to(tier=TIER_RENDERER)))],
    "not_renderer_tier": [Row((A, to(**FREE)), (A, to(tier=1, pace=PACE_FREE)), (), RENDERER)],
    "seed_root_unknown": [
        Row((C, lambda case: {"seed_root": case.root()}), (C, to(seed_root=b"r" * 32)), ((A, same),)),
    ],
    "seed_root_not_its": [
        Row((C, lambda case: {"seed_root": case.root()}), (C, lambda case: {"seed_root": case.other_root()}),
            ((A, same),)),
    ],
    "ms_back": [
        Row((B, same), (B, lambda case: {"start_ms": case.before.end_ms - 1}), ((A, same),)),
    ],
    "clock_slower_than_samples": [
        Row((A, elapsed(clocks.SLACK_MS)), (A, elapsed(clocks.SLACK_MS + 602))),
        Row((A, both(elapsed(clocks.SLACK_MS), to(**FREE))), (A, both(elapsed(clocks.SLACK_MS + 602), to(**FREE))), (),
            RENDERER),
        Row((B, both(going_on(), after(0))), (B, both(going_on(), after(1400))), ((A, elapsed(1400)),)),
        Row((C, both(after(1400), to(boot=1, output_kind=OUTPUT_KIND_WAV))), (C, both(after(1400), to(boot=1))),
            ((A, elapsed(1400)),)),
    ],
    "anchor_missing": [
        Row((A, dated(T)), (A, to(clock=CLOCK_SYNCHRONISED)), anchors=(T,)),
        Row((A, dated(T, AGE, CLOCK_RELATIVE)), (A, to(clock=CLOCK_RELATIVE)), anchors=(T - AGE,)),
    ],
    "anchor_ahead": [
        Row((A, dated(NOON_MS - HOUR_MS)), (A, dated(NOON_MS + 1000)), anchors=(NOON_MS - HOUR_MS,)),
    ],
    "anchor_never_issued": [
        Row((A, dated(T)), (A, dated(T + 1)), anchors=(T,)),
        Row((A, dated(T, clock=CLOCK_INFORMATIVE)), (A, dated(T))),
        Row((A, dated(T, AGE, CLOCK_RELATIVE)), (A, dated(T, AGE + 1, CLOCK_RELATIVE)), anchors=(T - AGE,)),
    ],
    "anchor_after_start": [Row((A, dated(T)), (A, dated(T, -1, anchor_unix_ms=T)), anchors=(T,))],
    "anchor_stale": [
        Row((A, dated(T, SYNCHRONISED_MS)), (A, dated(T, SYNCHRONISED_MS + 2000)),
            anchors=(T - SYNCHRONISED_MS - 2000, T - SYNCHRONISED_MS)),
    ],
    "anchor_moved": [
        Row((B, moved(60_000)), (B, moved(62_000)), ((A, dated(T, AGE)),), anchors=(T - AGE,)),
    ],
    "anchor_forgotten": [
        Row((B, going_on(clock=CLOCK_RELATIVE)), (B, going_on(clock=CLOCK_INFORMATIVE)), ((A, dated(T)),),
            anchors=(T,)),
    ],
    "anchor_of_another_boot": [
        Row((C, dated(T + HOUR_MS)), (C, dated(T + HOUR_MS, HOUR_MS, start_ms=HOUR_MS, end_ms=2 * HOUR_MS,
                                               anchor_ms=0)),
            ((A, dated(T)),), anchors=(T, T + HOUR_MS)),
        Row((C, going_on()), (C, going_on(anchor_ms=199 * HOUR_MS)), ((A, dated(T)),),
            anchors=(T,)),
    ],
    "played_ahead": [
        Row((A, dated(NOON_MS - 600_000)), (A, dated(NOON_MS - 300_000)),
            anchors=(NOON_MS - 600_000, NOON_MS - 300_000)),
    ],
    "times_overlap": [
        Row((A, again(T + 490_000)), (A, again(T + 470_000)), ((A, dated(T)),),
            anchors=(T, T + 470_000, T + 490_000)),
    ],
}  # fmt: skip

ROWS = [pytest.param(name, row, id=f"{name}-{at}") for name, listed in TABLE.items() for at, row in enumerate(listed)]


def prepared(world: Any, run: Any, row: Row, number: int) -> Case:
    case = Case(world, run, number)
    case.enrol(row.enrolled)
    case.issue(*row.anchors)
    for step in row.prefix:
        assert case.send(step) == (ACCEPTED, "")
    return case


def test_every_finding_has_its_forgery_and_none_is_missing() -> None:
    assert set(TABLE) == {name for name, _question in FINDINGS}


def test_the_findings_stand_in_the_design_as_they_are_judged() -> None:
    text = (Path(amos_ledger.__file__).parent / "DESIGN.md").read_text()
    table = text.partition("| finding |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [name for name, _question in FINDINGS]


@pytest.mark.parametrize(("finding", "row"), ROWS)
def test_the_forgery_is_found_out_and_its_neighbour_is_accepted(finding: str, row: Row, stage: Any, run: Any) -> None:
    honest = prepared(stage, run, row, 1)
    assert honest.send(row.legal) == (ACCEPTED, "")
    forging = prepared(stage, run, row, 2)
    frames = forging.frames()
    assert forging.send(row.forged) == (IMPOSSIBLE, finding)
    assert forging.frames() == frames
    assert forging.send((C, same))[0] == QUARANTINED

"""A real chain with one field of one segment changed, and signed again: the ledger takes it with no more play than real
time and the board's voices give, or refuses it by name."""

from array import array
from itertools import count
from typing import Any

from forger import PLAYED, Forger, with_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amos.protocol.answer import ACCEPTED, IMPOSSIBLE, UNAVAILABLE, VERDICTS
from amos.protocol.errors import LocalError
from amos.protocol.segment import Usage
from amos_ledger import registry
from amos_ledger.intake.clocks import SLACK_MS
from amos_ledger.intake.findings import FINDINGS
from amos_ledger.intake.placements import ROUNDS_MAX

NOON_S = 1_793_534_400
VOICES = 3
"""Of the pack; the board has more."""
FORGERS = count(1000)
"""A device for each example, since what is accepted stays."""
NAMES = {name for name, _question in FINDINGS}
COLUMNS = {"H": 0xFFFF, "I": 0xFFFFFFFF, "B": 0xFF, "i": 0x7FFFFFFF}


def near(value: int, most: int) -> st.SearchStrategy[int]:
    """A number beside `value`, or at an edge, or any."""
    low = 0 if value >= 0 else -most
    beside = st.integers(-3, 3).map(lambda step: min(max(value + step, low), most))
    times = st.sampled_from((2, 3, 10)).map(lambda factor: min(value * factor, most))
    return st.one_of(beside, times, st.sampled_from((0, 1, most)), st.integers(0, most))


@st.composite
def changes(draw: st.DrawFn, usages: tuple[Usage, ...]) -> tuple[int, str, Any]:
    """(segment, field, what it says instead)."""
    at = draw(st.integers(0, len(usages) - 1))
    _number, name, kind, most = draw(st.sampled_from([field for field in Usage.FIELDS if field[1] != "device_id"]))
    value = PLAYED.get(name, getattr(usages[at], name))
    optional = kind.endswith("?")
    if optional and draw(st.booleans()):
        return at, name, None
    kind = kind.rstrip("?")
    if kind == "uint":
        return at, name, draw(near(value or 0, most))
    if kind == "bytes":
        return at, name, draw(st.binary(min_size=most, max_size=most) | st.just(bytes(most)))
    column = array(kind, value)
    if not len(column):
        return at, name, array(kind, [draw(near(1, COLUMNS[kind]))])
    row = draw(st.integers(0, len(column) - 1))
    column[row] = draw(near(column[row], COLUMNS[kind]))
    return at, name, column


def payable_bound(usages: list[Usage]) -> int:
    """The most stem-time that a board can have played while its clocks ran as the accepted segments say."""
    boots = {usage.boot for usage in usages}
    frames = 0
    for boot in boots:
        of_boot = [usage for usage in usages if usage.boot == boot]
        elapsed_ms = max(usage.end_ms for usage in of_boot) - min(usage.start_ms for usage in of_boot)
        delivered = sum(usage.delivered_frames - usage.silent_frames for usage in of_boot)
        assert sum(usage.delivered_ms() for usage in of_boot) <= elapsed_ms * 1.001 + SLACK_MS * len(of_boot)
        frames += VOICES * delivered
    return frames


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_field_pays_no_more_than_time_and_voices(stage: Any, run: Any, data: st.DataObject) -> None:
    at, name, value = data.draw(changes(run.usages))
    forger = Forger(next(FORGERS))
    with stage.folder.open_store() as store:
        registry.enrol(stage.folder, store, forger.enrolment(stage.operator))
    segments = []
    try:
        for number, usage in enumerate(run.usages):
            segments.append(forger.seal(usage, **({name: value} if number == at else {})))
    except LocalError:
        return  # no such bytes can be made
    replies = stage.ledger.take([forger.message(segment) for segment in segments], NOON_S)
    assert stage.ledger.trouble is None
    for reply in replies:
        detail = reply.answer.detail or ""
        assert reply.answer.verdict < len(VERDICTS)
        assert reply.answer.verdict != IMPOSSIBLE or detail.partition(": ")[0] in NAMES, detail
    with stage.folder.open_store() as store:
        accepted = accepted_of(store, forger.id)
    assert sum(usage.played_frames() for usage in accepted) <= payable_bound(accepted)
    stem_frames = [stem.frames for stem in run.pack.stems]
    rows = [row for usage in accepted for row in usage.rows()]
    assert all(frames <= ROUNDS_MAX * stem_frames[stem] for stem, _start, frames, _flags in rows)
    assert len(accepted) == sum(reply.answer.verdict == ACCEPTED for reply in replies)


def accepted_of(store: Any, device_id: bytes) -> list[Usage]:
    after, found = 0, []
    while True:
        _before, sealed = store.chain.neighbours(device_id, after)
        if sealed is None:
            return found
        found.append(store.chain.payload(sealed))
        after = sealed.sequence


LONG = ("start_ms", "end_ms", "first_frame", "end_frame", "delivered_frames")
WITHOUT_OUTPUT = {"version": 1, "output_kind": None, "pace": None, "seed_root": None}
EDGES = st.sampled_from((0, 1, 1000, (1 << 63) - 1, 1 << 63, (1 << 64) - 1))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_numbers_at_the_edges_are_decided_about_too(stage: Any, run: Any, data: st.DataObject) -> None:
    """None of them makes the ledger fail, or is an error of its own making."""
    forger = Forger(next(FORGERS))
    with stage.folder.open_store() as store:
        registry.enrol(stage.folder, store, forger.enrolment(stage.operator))
    issued_ms = (NOON_S - 3600) * 1000
    assert stage.ledger.date([forger.nonce()], issued_ms) != [None]
    for session in range(1, data.draw(st.integers(2, 6))):
        usage = run.usages[0]
        facts = {name: data.draw(EDGES) for name in data.draw(st.sets(st.sampled_from(LONG)))}
        facts |= {"anchor_unix_ms": data.draw(EDGES | st.just(issued_ms)), "anchor_ms": data.draw(EDGES)}
        facts |= {"clock": data.draw(st.integers(0, 3)), "session": session, "silent_frames": 0} | with_rows([])
        facts |= WITHOUT_OUTPUT if data.draw(st.booleans()) else {}
        try:
            segment = forger.seal(usage, **facts)
        except LocalError:
            continue
        (reply, *_more) = stage.ledger.take([forger.message(segment)], NOON_S)
        assert stage.ledger.trouble is None
        assert reply.answer.verdict != UNAVAILABLE
        stage.totals()


def test_sums_of_the_longest_sessions_are_held(stage: Any, run: Any) -> None:
    forger = Forger(next(FORGERS))
    with stage.folder.open_store() as store:
        registry.enrol(stage.folder, store, forger.enrolment(stage.operator))
    most = (1 << 63) - 1
    source = WITHOUT_OUTPUT | {"silent_frames": 0}
    long = {"end_frame": most, "delivered_frames": most, "start_ms": 0, "end_ms": most, "rate_hz": 22_050}
    for session in range(1, 25):
        segment = forger.seal(run.usages[0], **source, **long, **with_rows([]), session=session)
        (reply,) = stage.ledger.take([forger.message(segment)], NOON_S)
        assert (reply.answer.verdict, stage.ledger.trouble) == (ACCEPTED, None)
    assert stage.totals().devices

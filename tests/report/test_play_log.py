"""The play log: every placement once, in the order of time, joined where it goes on."""

import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from report_cells import rows_of
from reported_world import BY_KEY, BY_NAME

from amos_tools.report import play_log as module
from amos_tools.report.play_log import COLUMNS, in_order, joined, play_log
from amos_tools.report.usage import PeriodUsage, Placement

GOLDEN = Path(__file__).parent / "golden" / "playlog.csv"
ROW = Placement(
    stem_id=bytes(16), device_id=bytes(16), site="cafe", tier=0, rate_hz=1000, frames=10, begins=True, ends=True,
    started_ms=0, ended_ms=10, received_s=100, status="by_clock", rights=1, standing="payable", place=(5, 0),
    session=(bytes(16), 1, 1, bytes(16)), frame=0,
)  # fmt: skip


def test_it_is_as_it_was(november: PeriodUsage) -> None:
    data = play_log(november, BY_NAME).data.replace(november.evidence.hex().encode(), b"ROOT")
    assert re.sub(rb"^[0-9a-f]{16},", b"REPORT,", data, flags=re.MULTILINE) == GOLDEN.read_bytes()


def test_every_frame_is_told_once(november: PeriodUsage) -> None:
    rows = rows_of(play_log(november, BY_KEY).data, COLUMNS)
    assert sum(int(row["frames"]) for row in rows) == sum(line.frames for line in november.lines.values())
    assert [int(row["number"]) for row in rows] == list(range(1, len(rows) + 1))
    assert not {"cafe", "harbour"} & {row["venue"] for row in rows} and all(len(row["player"]) == 16 for row in rows)


def test_a_payees_log_tells_that_payees_stems(november: PeriodUsage) -> None:
    rows = rows_of(play_log(november, replace(BY_KEY, payee="cy-dee")).data, COLUMNS)
    assert {row["stem"][:2] for row in rows} == {"03", "04"}


def row(frame: int, frames: int, **changes: object) -> Placement:
    return replace(ROW, frame=frame, frames=frames, started_ms=frame, ended_ms=frame + frames, **changes)  # type: ignore[arg-type]


def test_a_placement_that_goes_on_is_one_line() -> None:
    first = row(0, 10, ends=False)
    middle = row(10, 5, begins=False, ends=False, place=(6, 0))
    last = row(15, 7, begins=False, place=(7, 3))
    [item] = joined([last, first, middle])
    assert (item.first, item.last, item.frames) == (first, last, 22)


def test_what_is_said_otherwise_of_the_rest_is_another_line() -> None:
    first, rest = row(0, 10, ends=False), row(10, 5, begins=False)
    for change in ({"standing": "post_opt_out"}, {"rights": 2}, {"tier": 2}, {"status": "late"}, {"site": "harbour"}):
        assert len(joined([first, replace(rest, **change)])) == 2  # type: ignore[arg-type]
    for other in (
        replace(rest, session=(bytes(16), 2, 1, bytes(16))),
        replace(rest, frame=11),
        replace(rest, begins=True),
    ):
        assert len(joined([first, other])) == 2
    assert len(joined([first, rest])) == 1


def test_two_placements_of_a_stem_at_once_stay_two() -> None:
    pair = [row(0, 10, ends=False), row(0, 10, ends=False, place=(5, 1))]
    rest = [row(10, 5, begins=False, place=(6, 0)), row(10, 9, begins=False, place=(6, 1))]
    assert sorted(item.frames for item in joined(pair + rest)) == [15, 19]


@given(cuts=st.lists(st.integers(1, 50), min_size=1, max_size=6), order=st.randoms(use_true_random=False))
def test_cut_anywhere_it_is_joined_again(cuts: list[int], order: object) -> None:
    pieces, at = [], 0
    for number, frames in enumerate(cuts):
        pieces.append(row(at, frames, begins=number == 0, ends=number == len(cuts) - 1, place=(5 + number, 0)))
        at += frames
    order.shuffle(pieces)  # type: ignore[attr-defined]
    [item] = joined(pieces)
    assert (item.frames, item.first.started_ms, item.last.ended_ms) == (sum(cuts), 0, sum(cuts))


def test_undated_play_stands_where_it_was_received() -> None:
    dated = [row(99_999, 1), row(100_001, 1)]
    undated = replace(ROW, started_ms=None, ended_ms=None, status="by_reception")
    assert [item.first.started_ms for item in in_order(joined([*dated, undated]))] == [99_999, None, 100_001]


def test_the_page_tells_of_every_column_in_its_order() -> None:
    page = (Path(module.__file__).parent / "REPORTS.md").read_text()
    table = page.split("## Play log")[1].split("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == COLUMNS

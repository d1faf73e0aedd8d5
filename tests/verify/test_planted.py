"""What a ledger might plant with its own key, and who finds it: the light check of a statement, or the full one.

Each row of `PLANTED` changes one frame, one micro-unit or one word somewhere between the log and the statement. A light
check that says yes there is no fault: it says what it does not prove.
"""

import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from one_by_one import judged_one_by_one
from settled_world import World
from statement_bytes import statement_bytes

from amos.protocol.closing import sign_closing
from amos_ledger import close_period
from amos_ledger.settle_period import settle_period
from amos_ledger.settlement import accounts, division, judging, metered_result, rights
from amos_ledger.settlement.metered_statement import Counts
from amos_ledger.settlement.played import Key
from amos_ledger.store.period_usage import PeriodUsage
from amos_tools.verify.errors import Difference, VerifyError
from amos_tools.verify.light import check_statement

NOVEMBER = ("2026-11", 1_000_000_000, "EUR")
FIRST, SECOND = b"\1" * 16, b"\2" * 16
Patch = pytest.MonkeyPatch


class _Everything:
    """Equal to any roll-up: the ledger silences its own check."""

    def __eq__(self, _other: object) -> bool:
        return True

    def __ne__(self, _other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def frames_by(patch: Patch, change: Callable[[bytes, bytes, int], int]) -> None:
    """`change(stem, device, rate)`: how many frames more the ledger counts, of the first segment that has the stem."""
    parts = judging.Judged.parts
    done: Counter[tuple[bytes, bytes]] = Counter()

    def lying(self: Any) -> Any:
        found = dict(parts(self))
        for packed, played in found.items():
            key = Key(*struct.unpack(">16s16sQBBBI", packed))
            more = change(key.stem_id, key.device_id, key.rate_hz)
            if more and not done[key.stem_id, key.device_id]:
                done[key.stem_id, key.device_id] += 1
                found[packed] = played._replace(frames=played.frames + more)
        return found

    judged_one_by_one(patch)
    patch.setattr(judging.Judged, "parts", lying)
    patch.setattr(metered_result, "_rollup", lambda *_sums: _Everything())


def a_frame_more(patch: Patch) -> None:
    frames_by(patch, lambda stem, _device, rate: int(stem == FIRST and rate == 44_100))


def a_frame_moved_between_stems(patch: Patch) -> None:
    frames_by(patch, lambda stem, _device, rate: {FIRST: 1, SECOND: -1}.get(stem, 0) if rate == 44_100 else 0)


def time_moved_between_devices(patch: Patch) -> None:
    """147 frames at 44,100 Hz last as long as 160 at 48,000 Hz."""
    frames_by(patch, lambda stem, _device, rate: (147 if rate == 44_100 else -160) if stem == SECOND else 0)


def a_segment_left_out(patch: Patch) -> None:
    segments = PeriodUsage.segments
    patch.setattr(PeriodUsage, "segments", lambda *words: list(segments(*words))[1:])
    patch.setattr(metered_result, "_rollup", lambda *_sums: _Everything())


def a_segment_twice(patch: Patch) -> None:
    segments = PeriodUsage.segments

    def doubled(*words: Any) -> Any:
        first, *rest = segments(*words)
        return [first, first, *rest]

    patch.setattr(PeriodUsage, "segments", doubled)
    patch.setattr(metered_result, "_rollup", lambda *_sums: _Everything())


def another_in_its_place(patch: Patch) -> None:
    """As many segments as there are, of which one stands for two."""

    segments = PeriodUsage.segments

    def doubled(*words: Any) -> Any:
        found = list(segments(*words))
        return [found[1], *found[1:]]

    patch.setattr(PeriodUsage, "segments", doubled)
    patch.setattr(metered_result, "_rollup", lambda *_sums: _Everything())


def a_number_of_another(patch: Patch) -> None:
    """A device's row names a segment that is not its own."""
    sequences = PeriodUsage.sequences

    def shifted(*words: Any) -> Any:
        found = list(sequences(*words))
        return [*found[:-1], (found[-1][0], found[-1][1] + 1)]

    patch.setattr(PeriodUsage, "sequences", shifted)


def a_micro_unit_between_payees(patch: Patch) -> None:
    made = division.Division.__init__

    def lying(self: Any, *words: Any) -> None:
        made(self, *words)
        self.amounts = [amount + step for amount, step in zip(self.amounts, (-1, 1, 0), strict=True)]

    patch.setattr(division.Division, "__init__", lying)


def a_micro_unit_between_lines(patch: Patch) -> None:
    made = division.Division.__init__

    def lying(self: Any, *words: Any) -> None:
        made(self, *words)
        self.of_lines[:2] += (1, -1)

    patch.setattr(division.Division, "__init__", lying)


def a_share_changed(patch: Patch) -> None:
    shared = rights.RightsHistory.shared

    def lying(self: Any, stem_ids: Any, serials: Any) -> Any:
        found = shared(self, stem_ids, serials)
        of_second = np.isin(np.arange(len(stem_ids)), np.flatnonzero(stem_ids[:, 0] == SECOND[0]))
        lied = np.flatnonzero(of_second.repeat(found.counts))
        found.ppm[lied] = np.resize((333_334, 666_666), len(lied))
        return found

    patch.setattr(rights.RightsHistory, "shared", lying)


def a_title_changed(patch: Patch) -> None:
    texts = rights.RightsHistory.texts

    def lying(self: Any, stem_ids: Any) -> bytes:
        title_artist_code = texts(self, stem_ids).split(b"\0")
        title_artist_code[::3] = [b'"Another"' for _title in title_artist_code[::3]]
        return b"\0".join(title_artist_code)

    patch.setattr(rights.RightsHistory, "texts", lying)


def a_count_changed(patch: Patch) -> None:
    judged_one_by_one(patch)
    add = Counts.add
    patch.setattr(Counts, "add", lambda self, accrual, _flags: add(self, accrual, frozenset({"undated"})))


def an_accrual_changed(patch: Patch) -> None:
    judged_one_by_one(patch)
    patch.setattr(metered_result, "accrual", lambda *_words: "late")


def a_standing_changed(patch: Patch) -> None:
    judged_one_by_one(patch)
    standings = judging.Judge._standings
    patch.setattr(judging.Judge, "_standings", lambda self, taken, rows: standings(self, taken, rows) + 1)


def an_opening_balance(patch: Patch) -> None:
    books = accounts.Accounts.books

    def lying(self: Any) -> Any:
        found = books(self)
        return type(found)(dict(found.opening) | {"payee/ann": 1}, found.since, found.incomes)

    patch.setattr(accounts.Accounts, "books", lying)


PLANTED = [
    (a_frame_more, None, r"^closing\.ticks: "),
    (a_frame_moved_between_stems, None, r"^proof\.stems\.rows\[\d\]\.row\.cells_root|\.frames: "),
    (time_moved_between_devices, None, r"^proof\.stems\.rows\[\d\]\.row\.(cells_root|parts\[\d\]\.frames): "),
    (a_segment_left_out, None, r"closing\.segments: expected 6, found 5"),
    (a_segment_twice, None, r"closing\.segments: expected 6, found 7"),
    (another_in_its_place, None, r"^closing\.ticks: "),
    (a_number_of_another, None, r"^closing\.devices_root: "),
    (a_micro_unit_between_payees, "core.amount_micro|core.lines[0].amount_micro", r"^core\.amount: "),
    (a_micro_unit_between_lines, "core.lines[0].amount_micro", r"^core\.lines\[0\]\.amount_micro: "),
    (a_share_changed, None, r"^core\.amount: "),
    (a_title_changed, None, r"^core\.lines\[0\]\.title: "),
    (a_count_changed, None, r"^core\.pool\.segments_undated: expected 1, found 6"),
    (an_accrual_changed, None, r"^proof\.stems\.rows\[0\]\.row"),
    (a_standing_changed, None, r"^proof\.stems\.rows\[0\]\.row"),
    (an_opening_balance, None, r"^core\.balance\.payable\.closing_micro: "),
]


def light(world: World, payee: str = "ann") -> str | None:
    """The field at which the light check says no."""
    try:
        check_statement(statement_bytes(world.statement(payee)), world.keys.ledger, world.keys.origin)
    except Difference as error:
        return error.field
    return None


@pytest.mark.parametrize(("plant", "by_light", "by_full"), PLANTED, ids=[row[0].__name__ for row in PLANTED])
def test_what_is_planted_is_found(
    november: World, monkeypatch: Patch, plant: Callable[[Patch], None], by_light: str | None, by_full: str
) -> None:
    with monkeypatch.context() as patch:
        plant(patch)
        settle_period(november.folder, *NOVEMBER)
    found = light(november)
    assert found in ((by_light or "").split("|") if by_light else [None])
    with pytest.raises(Difference, match=by_full):
        november.verify("ann")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("carry_in_micro", 5, "carry_in_micro: expected 0"),
        ("previous", 3, "previous: expected None, found 3"),
        ("statements", 2, r"core\.pool\.payees|closing\.statements: expected 3, found 2"),
        ("carry_out_micro", None, "carry_out_micro: expected 0"),
        ("segments", 5, r"closing\.segments: expected 6, found 5"),
        ("ticks_hz", 14_112_000, r"ticks"),
        ("devices", 3, r"closing\.devices: expected 2, found 3|proof"),
        ("devices_root", bytes(32), r"closing\.devices_root"),
        ("stems", 4, r"closing\.stems: expected 3, found 4|proof\.stems"),
        ("stems_root", bytes(32), r"proof\.stems, root"),
        ("statements_root", bytes(32), r"proof\.statement\.path, root|closing\.statements_root"),
        ("catalogue_sha256", bytes(32), r"closing\.catalogue_sha256|catalogue_sha256"),
        ("income_micro", 7, r"pool_micro"),
        ("pool_micro", 7, r"pool_micro"),
    ],
)
def test_a_closing_that_does_not_follow_is_found(
    november: World, monkeypatch: Patch, field: str, value: Any, said: str
) -> None:
    def crooked(closing: Any, kid: bytes, sign_message: Any) -> bytes:
        setattr(closing, field, closing.pool_micro if value is None else value)
        if field == "carry_in_micro":
            closing.previous, closing.pool_micro = None, closing.income_micro + value
        closing.fault = lambda: None
        return sign_closing(closing, kid, sign_message)

    monkeypatch.setattr(close_period, "sign_closing", crooked)
    try:
        settle_period(november.folder, *NOVEMBER)
    finally:
        monkeypatch.undo()
    with pytest.raises(VerifyError, match=said):
        november.verify("ann")

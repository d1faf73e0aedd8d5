"""Play that earns nothing, and play that is odd: kept, shown to payees, and worked out alike by ledger and verifier."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_by_one import judged_one_by_one
from settled_world import OPERATOR, PUBLISHER, SPLITS, STEMS, Player, World, catalogue_bytes, manifest_bytes, signer
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos.crypto import key_id, public_key, verify
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.delegated import Delegation, open_delegated
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.manifest import Manifest, open_manifest
from amos.protocol.revocation import Revocation, sign_revocation
from amos.protocol.segment import TIER_RENDERER, Usage
from amos.protocol.signing import (
    list_delegated,
    list_opt_outs,
    sign_delegated,
    sign_delegation,
    sign_manifest,
    sign_opt_outs,
)
from amos_ledger import delegated, registry
from amos_ledger.delegated import KEY_NAME, made_key, take_delegation
from amos_ledger.errors import OptOutsRefused
from amos_ledger.opt_outs import DELEGATED, add_opt_outs
from amos_ledger.registry import add_pack, enrol
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_ledger.settlement import judging, standing
from amos_tools.cli import app
from amos_tools.verify import standing as verifier
from amos_tools.verify.errors import Difference
from signed_usage import columns

NOVEMBER = ("2026-11", 1_000_000_000, "EUR")
SECOND = 44_100


def withdraw(world: World, serial: int, issued: int, *stems: bytes) -> None:
    listed = list_opt_outs(serial, issued, stems)
    add_opt_outs(world.folder, sign_opt_outs(listed, key_id(public_key(PUBLISHER)), signer(PUBLISHER)))


def withdraw_delegated(world: World, _serial: int, issued: int, *stems: bytes) -> None:
    """The same by the ledger's own key."""
    if not (world.folder.public / DELEGATED).exists():
        keys = {"key": made_key(world.folder), "ledger": world.folder.public_key}
        made = Delegation(version=1, serial=1, since_unix_s=0, until_unix_s=1 << 37, ids=b"".join(STEMS), **keys)
        by, sign = key_id(public_key(PUBLISHER)), signer(PUBLISHER)
        take_delegation(world.folder, sign_delegation(made, by, sign), issued - 9)
    delegated.withdraw(world.folder, "ann", set(STEMS) - set(stems), issued, back=True)
    delegated.withdraw(world.folder, "ann", stems, issued)


BOTH = pytest.mark.parametrize("withdraw", [withdraw, withdraw_delegated])


def leased(world: World, pack_end: int, stem_end: int) -> dict[str, bytes]:
    """A pack of player 0 whose lease ends, and that of its first stem."""
    manifest: Manifest = open_manifest(manifest_bytes(SECOND), public_key(PUBLISHER), lambda *_: True)
    manifest.lease_end_unix_s, manifest.stems[0].lease_end_unix_s, manifest.serial = pack_end, stem_end, 2
    data = sign_manifest(manifest, key_id(public_key(PUBLISHER)), signer(PUBLISHER))
    with world.folder.open_store() as store:
        add_pack(world.folder, store, data, catalogue_bytes())
    return {"pack": hashlib.sha256(data).digest()}


def joined(world: World, enrolled: int) -> None:
    """A third player, enrolled at that moment."""
    player = Player(b"Z" * 32, "bar-2", SECOND)
    world.players.append(player)
    with world.folder.open_store() as store:
        enrol(world.folder, store, player.enrolment(unix_s=enrolled))


def sent(
    world: World, number: int, received: int, rows: Any, played: int | None, tier: int = 0, **changes: Any
) -> None:
    assert world.send(number, world.players[number].play(rows, played, tier, **changes), received) == [0]


def core(world: World, payee: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(statement_bytes(world.statement(payee)))["core"]
    assert world.verify(payee).amount_micro == found["amount_micro"]
    return found


@pytest.fixture
def world(tmp_path: Any) -> World:
    return World(tmp_path / "ledger")


@pytest.fixture
def noon(dates: Any) -> int:
    return int(dates(2026, 11, 5, 12))


def told(found: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(line["stem"][:2], line["reason"], played(line)) for line in found["unpaid"]]


def played(line: dict[str, Any]) -> int:
    return sum(part["frames"] for part in line["frames"])


@BOTH
def test_a_withdrawn_stem_earns_until_it_is_withdrawn_and_is_shown_after(
    world: World, noon: int, withdraw: Callable[..., None]
) -> None:
    withdraw(world, 1, noon, STEMS[0])
    sent(world, 0, noon + 999, [(0, SECOND), (1, SECOND)], noon - 5)
    sent(world, 0, noon + 999, [(0, 2 * SECOND)], noon + 59)  # it may be fading
    sent(world, 0, noon + 999, [(0, 4 * SECOND), (1, SECOND)], noon + 61)
    withdraw(world, 2, noon + 600)  # the artist is back
    sent(world, 0, noon + 999, [(0, 8 * SECOND)], noon + 601)
    settle_period(world.folder, *NOVEMBER)
    found = core(world, "ann")
    by_clock = {"accrual": "by_clock", "rate_hz": SECOND, "tier": 0, "frames": 11 * SECOND}
    assert found["lines"][0]["frames"] == [by_clock]
    assert told(found) == [("01", "post_opt_out", 4 * SECOND)]
    assert found["pool"]["play_ms"] == "13000/1" and found["pool"]["unpaid_ms"]["post_opt_out"] == "4000/1"
    assert told(core(world, "bob")) == []


def test_play_after_a_lease_earns_nothing(world: World, noon: int) -> None:
    pack = leased(world, noon + 1000, noon)
    sent(world, 0, noon + 9999, [(0, SECOND), (1, SECOND)], noon + 59, **pack)
    sent(world, 0, noon + 9999, [(0, SECOND), (1, SECOND)], noon + 60, **pack)
    sent(world, 0, noon + 9999, [(0, SECOND), (1, SECOND)], noon + 1059, **pack)
    sent(world, 0, noon + 9999, [(0, SECOND), (1, SECOND)], noon + 1060, **pack)
    sent(world, 0, noon + 9999, [(0, SECOND)], None, **pack)  # nobody can say that it was late
    settle_period(world.folder, *NOVEMBER)
    found = core(world, "ann")
    assert [played(line) // SECOND for line in found["lines"]] == [2, 3]
    assert told(found) == [
        ("01", "post_lease", SECOND),
        ("01", "stem_lease", 2 * SECOND),
        ("02", "post_lease", SECOND),
    ]
    assert found["pool"]["segments_undated"] == 1


def test_who_has_only_unpaid_play_is_told_and_gets_nothing(world: World, noon: int) -> None:
    withdraw(world, 1, noon, STEMS[0])
    sent(world, 0, noon + 999, [(0, SECOND)], noon + 100)
    settled = settle_period(world.folder, *NOVEMBER)
    found = core(world, "ann")
    assert (found["amount_micro"], found["lines"], told(found)) == (0, [], [("01", "post_opt_out", SECOND)])
    assert settled.closed.result.closing.carry_out_micro == 1_000_000_000


DAY_S = 86_400


def test_more_play_than_time_since_the_enrolment_earns_nothing(world: World, noon: int) -> None:
    joined(world, noon)
    for _part in range(16):
        sent(world, 2, noon + 120, [(0, DAY_S // 16 * SECOND)], None)
    sent(world, 2, noon + 120, [(0, 120 * SECOND)], None)
    sent(world, 2, noon + 120, [(0, 1 * SECOND)], None)
    sent(world, 2, noon + 180, [(0, 50 * SECOND)], None)  # time has gone on
    settle_period(world.folder, *NOVEMBER)
    found = core(world, "ann")
    assert told(found) == [("01", "over_time", SECOND)]
    assert found["pool"]["segments_over_time"] == 1 and found["pool"]["segments_undated"] == 19


@pytest.mark.parametrize("tier", [0, TIER_RENDERER])
def test_play_before_the_enrolment_is_a_day_at_most_in_whatever_tier(world: World, noon: int, tier: int) -> None:
    joined(world, noon)
    for days in range(20, 1, -1):
        sent(world, 2, noon + 120, [(0, DAY_S // 16 * SECOND)], noon - days * DAY_S, tier)
    sent(world, 2, noon + 120, [(0, 100 * SECOND)], noon, tier)  # what time has passed since is there still
    settle_period(world.folder, *NOVEMBER)
    found = core(world, "ann")
    assert told(found) == [("01", "over_time", 3 * DAY_S // 16 * SECOND)]
    assert {part["tier"] for part in found["lines"][0]["frames"]} == {tier}
    assert played(found["lines"][0]) == (DAY_S + 100) * SECOND


def revoke(world: World, number: int, unix_s: int) -> None:
    device_id = world.players[number].device
    data = sign_revocation(
        Revocation(version=1, device_id=device_id, unix_s=unix_s), key_id(public_key(OPERATOR)), signer(OPERATOR)
    )
    with world.folder.open_store() as store:
        registry.revoke(world.folder, store, data)


def undated_around_a_revocation(world: World, noon: int) -> None:
    """Three seconds undated before it; after it five undated, seven of an impossible date, eleven dated and a player's
    thirteen that nobody revoked."""
    sent(world, 0, noon, [(0, 3 * SECOND)], None)
    revoke(world, 0, noon + 60)
    sent(world, 0, noon + 60, [(0, 5 * SECOND)], None)
    sent(world, 0, noon + 60, [(0, 7 * SECOND)], noon + 2 * 86_400)
    sent(world, 0, noon + 60, [(0, 11 * SECOND)], noon + 30)
    joined(world, noon - 9999)
    sent(world, 2, noon + 60, [(0, 13 * SECOND)], None)


def test_of_a_revoked_key_what_nobody_can_date_earns_nothing_from_then_on(world: World, noon: int) -> None:
    undated_around_a_revocation(world, noon)
    settle_period(world.folder, *NOVEMBER)
    found = core(world, "ann")
    assert told(found) == [("01", "revoked", 12 * SECOND)] and found["format"] == "amos-statement/4"
    assert played(found["lines"][0]) == 27 * SECOND
    assert found["pool"]["unpaid_ms"]["revoked"] == "12000/1"


def test_undated_play_of_a_player_that_was_replaced_is_paid(world: World, noon: int) -> None:
    player = Player(b"Y" * 32, "bar-3", SECOND)
    replaced = world.players[0].device
    with world.folder.open_store() as store:
        enrol(world.folder, store, player.enrolment(unix_s=noon, predecessor=replaced))
    sent(world, 0, noon + 60, [(0, 5 * SECOND)], None)
    settle_period(world.folder, *NOVEMBER)
    assert told(core(world, "ann")) == []


def test_play_dated_before_the_enrolment_accrues_to_its_period(world: World, noon: int, dates: Any) -> None:
    joined(world, noon)
    sent(world, 2, noon + 60, [(0, SECOND)], dates(2026, 9, 1))
    sent(world, 2, noon + 60, [(0, SECOND)], dates(2024, 9, 1))  # impossible: by reception
    settle_period(world.folder, *NOVEMBER)
    pool = core(world, "ann")["pool"]
    assert [pool[f"segments_{name}"] for name in ("by_enrolment", "before_enrolment", "far_dated", "by_reception")] == [
        *(1, 1),
        *(1, 1),
    ]


def test_a_ledger_that_pays_what_earns_nothing_is_found(world: World, noon: int, monkeypatch: Any) -> None:
    withdraw(world, 1, noon, STEMS[0])
    sent(world, 0, noon + 999, [(0, SECOND), (1, SECOND)], noon + 100)
    judged_one_by_one(monkeypatch)
    monkeypatch.setattr(judging.Judge, "_standings", lambda _self, _taken, rows: np.zeros(len(rows.stems), int))
    settle_period(world.folder, *NOVEMBER)
    with pytest.raises(Difference):
        world.verify("ann")


def test_what_was_played_before_and_comes_after_the_withdrawal_is_frozen(world: World, noon: int) -> None:
    """It earns, on an account of its own; so does what nobody can date."""
    sent(world, 0, noon + 30, [(0, SECOND)], noon - 100)
    withdraw(world, 1, noon, STEMS[0])
    sent(world, 0, noon + 59, [(0, 2 * SECOND)], noon - 90)  # it was not withdrawn for a minute
    sent(world, 0, noon + 120, [(0, 4 * SECOND)], noon - 80)
    sent(world, 0, noon + 120, [(0, 8 * SECOND)], None)
    sent(world, 0, noon + 240, [(0, 16 * SECOND)], noon + 61)
    settle_period(world.folder, *NOVEMBER)
    found = core(world, "ann")
    assert [(line["account"], played(line) // SECOND) for line in found["lines"]] == [
        ("payable", 3),
        ("frozen_late", 12),
    ]
    assert told(found) == [("01", "post_opt_out", 16 * SECOND)]
    assert found["frozen_late_micro"] == found["amount_micro"] * 12 // 15
    assert found["balance"]["frozen_late"]["closing_micro"] == found["frozen_late_micro"]


def test_splits_change_within_a_segment(tmp_path: Any, noon: int, monkeypatch: Any) -> None:
    """Each row is paid by the catalogue in force when it began, and none by a later one."""
    with monkeypatch.context() as patch:
        patch.setattr("amos_ledger.registry.time.time", lambda: noon - 9999.0)
        world = World(tmp_path / "ledger")
    splits = [[("zoe", 1_000_000)], *SPLITS[1:]]
    with monkeypatch.context() as patch:
        patch.setattr("settled_world.SPLITS", splits)
        changed = catalogue_bytes(serial=2)
    with world.folder.open_store() as store:
        add_pack(world.folder, store, manifest_bytes(SECOND), changed, noon)
    stems, starts, frames, flags = columns([(0, 0, 3 * SECOND, 5), (0, 10 * SECOND, 4 * SECOND, 5)], 0)
    rows = {"stems": stems, "starts": starts, "frames": frames, "flags": flags}
    span = 20 * SECOND
    sent(world, 0, noon + 99, [], noon - 5, end_frame=span, delivered_frames=span, end_ms=20_000, **rows)
    settle_period(world.folder, *NOVEMBER)
    assert [played(line) // SECOND for line in core(world, "ann")["lines"]] == [3]
    assert [(line["rights"], played(line) // SECOND) for line in core(world, "zoe")["lines"]] == [(2, 4)]


def test_a_catalogue_that_says_it_came_earlier_changes_no_play_from_before(
    tmp_path: Any, noon: int, monkeypatch: Any
) -> None:
    """The reception in front of its entry bounds it, whatever the entry says."""
    world = World(tmp_path / "ledger")
    sent(world, 0, noon + 60, [(0, 2 * SECOND)], noon - 60)
    with monkeypatch.context() as patch:
        patch.setattr("settled_world.SPLITS", [[("zoe", 1_000_000)], *SPLITS[1:]])
        changed = catalogue_bytes(serial=2)
    with world.folder.open_store() as store:
        add_pack(world.folder, store, manifest_bytes(SECOND), changed, 5)
    sent(world, 0, noon + 120, [(0, 4 * SECOND)], noon - 30)
    sent(world, 0, noon + 240, [(0, 8 * SECOND)], noon + 90)
    settle_period(world.folder, *NOVEMBER)
    assert [played(line) // SECOND for line in core(world, "ann")["lines"]] == [6]
    assert [played(line) // SECOND for line in core(world, "zoe")["lines"]] == [8]


def test_a_list_that_goes_back_in_time_is_refused(world: World, noon: int) -> None:
    withdraw(world, 1, noon, STEMS[0])
    with pytest.raises(OptOutsRefused, match="issued_unix_s: expected from"):
        withdraw(world, 2, noon - 1)


INSTANTS = st.integers(0, 400)


@given(
    issued=st.lists(INSTANTS, max_size=4),
    listed=st.lists(st.sets(st.sampled_from(STEMS)), min_size=4, max_size=4),
    ends=st.lists(INSTANTS, min_size=5, max_size=5),
    rows=st.lists(st.tuples(st.integers(0, 3), INSTANTS), max_size=8),
    began=INSTANTS,
    by_key=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_ledger_and_verifier_find_the_same_rows_unpaid(
    issued: Any, listed: Any, ends: Any, rows: Any, began: int, by_key: list[bool]
) -> None:
    lists = [
        list_delegated(number, at, listed[number], b"x")
        if by_key[number]
        else list_opt_outs(number, at, listed[number])
        for number, at in enumerate(issued)
    ]
    manifest: Manifest = open_manifest(manifest_bytes(SECOND), public_key(PUBLISHER), lambda *_: True)
    manifest.lease_end_unix_s, *stem_ends = ends
    for stem, end in zip(manifest.stems, stem_ends, strict=True):
        stem.lease_end_unix_s = end
    rows = sorted(rows, key=lambda row: row[1])
    usage = usage_of(rows, began)
    paid, unpaid = standing.divide(usage, manifest, frozenset(), standing.OptOutHistory(lists))
    expected: dict[Any, int] = {}
    for stem, offset in rows:
        why = verifier.reason(manifest, stem, began + offset, verifier.Lists(lists))
        key = (why, STEMS[stem], 0, SECOND)
        expected[key] = expected.get(key, 0) + 10
    found = {(None, *key): frames for key, frames in paid.items()} | dict(unpaid)
    assert found == expected


def usage_of(rows: list[tuple[int, int]], began: int) -> Any:
    """Ten frames of each stem, so many seconds after the beginning."""
    stems, starts, frames, flags = columns([(stem, offset * SECOND, 10, 5) for stem, offset in rows], 0)
    span = 500 * SECOND
    data = Player(b"A" * 32, "x", SECOND).play(
        [], began, end_frame=span, delivered_frames=span, stems=stems, starts=starts, frames=frames, flags=flags
    )
    return Usage.decode(parse_typed(data, TYP_USAGE, SEGMENT_BYTES_MAX).payload)


def test_a_payee_is_shown_what_was_not_paid_and_why(world: World, noon: int) -> None:
    withdraw(world, 1, noon, STEMS[0])
    sent(world, 0, noon + 999, [(0, SECOND)], noon + 100)
    words = [
        "pool",
        "settle",
        "--ledger",
        str(world.folder.path),
        "--period",
        "2026-11",
        "--income",
        "1000",
        "--currency",
        "EUR",
    ]
    done = CliRunner().invoke(app, [*words, "--close-now"])
    assert done.exit_code == 0 and "0.00 %" in done.output, done.output
    shown = CliRunner().invoke(app, ["pool", "show", str(world.statement("ann"))])
    for text in ("What played and earned nothing", "Títle [0]", "begun after it was withdrawn", "0:00:01.000"):
        assert text in shown.output


def test_no_list_freezes_what_was_played_more_than_a_day_before_whenever_its_delegation_was_signed(
    world: World, noon: int
) -> None:
    """The publisher signed it when play began; the ledger logs it, dated then, after nineteen days of play."""
    keys = {"key": made_key(world.folder), "ledger": world.folder.public_key}
    made = Delegation(version=1, serial=1, since_unix_s=noon, until_unix_s=1 << 37, ids=STEMS[0], **keys)
    held = sign_delegation(made, key_id(public_key(PUBLISHER)), signer(PUBLISHER))
    for day in range(1, 20):
        sent(world, 0, noon + day * DAY_S + 60, [(0, SECOND)], noon + day * DAY_S)
    seed = (world.path / KEY_NAME).read_bytes()
    listed = list_delegated(noon, noon, STEMS[:1], held, "ann")
    data = sign_delegated(listed, key_id(public_key(seed)), signer(seed))
    with world.folder.open_store() as store:
        with store.transaction():
            store.opt_outs.append_delegated(data, open_delegated(data, public_key(PUBLISHER), verify, [keys["ledger"]]))
        registry.publish(world.folder, store)
    settle_period(world.folder, *NOVEMBER)
    with pytest.raises(Difference, match=r"opt-outs\.issued_unix_s"):
        world.verify("ann")
    assert any("opt-outs.issued_unix_s: expected from" in str(found) for found in scrub(world.folder))

"""Directives in play: what they change is in the log, so that a replay says the same; and any deliveries end alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rights_in_play import NOON_MS, PUBLISHER, RATE_HZ, Venue, inputs, pack_folder  # noqa: F401 (a fixture)

from amos import crypto
from amos.directives import Directives
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.ledger_keys import LedgerKeys
from amos.operator_keys import OperatorKeys
from amos.packs.folder import PackFolder, open_pack
from amos.player_state import PlayerState
from amos.protocol.directive import Hours, Position
from amos.protocol.errors import MessageError, ProtocolError
from amos.protocol.segment import SEAL_INTERVAL, SEAL_TIER, Usage
from amos.score.inputs import INPUT_PAUSE, INPUT_SKIP, INPUT_SLIDER, INPUT_VOLUME
from amos.session.session import Session
from amos.staff import Staff
from amos.tier_kept import TierKept
from amos_tools.replay.rows import replay, rows
from protocol_examples import Party, a_directive, signed_directive

OPERATOR = Party(2)


@pytest.fixture
def pack(pack_folder: Path) -> Iterator[PackFolder]:  # noqa: F811
    opened = open_pack(str(pack_folder), crypto.public_key(PUBLISHER), crypto.verify)
    yield opened
    opened.close()


class Directed(Venue):
    """A venue of a tier that is no renderer's, whose player follows the operator."""

    def __init__(self, pack: PackFolder, folder: Path):
        self.kept = TwoSlotMemory()
        super().__init__(pack, folder)

    def begin(self) -> Session:
        device = self.device
        device.directives = Directives(
            OperatorKeys(OPERATOR.public_key, device._ledger_keys), device.identity.device_id, crypto.verify, self.kept
        )
        device.player_state = PlayerState(self.pack.pack_id, TierKept(TwoSlotMemory(), 1))
        return super().begin()

    def direct(self, serial: int, **wanted: object) -> None:
        directive = a_directive(self.device.identity.device_id, serial, **wanted)
        self.device.take_directive(signed_directive(directive, OPERATOR))


def told(usages: list[Usage], *kinds: int) -> list[tuple[int, int]]:
    return [(kind, value) for _frame, kind, value in inputs(usages) if kind in kinds]


def test_tier_volume_and_sliders_are_in_the_log_and_a_replay_says_the_same(pack: PackFolder, tmp_path: Path) -> None:
    venue = Directed(pack, tmp_path / "player")
    venue.play(3)
    assert (venue.device.status().directive_serial, venue.device.status().tier) == (None, 1)
    venue.direct(1, tier=2, volume_q15=16384, sliders=[Position(name="calm", position_q15=30000)])
    venue.play(30)
    assert (venue.device.status().directive_serial, venue.device.status().tier) == (1, 2)
    assert venue.session._vm.volume_q15 == 16384
    usages = venue.finish()
    assert [(usage.tier, usage.reason) for usage in usages][:1] == [(1, SEAL_TIER)] and usages[-1].tier == 2
    assert told(usages, INPUT_VOLUME, INPUT_SLIDER) == [(INPUT_VOLUME, 16384), (INPUT_SLIDER, 30000)]
    assert rows(usages) == replay(pack, usages)


def test_a_replay_without_the_directives_inputs_differs(pack: PackFolder, tmp_path: Path) -> None:
    venue = Directed(pack, tmp_path / "player")
    venue.play(3)
    venue.direct(1, sliders=[Position(name="calm", position_q15=32768)])
    venue.play(60)
    usages = venue.finish()
    for usage in usages:
        usage.input_starts, usage.input_kinds, usage.input_values = usage.input_starts[:0], usage.input_kinds[:0], ()
    assert rows(usages) != replay(pack, usages)


def test_what_staff_set_after_a_directive_stays_and_the_next_directive_has_its_word(
    pack: PackFolder, tmp_path: Path
) -> None:
    venue = Directed(pack, tmp_path / "player")
    venue.direct(1, volume_q15=16384, sync=1)
    venue.play(2)
    venue.device.input(bytes(16), INPUT_VOLUME, 20000)
    venue.play(2)
    venue.finish()
    venue.begin()
    venue.play(2)
    assert venue.session._vm.volume_q15 == 20000
    venue.direct(2, volume_q15=16384, sync=1)
    venue.play(2)
    assert venue.session._vm.volume_q15 == 16384


def test_a_volume_that_no_seal_has_kept_is_given_again_after_a_cut(pack: PackFolder, tmp_path: Path) -> None:
    venue = Directed(pack, tmp_path / "player")
    venue.play(1)
    venue.direct(1, volume_q15=16384)
    venue.play(2)
    venue.device.journal.memory = b""  # the cut: nothing was sealed since
    venue.begin()
    venue.play(1)
    assert venue.session._vm.volume_q15 == 16384


def test_hours_of_silence_begin_and_end_by_the_players_own_clock(pack: PackFolder, tmp_path: Path) -> None:
    venue = Directed(pack, tmp_path / "player")
    minute = NOON_MS // 60000 % 1440
    venue.direct(1, pause=[Hours(from_minute=minute + 1, until_minute=minute + 3)])
    venue.play(2)
    assert not venue.session.paused, "the time is not known"
    venue.wall.wall_ms = NOON_MS - NOON_MS % 60000
    edges, from_frame = [], venue.session.frame
    for _second in range(240):
        before = venue.session.paused
        venue.play(1)
        if venue.session.paused != before:
            edges.append((venue.session.frame - from_frame) // RATE_HZ)
    assert len(edges) == 2 and 59 <= edges[0] <= 63 and 179 <= edges[1] <= 183, edges
    usages = venue.finish()
    assert told(usages, INPUT_PAUSE) == [(INPUT_PAUSE, 1), (INPUT_PAUSE, 0)]
    assert rows(usages) == replay(pack, usages)


def test_hours_of_a_weekday_pause_on_that_day_alone_and_a_replay_says_the_same(
    pack: PackFolder, tmp_path: Path
) -> None:
    venue, unix_minute = Directed(pack, tmp_path / "player"), NOON_MS // 60000
    today, minute = 1 << (unix_minute // 1440 + 3) % 7, unix_minute % 1440
    edges = {"from_minute": minute + 1, "until_minute": minute + 3}
    venue.wall.wall_ms = unix_minute * 60000
    venue.direct(1, version=2, pause=[Hours(weekdays=126 & ~today or 126, **edges)])
    venue.play(120)
    assert not venue.session.paused, "it is another day"
    venue.wall.wall_ms = unix_minute * 60000
    venue.finish()
    venue.begin()
    venue.direct(2, version=2, pause=[Hours(weekdays=today, **edges)])
    venue.play(240)
    usages = venue.finish()
    assert told(usages, INPUT_PAUSE) == [(INPUT_PAUSE, 1), (INPUT_PAUSE, 0)]
    assert rows(usages) == replay(pack, usages)


def test_an_operator_who_asks_for_it_has_what_was_played_sealed_once(pack: PackFolder, tmp_path: Path) -> None:
    venue = Directed(pack, tmp_path / "player")
    venue.play(3)
    venue.direct(1, sync=1)
    venue.play(5)
    venue.direct(2, sync=1)
    venue.play(5)
    usages = venue.finish()
    assert [usage.reason for usage in usages][:1] == [SEAL_INTERVAL] and len(usages) == 2
    assert rows(usages) == replay(pack, usages)


def test_a_position_of_staff_that_waits_gives_way_to_the_operators(pack: PackFolder, tmp_path: Path) -> None:
    venue = Directed(pack, tmp_path / "player")
    venue.play(1)
    for number in range(41):
        venue.device.input(number.to_bytes(16, "big"), INPUT_VOLUME, 30000 - number)
    venue.direct(1, volume_q15=5000)
    venue.play(60)
    assert venue.session._vm.volume_q15 == 5000


def test_what_the_settings_forbid_is_refused_by_name_over_the_link(pack: PackFolder, tmp_path: Path) -> None:
    venue = Directed(pack, tmp_path / "player")
    venue.device._staff = Staff("skip,volume", 10, 50)
    venue.device.input(bytes(16), INPUT_SKIP, 0)
    for nonce, kind, value, said in ((1, INPUT_PAUSE, 1, "found pause"), (2, INPUT_VOLUME, 32768, "10 to 50 %")):
        with pytest.raises(ProtocolError, match=said):
            venue.device.input(nonce.to_bytes(16, "big"), kind, value)
    with pytest.raises(ProtocolError, match="found tier"):
        venue.device.set_tier(2)
    venue.direct(1, tier=2, volume_q15=32768)
    venue.play(2)
    assert venue.device.player_state.tier == 2 and venue.session._vm.volume_q15 == 32768, "an operator is no staff"


def test_a_player_without_an_operators_key_takes_no_directive(pack: PackFolder, tmp_path: Path) -> None:
    venue = Venue(pack, tmp_path / "player")
    directive = signed_directive(a_directive(venue.device.identity.device_id, 1), OPERATOR)
    with pytest.raises(ProtocolError, match="setting operator_key, found none"):
        venue.device.take_directive(directive)
    assert venue.device.status().directive_serial is None


DEVICE = bytes(16)


@st.composite
def deliveries(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """Directives of different serials, some of them, in any order and number, from courier and broker."""
    serials = draw(st.lists(st.integers(1, 1 << 62), min_size=1, max_size=5, unique=True))
    volumes = st.none() | st.integers(1, 32768)
    made = {}
    for serial in serials:
        asked = st.none() | st.integers(1, serial)
        wanted = {"tier": draw(st.integers(0, 254)), "volume_q15": draw(volumes), "restart": draw(asked)}
        made[serial] = signed_directive(a_directive(DEVICE, serial, **wanted), OPERATOR)
    order = draw(st.lists(st.sampled_from(serials), min_size=1, max_size=12))
    return [(serial, made[serial]) for serial in order]


@settings(max_examples=60, deadline=None)
@given(deliveries(), st.sets(st.integers(0, 11)))
def test_any_deliveries_and_boots_end_in_the_state_of_the_highest_serial(
    delivered: list[tuple[int, bytes]], boots: set[int]
) -> None:
    kept, key, tiers = TwoSlotMemory(), OperatorKeys(OPERATOR.public_key, LedgerKeys(bytes(32))), [0]
    player = Directives(key, DEVICE, crypto.verify, kept)
    for at, (_serial, data) in enumerate(delivered):
        if at in boots:
            player = Directives(key, DEVICE, crypto.verify, kept)
        try:
            player.take(data, tiers.append)
        except ProtocolError as error:
            assert not isinstance(error, MessageError)
    once = Directives(key, DEVICE, crypto.verify, TwoSlotMemory())
    _serial, last = max(delivered)
    once.take(last, tiers.append)
    assert player.serial == once.serial == max(delivered)[0]
    assert player.current is not None and once.current is not None
    assert player.current.to_map() == once.current.to_map() and tiers[-1] == tiers[-2]
    assert player.asks_for_restart == once.asks_for_restart

"""Directives on a player, on every runtime: what is taken, what is refused by name, and what outlives a cut."""

from amos import crypto
from amos.directed_inputs import DirectedInputs
from amos.directives import DirectiveRefused, Directives
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.edges.worker import InlineWorker
from amos.protocol.directive import Hours, Position
from amos.protocol.errors import CoseError, MessageError, ProtocolError, SignatureError
from amos.protocol.link_pack_device import PackRefused
from amos.score.inputs import INPUT_LIKE, INPUT_PAUSE, INPUT_SKIP, INPUT_SLIDER, INPUT_VOLUME
from amos.staff import ACTS, Staff, StaffRefused, acts_fault
from protocol_examples import Party, a_directive, signed_directive

OPERATOR, STRANGER, THIRD = Party(0x02), Party(0x06), Party(0x07)
DEVICE, OTHER = bytes(range(16)), bytes(16)


class Key:
    def __init__(self, key):
        self.key = self.pinned = key


class Tier:
    """What a player's tier is; a renderer's is refused."""

    def __init__(self):
        self.value = 0

    def set(self, value):
        if value == 255:
            raise MessageError("tier: expected to stay 0, found 255")
        self.value = value


def directives(store=None, key=OPERATOR.public_key):
    return Directives(Key(key), DEVICE, crypto.verify, store or TwoSlotMemory())


def signed(serial, device=DEVICE, party=OPERATOR, **wanted):
    return signed_directive(a_directive(device, serial, **wanted), party)


def refused(error, act, *arguments):
    try:
        act(*arguments)
    except error as caught:
        return str(caught)
    raise AssertionError("expected %s" % error)


def test_the_directive_of_the_highest_serial_holds_in_any_order_and_number():
    made = [signed(n, tier=n, volume_q15=n * 100, restart=n // 2 or None, sync=1) for n in (1, 2, 3, 5)]
    state = 7
    for _round in range(8):
        player, tier, highest = directives(), Tier(), 0
        for _delivery in range(6):
            state = (state * 1103515245 + 12345) & 0x3FFFFFFF
            at = (state >> 8) % len(made)
            serial = (1, 2, 3, 5)[at]
            try:
                player.take(made[at], tier.set)
            except DirectiveRefused as error:
                assert serial < highest and "expected %d or more, found %d" % (highest, serial) in str(error)
                assert player.refused == str(error)
            else:
                assert serial >= highest
                highest = serial
            assert (player.serial, tier.value) == (highest, highest)
            assert player.current.volume_q15 == highest * 100
        player.take(made[3], tier.set)
        assert player.refused is None and player.serial == 5


def test_a_directive_of_anybody_else_for_anybody_else_or_of_the_past_is_refused_and_changes_nothing():
    store, tier = TwoSlotMemory(), Tier()
    player = directives(store)
    good = signed(4, tier=2, volume_q15=16384)
    player.take(good, tier.set)
    writes = store.writes
    flipped = bytearray(good)
    flipped[60] ^= 1
    for data, error, said in (
        (signed(9, party=STRANGER, tier=3), SignatureError, "signature: expected"),
        (bytes(flipped), ProtocolError, ""),
        (good[:-1], ProtocolError, ""),
        (b"\xf6", CoseError, "expected a COSE_Sign1"),
        (bytes(2049), CoseError, "at most 2048 bytes"),
        (signed(9, device=OTHER, tier=3), DirectiveRefused, "directive.device_id: expected " + DEVICE.hex()),
        (signed(3, tier=3), DirectiveRefused, "expected 4 or more, found 3"),
        (signed(4, tier=3), DirectiveRefused, "above 4 for other content"),
        (signed(9, tier=255), MessageError, "tier: expected to stay"),
    ):
        assert said in refused(error, player.take, data, tier.set)
        assert player.refused
        assert (player.serial, tier.value, store.writes) == (4, 2, writes)
    player.take(good, tier.set)
    assert (player.serial, store.writes) == (4, writes), "the same again is no error"


def test_what_cannot_be_stored_does_not_hold_and_is_taken_when_it_comes_again():
    store, tier = TwoSlotMemory(), Tier()
    player = directives(store)
    store.fails = True
    assert "expected to be stored" in refused(DirectiveRefused, player.take, signed(2, volume_q15=9), tier.set)
    assert player.serial is None and directives(store).serial is None
    store.fails = False
    player.take(signed(2, volume_q15=9), tier.set)
    assert player.serial == 2 and player.refused is None


def test_a_boot_finds_what_holds_and_what_was_done():
    store, tier, said = TwoSlotMemory(), Tier(), []
    player = directives(store)
    player.take(signed(2, restart=2, sync=1, volume_q15=100), tier.set)
    assert player.asks_for_restart and player.asks_for_seal
    assert player.restarts(InlineWorker(), said.append) and not player.asks_for_restart
    again = directives(store)
    assert (again.serial, again.asks_for_restart, again.asks_for_seal) == (2, False, True)
    again.sealed()
    again.remembered(2)
    again.note()
    writes = store.writes
    again.note()
    assert store.writes == writes, "there is nothing new to keep"
    third = directives(store)
    assert (third.asks_for_restart, third.asks_for_seal, third.volume) == (False, False, 2)
    third.take(signed(3, restart=2, sync=1), tier.set)
    assert not third.asks_for_restart and not third.asks_for_seal, "done for these serials"
    third.take(signed(4, restart=4, sync=4), tier.set)
    assert third.asks_for_restart and third.asks_for_seal
    assert "expected 4 or more" in refused(DirectiveRefused, directives(store).take, signed(3), tier.set)


def test_a_restart_that_cannot_be_noted_is_not_made():
    store, said = TwoSlotMemory(), []
    player = directives(store)
    player.take(signed(1, restart=1), None)
    store.fails = True
    assert not player.restarts(InlineWorker(), said.append) and player.asks_for_restart
    store.fails = False
    assert player.restarts(InlineWorker(), said.append) and not player.asks_for_restart


def test_what_is_kept_is_verified_again():
    store = TwoSlotMemory()
    directives(store).take(signed(2), None)
    stranger = directives(store, STRANGER.public_key)
    assert stranger.serial is None and "kept one refused" in stranger.fault
    for content in (b"", bytes(25), b"\x03" + store.content[1:], store.content[:-1], store.content[:89] + b"\xf6"):
        found = directives(TwoSlotMemory(content))
        assert found.serial is None and found.fault.startswith("directive: ")
    damaged = TwoSlotMemory()
    damaged.damaged = True
    assert "found damage" in directives(damaged).fault


def test_what_a_player_of_the_version_before_kept_holds():
    """Version 1: what was done, and the directive, which the key in the settings signed."""
    kept = bytes((1,)) + bytes(7) + b"\x02" + bytes(15) + b"\x01" + signed(2, restart=2, volume_q15=9)
    store = TwoSlotMemory(kept)
    found = directives(store)
    assert (found.serial, found.fault, found.volume, found.asks_for_restart) == (2, None, 1, False)
    found.remembered(2)
    found.note()
    again = directives(store)
    assert (again.serial, again.volume, store.content[0]) == (2, 2, 2)


def test_a_directive_stays_in_force_when_the_key_gives_way():
    store = TwoSlotMemory()
    player = directives(store)
    player.take(signed(2, restart=2), None)
    player.operator.key = STRANGER.public_key
    assert "signature" in refused(SignatureError, player.take, signed(3), None)
    player.take(signed(2, restart=2), None)  # the broker still retains it
    assert player.refused is None and player.restarts(InlineWorker(), str)
    booted = directives(store)  # by the key in the settings alone, as after a cut before the next key was kept
    assert booted.serial == 2 and not booted.asks_for_restart
    player.take(signed(2, restart=2, party=STRANGER), None)  # the same, signed again by the next key
    player.take(signed(3, party=STRANGER), None)
    again = directives(store)
    assert again.serial == 3, "what the key after the one in the settings signed"
    assert "signature" in refused(SignatureError, player.take, signed(4), None)
    other = directives(store, THIRD.public_key)
    assert other.serial is None and "kept one refused" in other.fault, "other settings begin anew"
    assert directives(store, STRANGER.public_key).serial == 3, "the key in the settings is the one that signed"


def test_a_directed_pack_alone_is_activated_from_its_moment_on():
    player, pack = directives(), bytes(range(32))
    player.check_pack(bytes(32), None)
    player.take(signed(1, pack=pack), None)
    player.check_pack(pack, None)
    assert "as the operator directs" in refused(PackRefused, player.check_pack, bytes(32), None)
    player.take(signed(2, pack=pack, pack_from_unix_s=1000), None)
    for unix_ms in (None, 0, 999999):
        assert "from 1000 on" in refused(PackRefused, player.check_pack, pack, unix_ms)
    player.check_pack(pack, 1000000)


class Slider:
    def __init__(self, name):
        self.name = name


class Score:
    def __init__(self, *names):
        self.sliders = [Slider(name) for name in names]


def position(name, value):
    return Position(name=name, position_q15=value)


def hours(first, until):
    return Hours(from_minute=first, until_minute=until)


def told(session, minute):
    inputs = session.due(minute)
    session.given(inputs)
    return inputs


def test_a_session_is_told_positions_once_for_each_directive():
    player = directives()
    session = DirectedInputs(player, None, Score("calm", "energy"))
    assert not session.news and told(session, None) == []
    player.take(signed(1, volume_q15=9, sliders=[position("energy", 5), position("gone", 6)]), None)
    assert session.news and told(session, None) == [(INPUT_VOLUME, 9), (INPUT_SLIDER + 1, 5)]
    assert not session.news and told(session, None) == []
    assert player.volume == 0
    after_a_cut = DirectedInputs(player, None, Score("energy"))
    assert told(after_a_cut, None) == [(INPUT_VOLUME, 9), (INPUT_SLIDER, 5)]
    session.remembered()
    assert player.volume == 1
    later = DirectedInputs(player, None, Score("energy"))
    assert told(later, None) == [(INPUT_SLIDER, 5)], "what staff set after it stays"
    player.take(signed(2, volume_q15=9), None)
    assert told(later, None) == [(INPUT_VOLUME, 9)]


def test_hours_pause_at_their_edges_alone():
    player = directives()
    session = DirectedInputs(player, None, Score())
    player.take(signed(1, pause=[hours(120, 360), hours(1380, 30)]), None)
    assert session.watches and told(session, None) == [], "the time is not known yet"
    edges = []
    for minute in (119, 120, 121, 359, 360, 361, 1379, 1380, 1439, 0, 29, 30, 31):
        edges += [(minute, value) for kind, value in told(session, minute) if kind == INPUT_PAUSE]
    assert edges == [(120, 1), (360, 0), (1380, 1), (30, 0)]
    told(session, 200)
    player.take(signed(2), None)
    assert session.watches and told(session, None) == [(INPUT_PAUSE, 0)], "nobody wants silence any more"
    assert not session.watches


def test_hours_of_weekdays_pause_at_their_edges_alone():
    player = directives()
    session = DirectedInputs(player, None, Score())
    sunday = Hours(from_minute=0, until_minute=0, weekdays=1 << 6)
    nights = Hours(from_minute=1320, until_minute=420, weekdays=0b0011111)
    player.take(signed(1, version=2, pause=[sunday, nights]), None)
    edges = []
    for minute in range(60, 10080 + 60):
        edges += [(minute, value) for kind, value in told(session, minute % 10080) if kind == INPUT_PAUSE]
    days = [(day * 1440, value) for day in range(5) for value in (1, 0)]
    nightly = [(day + (1320 if value else 1860), value) for day, value in days]
    assert edges[:-2] == nightly and edges[-2:] == [(6 * 1440, 1), (7 * 1440, 0)]
    assert player.current.version == 2 and directives().serial is None


def test_staff_may_do_what_the_setting_says_and_no_more():
    everybody, nobody, some = Staff("all", 0, 100), Staff("none", 0, 100), Staff("skip,volume", 20, 50)
    for kind, value in ((INPUT_SKIP, 0), (INPUT_LIKE, 1), (INPUT_PAUSE, 1), (INPUT_VOLUME, 1), (INPUT_SLIDER + 3, 1)):
        everybody.check_input(kind, value)
        assert "found " in refused(StaffRefused, nobody.check_input, kind, value)
    everybody.check_tier()
    assert "found tier" in refused(StaffRefused, nobody.check_tier)
    some.check_input(INPUT_SKIP, 0)
    for kind, act in ((INPUT_LIKE, "like"), (INPUT_PAUSE, "pause"), (INPUT_SLIDER, "sliders")):
        assert "expected skip,volume, which the setting staff allows, found " + act in refused(
            StaffRefused, some.check_input, kind, 0
        )
    for value, good in ((6553, False), (6554, True), (16384, True), (16385, False), (32768, False), (0, False)):
        if good:
            some.check_input(INPUT_VOLUME, value)
        else:
            assert "expected a volume of 20 to 50 %" in refused(StaffRefused, some.check_input, INPUT_VOLUME, value)
    for acts in ("all", "none", "skip", ",".join(ACTS)):
        assert acts_fault(acts) is None
    for acts in ("", "skip,", "skip, like", "all,skip", "Skip", "volumes"):
        assert acts_fault(acts).startswith("all, none or some of skip,like,")

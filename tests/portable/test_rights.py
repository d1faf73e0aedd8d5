"""What may sound and what time it is, on every runtime: the tables of RIGHTS.md, and every refusal."""

from amos import crypto
from amos.anchored_clock import AnchoredClock, AnchorRefused
from amos.edges import two_slot_file
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.ledger_keys import LedgerKeys
from amos.player_state import PlayerState
from amos.protocol.anchor import Anchor
from amos.protocol.cose import CoseError
from amos.protocol.delegated import Delegation, DelegationRefused
from amos.protocol.errors import ProtocolError, SignatureError
from amos.protocol.segment import (
    CLOCK_INFORMATIVE,
    CLOCK_RELATIVE,
    CLOCK_SYNCHRONISED,
    CLOCK_UNKNOWN,
    TIER_RENDERER,
)
from amos.protocol.signing import list_delegated, list_opt_outs, sign_delegated, sign_delegation, sign_opt_outs
from amos.rights.delegated_list import open_delegated_list
from amos.rights.lease_clock import LeaseClock, TimeKept
from amos.rights.licence import Licence
from amos.rights.opt_out_list import OptOutList, OptOutsRefused
from amos.rights.rights import Rights
from amos.tier_kept import TierKept
from protocol_examples import Party, a_manifest, id_of

ROUND_TRIP_MS_MAX = 60_000
SYNCHRONISED_MS = 25 * 3_600_000

AWAY_MS_MAX = 86_400_000
BOOT_ADDS_MS = 600_000
PRESUMED_MS = 30 * 86_400_000
SAVE_EVERY_MS = 600_000

DAY_MS = 86400000
NOON_MS = 1800000000000
UNIX_MS_OLD = 1735689600000  # a wall clock that is years behind
DEVICE = bytes(range(16))


def lease_clock(unix_ms=None, wall_ms=None, now_ms=0, before_wall_ms=None):
    """The clock of a boot after one that was saved at `unix_ms`, when the wall clock said `before_wall_ms`."""
    store = TwoSlotMemory()
    if unix_ms is not None:
        before = LeaseClock(store, 0, before_wall_ms)
        before.set(unix_ms)
        before.save()
    return LeaseClock(store, now_ms, wall_ms)


# What a boot adds, for what the wall clock said at the last saving and says then.
BOOTS = (
    (None, None, BOOT_ADDS_MS),
    (None, NOON_MS, BOOT_ADDS_MS),
    (NOON_MS, None, BOOT_ADDS_MS),
    (NOON_MS, NOON_MS, BOOT_ADDS_MS),
    (NOON_MS, NOON_MS + BOOT_ADDS_MS - 1, BOOT_ADDS_MS),
    (NOON_MS, NOON_MS - 50 * DAY_MS, BOOT_ADDS_MS),  # set back
    (NOON_MS, NOON_MS + 8 * 3600000, 8 * 3600000),  # a night
    (NOON_MS, NOON_MS + AWAY_MS_MAX, AWAY_MS_MAX),
    (NOON_MS, NOON_MS + 3 * DAY_MS, AWAY_MS_MAX),
    (NOON_MS, NOON_MS + 40 * 365 * DAY_MS, AWAY_MS_MAX),  # 2067
)


def test_a_boot_counts_and_a_wall_clock_counts_for_a_day_at_most():
    for before, wall, added in BOOTS:
        clock = lease_clock(NOON_MS, wall, before_wall_ms=before)
        assert clock.unix_ms == NOON_MS + added, (before, wall)
        clock.tick(5000, None if wall is None else wall + 5000)
        assert clock.unix_ms == NOON_MS + added + 5000, (before, wall)


def test_a_wall_clock_that_is_set_after_the_boot_tells_of_the_time_before_it_once():
    clock = lease_clock(NOON_MS, NOON_MS, before_wall_ms=NOON_MS)
    clock.tick(60000, NOON_MS + 60000)
    assert clock.unix_ms == NOON_MS + BOOT_ADDS_MS + 60000
    for _again in range(3):
        clock.tick(60000, NOON_MS + 60000 + 3 * 3600000)  # network time came: it had been off for three hours
        assert clock.unix_ms == NOON_MS + 3 * 3600000 + 60000
    clock.tick(60000, NOON_MS - DAY_MS)
    assert clock.unix_ms == NOON_MS + 3 * 3600000 + 60000


def test_the_lease_clock_goes_on_with_the_monotonic_clock_and_never_back():
    clock = lease_clock(NOON_MS, now_ms=7000)
    started = clock.unix_ms
    for now_ms, passed in ((7000, 0), (9000, 2000), (3000, 2000), (8999, 2000), (9500, 2500)):
        clock.tick(now_ms, None)
        assert clock.unix_ms == started + passed
    clock.at_least(started)
    assert clock.unix_ms == started + 2500
    clock.at_least(started + 9000)
    assert clock.unix_ms == started + 9000
    clock.set(started - 5000)
    assert clock.unix_ms == started - 5000, "the ledger's word counts in both directions"


def test_without_any_time_a_lease_has_a_month_left():
    clock = lease_clock()
    assert clock.unix_ms is None
    clock.tick(5000, 0)
    assert clock.unix_ms is None
    clock.presume(NOON_MS)
    clock.presume(NOON_MS + DAY_MS)
    assert clock.unix_ms == NOON_MS - PRESUMED_MS
    early = lease_clock()
    early.presume(5000)
    assert early.unix_ms == 0


def test_no_rhythm_of_restarts_makes_a_lease_longer_than_it_says():
    store = TwoSlotMemory()
    LeaseClock(store, 0, None).presume(0)
    clock = LeaseClock(store, 0, None)
    clock.set(NOON_MS)
    clock.save()
    played = 0
    for played_ms in (1, SAVE_EVERY_MS - 1, SAVE_EVERY_MS, 3 * SAVE_EVERY_MS + 7, 0):
        for _boot in range(4):
            clock = LeaseClock(store, 0, None)
            for now_ms in range(0, played_ms + 1, 100000):
                clock.tick(now_ms, None)
                if clock.due:
                    clock.save()
            clock.tick(played_ms, None)
            played += played_ms  # and the power is cut, nothing saved
    assert LeaseClock(store, 0, None).unix_ms >= NOON_MS + played


def test_what_was_kept_is_counted_before_anything_else_or_the_boot_fails():
    store = TwoSlotMemory()
    clock = LeaseClock(store, 0, NOON_MS)
    clock.set(NOON_MS)
    assert clock.save()
    for boot in range(1, 4):
        LeaseClock(store, 0, None)
        assert LeaseClock(TwoSlotMemory(store.content), 0, None).unix_ms == NOON_MS + (boot + 1) * BOOT_ADDS_MS
    store.fails = True
    try:
        LeaseClock(store, 0, None)
        raise AssertionError("a boot that cannot be counted")
    except OSError:
        pass
    assert clock.save() is False
    for content in (b"", b"\x80", b"\xa1\x01\x02", b"\xa2\x01\x02\x02\x05"):
        assert LeaseClock(TwoSlotMemory(content), 0, None).unix_ms is None


class Ticks:
    """A machine's clock that stands where the test puts it."""

    def __init__(self, wall_ms=None):
        self.ms = 1000
        self.wall_ms = wall_ms

    def now_ms(self):
        return self.ms

    def unix_ms(self):
        return self.wall_ms

    def status(self):
        return CLOCK_UNKNOWN if self.wall_ms is None else CLOCK_INFORMATIVE

    def local(self, unix_s):
        return "2027-01-15", 4, unix_s % 86400


class Nonces:
    """Nonces that are all different."""

    def __init__(self):
        self.count = 0

    def __call__(self, size):
        self.count += 1
        return bytes((self.count,)) * size


def anchored(wall_ms=None):
    ticks = Ticks(wall_ms)
    return ticks, AnchoredClock(ticks, Nonces())


def answer(nonce, unix_ms=NOON_MS, device=DEVICE):
    return Anchor(version=1, device_id=device, nonce=nonce, unix_ms=unix_ms)


def refused(error, act, *arguments):
    """The sentence of a refusal of exactly this class."""
    try:
        act(*arguments)
    except ProtocolError as found:
        assert type(found) is error, found
        return str(found)
    raise AssertionError("expected %s" % error)


# (age of this boot's anchor or None, wall clock, status, Unix time)
STATUSES = (
    (None, None, CLOCK_UNKNOWN, None),
    (None, NOON_MS - 9, CLOCK_INFORMATIVE, NOON_MS - 9),
    (0, None, CLOCK_SYNCHRONISED, NOON_MS),
    (0, NOON_MS + DAY_MS, CLOCK_SYNCHRONISED, NOON_MS),
    (SYNCHRONISED_MS, None, CLOCK_SYNCHRONISED, NOON_MS + SYNCHRONISED_MS),
    (SYNCHRONISED_MS + 1, None, CLOCK_RELATIVE, NOON_MS + SYNCHRONISED_MS + 1),
    (30 * DAY_MS, NOON_MS, CLOCK_RELATIVE, NOON_MS + 30 * DAY_MS),
)


def test_the_status_says_what_the_time_rests_on():
    for age_ms, wall_ms, status, unix_ms in STATUSES:
        ticks, clock = anchored(wall_ms)
        if age_ms is not None:
            clock.take(answer(clock.challenge()), DEVICE)
            ticks.ms += age_ms
        assert (clock.status(), clock.unix_ms()) == (status, unix_ms), (age_ms, wall_ms)
        assert clock.wall_unix_ms() == wall_ms


def test_an_anchor_is_wrong_by_half_of_its_way_at_most():
    for round_trip_ms in (0, 1, 999, ROUND_TRIP_MS_MAX):
        for signed_after_ms in (0, round_trip_ms // 3, round_trip_ms):
            ticks, clock = anchored()
            started = ticks.ms
            nonce = clock.challenge()
            ticks.ms += round_trip_ms
            clock.take(answer(nonce, NOON_MS + signed_after_ms), DEVICE)
            assert 2 * abs(clock.unix_ms() - (NOON_MS + ticks.ms - started)) <= round_trip_ms + 1


# (lost, kept Unix time or None, Unix time after an anchor that says it is from NOON to a week later)
BOUNDED = (
    (False, None, NOON_MS + 7 * DAY_MS),
    (True, NOON_MS + DAY_MS, NOON_MS + 7 * DAY_MS),
    (False, NOON_MS - DAY_MS, NOON_MS),
    (False, NOON_MS + DAY_MS, NOON_MS + DAY_MS),
    (False, NOON_MS + 8 * DAY_MS, NOON_MS + 7 * DAY_MS),
)


def test_an_anchor_that_was_carried_for_a_week_bounds_the_lease_clock():
    for lost, kept_ms, unix_ms in BOUNDED:
        clock = LeaseClock(TwoSlotMemory(), 0, None, DEVICE)
        clock.unix_ms, clock.lost = kept_ms, lost
        clock.bound(NOON_MS, NOON_MS + 7 * DAY_MS)
        assert (clock.unix_ms, clock.lost) == (unix_ms, False), (lost, kept_ms)


def test_an_anchor_answers_one_challenge_of_this_player_in_time():
    ticks, clock = anchored()
    assert "nonce" in refused(AnchorRefused, clock.take, answer(bytes(16)), DEVICE)
    first = clock.challenge()
    assert "device" in refused(AnchorRefused, clock.take, answer(first, device=bytes(16)), DEVICE)
    clock.take(answer(first), DEVICE)
    assert "nonce" in refused(AnchorRefused, clock.take, answer(first, NOON_MS + DAY_MS), DEVICE), "a replay"
    ticks.ms += 1
    second = clock.challenge()
    ticks.ms += 1
    third = clock.challenge()
    assert len({first, second, third}) == 3
    forged = second[:6] + third[6:]
    assert "nonce" in refused(AnchorRefused, clock.take, answer(forged), DEVICE), "a moment with another's hash"
    clock.take(answer(third), DEVICE)
    assert "older" in refused(AnchorRefused, clock.take, answer(second), DEVICE), "a later one was answered"
    ticks.ms += 1
    late = clock.challenge()
    ticks.ms += ROUND_TRIP_MS_MAX + 1
    assert clock.take(answer(late, NOON_MS + DAY_MS), DEVICE) == (NOON_MS + DAY_MS, NOON_MS + DAY_MS + 60_001)
    assert clock.anchor[0] == NOON_MS, "what took so long sets no clock"
    assert "older" in refused(AnchorRefused, clock.take, answer(late), DEVICE), "a replay"
    rebooted = AnchoredClock(ticks, lambda size: b"z" * size)
    assert "boot" in refused(AnchorRefused, rebooted.take, answer(clock.challenge()), DEVICE)


def test_no_peer_takes_the_nonce_of_another_away_however_often_it_asks():
    ticks, clock = anchored()
    nonce = clock.challenge()
    for _asked in range(200):
        ticks.ms += ROUND_TRIP_MS_MAX // 200
        clock.challenge()
    clock.take(answer(nonce), DEVICE)
    assert clock.anchor[0] == NOON_MS


def test_a_tier_told_over_the_link_outlives_the_boot_until_the_setting_changes():
    kept = TwoSlotMemory()
    TierKept(kept, 1).keep(1)
    assert kept.writes == 0, "nothing to keep"
    TierKept(kept, 1).keep(7)
    assert [TierKept(kept, setting).tier for setting in (1, 2)] == [7, 2]
    for content in (b"", b"\xa0", kept.content[:-1], kept.content + b"\x00"):
        assert TierKept(TwoSlotMemory(content), 1).tier == 1, "what is not ours counts as nothing"


def test_a_tier_that_cannot_be_kept_is_refused_and_the_old_one_holds():
    kept = TwoSlotMemory()
    state = PlayerState(bytes(32), TierKept(kept, 1))
    kept.fails = True
    assert "room to keep it" in refused(ProtocolError, state.set_tier, 7)
    assert state.tier == TierKept(kept, 1).tier == 1


def test_no_word_over_the_link_makes_or_unmakes_a_renderer():
    for setting, told in ((1, TIER_RENDERER), (TIER_RENDERER, 1)):
        kept = TwoSlotMemory()
        state = PlayerState(bytes(32), TierKept(kept, setting))
        assert "tier: expected to stay %d" % setting in refused(ProtocolError, state.set_tier, told)
        state.set_tier(setting)
        assert state.tier == setting and kept.writes == 0


PUBLISHER = Party(3)


def signed(serial, *names, issued_unix_s=5, party=PUBLISHER):
    made = list_opt_outs(serial, issued_unix_s, [id_of(name) for name in names])
    return sign_opt_outs(made, party.id, party.sign)


def opt_out_list(store):
    return OptOutList(store, PUBLISHER.public_key, crypto.verify)


LEDGER_KEYS = LedgerKeys(Party(7).public_key)


def delegated(store):
    return open_delegated_list(store, opt_out_list(TwoSlotMemory()), LEDGER_KEYS)


def test_an_opt_out_list_is_verified_kept_and_never_older():
    store = TwoSlotMemory()
    held = opt_out_list(store)
    assert held.current is None and held.note is None
    third = signed(3, "pads", "choir")
    assert held.take(third) is True and store.content == third
    assert held.take(third) is False and store.writes == 1, "the same again is no error"
    assert "3 or more, found 2" in refused(OptOutsRefused, held.take, signed(2, "pads"))
    assert "above 3" in refused(OptOutsRefused, held.take, signed(3, "pads"))
    refused(SignatureError, held.take, signed(9, party=Party(4)))
    changed = bytearray(signed(9))
    changed[-1] ^= 1
    refused(SignatureError, held.take, bytes(changed))
    again = opt_out_list(store)
    assert id_of("pads") in again.current and id_of("beats") not in again.current
    assert held.take(signed(4)) is True and len(held.current) == 0


def test_a_list_that_cannot_be_stored_is_in_force_and_asked_for_again():
    store = TwoSlotMemory()
    held = opt_out_list(store)
    store.fails = True
    assert "in force" in refused(OptOutsRefused, held.take, signed(1, "pads"))
    assert id_of("pads") in held.current
    refused(OptOutsRefused, held.take, signed(1, "pads"))
    store.fails = False
    assert held.take(signed(1, "pads")) is True
    assert held.take(signed(1, "pads")) is False


DESK = Party(5)


def delegation(serial=1, names=("pads", "choir"), key=DESK, party=PUBLISHER, since=10, until=20, ledger=None):
    ids = b"".join(sorted([id_of(name) for name in names])) or None
    keys = {"key": key.public_key, "ledger": ledger or LEDGER_KEYS.pinned}
    made = Delegation(version=1, serial=serial, since_unix_s=since, until_unix_s=until, ids=ids, **keys)
    return sign_delegation(made, party.id, party.sign)


def delegated_opt_outs(serial, *names, by=None, issued_unix_s=15, party=DESK):
    made = list_delegated(serial, issued_unix_s, [id_of(name) for name in names], by or delegation())
    return sign_delegated(made, party.id, party.sign)


def test_a_delegated_key_silences_the_stems_of_its_delegation_and_no_others():
    store = TwoSlotMemory()
    held = delegated(store)
    refused(SignatureError, held.take, delegated_opt_outs(1, "pads", party=Party(4)))
    for name, data in (
        ("by key", delegated_opt_outs(1, "pads", by=delegation(party=DESK))),
        ("expected only stems that it names", delegated_opt_outs(1, "pads", "beats")),
        ("from 10 to 20, found 21", delegated_opt_outs(1, "pads", issued_unix_s=21)),
        ("from 10 to 20, found 9", delegated_opt_outs(1, "pads", issued_unix_s=9)),
        ("typ", delegated_opt_outs(1, "pads", by=signed(1, "pads"))),
        ("only stems that it names", delegated_opt_outs(1, "pads", by=delegation(names=()))),
        ("ledger: expected %s" % LEDGER_KEYS.pinned.hex(), delegated_opt_outs(1, by=delegation(ledger=bytes(32)))),
    ):
        assert name in refused(DelegationRefused, held.take, data)
    assert held.current is None and store.writes == 0
    first = delegated_opt_outs(1, "pads")
    assert held.take(first) is True and store.content == first
    assert held.take(delegated_opt_outs(2)) is True and len(held.current) == 0, "it brings back what it silenced"
    assert "(1, 2) or more, found (1, 1)" in refused(OptOutsRefused, held.take, first)
    assert "above (1, 2)" in refused(OptOutsRefused, held.take, delegated_opt_outs(2, "choir"))
    again = delegated_opt_outs(2, by=delegation(until=21))
    assert held.take(again) is True and delegated(store).current.serial == (1, 2)


def test_a_stolen_delegated_key_is_over_with_the_next_delegation_whatever_serial_it_took():
    held = delegated(TwoSlotMemory())
    assert held.take(delegated_opt_outs((1 << 63) - 1, "pads")) is True
    other = Party(6)
    newer = delegation(serial=2, key=other)
    assert held.take(delegated_opt_outs(1, "choir", by=newer, party=other)) is True
    assert id_of("pads") not in held.current and id_of("choir") in held.current
    for stolen in (delegated_opt_outs(9, "pads"), delegated_opt_outs((1 << 63) - 1)):
        assert "(2, 1) or more" in refused(OptOutsRefused, held.take, stolen)
    refused(SignatureError, held.take, delegated_opt_outs(9, "pads", by=newer))
    ended = delegated_opt_outs(1, by=delegation(serial=3, names=()))
    assert held.take(ended) is True and len(held.current) == 0, "a delegation of no stems ends it"


def test_a_player_takes_the_delegated_list_of_its_own_ledger_alone_by_the_key_in_its_settings_or_the_next():
    keys = LedgerKeys(LEDGER_KEYS.pinned)
    rights = Rights(opt_out_list(TwoSlotMemory()), lease_clock(), None, (TwoSlotMemory(), keys))
    other = delegation(serial=9, ledger=Party(8).public_key)
    assert "delegation.ledger" in refused(DelegationRefused, rights.take_opt_outs, delegated_opt_outs(1, by=other))
    rights.take_opt_outs(delegated_opt_outs(1, "pads"))
    keys.key = Party(8).public_key
    rights.take_opt_outs(delegated_opt_outs(2, "pads"))
    rights.take_opt_outs(delegated_opt_outs(1, "choir", by=other))
    assert id_of("choir") in rights.delegated.current
    assert "kept list refused" in delegated(TwoSlotMemory(delegated_opt_outs(1, "choir", by=other))).note


def test_a_list_that_was_taken_holds_at_the_next_start_though_the_ledger_has_another_key_again():
    keys = LedgerKeys(LEDGER_KEYS.pinned)
    keys.key = Party(8).public_key
    by_second, store = delegation(ledger=keys.key), TwoSlotMemory()
    open_delegated_list(store, opt_out_list(TwoSlotMemory()), keys).take(delegated_opt_outs(1, "pads", by=by_second))
    keys.key = Party(9).public_key
    again = open_delegated_list(store, opt_out_list(TwoSlotMemory()), keys)
    assert again.note is None and id_of("pads") in again.current
    refused(DelegationRefused, again.take, delegated_opt_outs(2, by=by_second))
    assert again.take(delegated_opt_outs(2, by=delegation(serial=2, ledger=keys.key))) is True


def test_what_does_not_say_to_be_a_delegated_list_brings_no_code_for_it():
    rights = Rights(opt_out_list(TwoSlotMemory()), lease_clock(), None, (TwoSlotMemory(), LEDGER_KEYS))
    for data in (b"", b"\x80", bytes(96), signed(1, "pads")[:40], delegation(), b"x" * 97 + delegated_opt_outs(1)):
        try:
            rights.take_opt_outs(data)
            raise AssertionError(data)
        except ProtocolError:
            assert rights.delegated is None and rights.opt_outs.current is None


def test_both_lists_hold_and_neither_brings_back_what_the_other_names():
    manifest = a_manifest()
    clock = lease_clock(manifest.lease_end_unix_s * 1000 - DAY_MS)
    rights = Rights(opt_out_list(TwoSlotMemory()), clock, None, (TwoSlotMemory(), LEDGER_KEYS))
    licence, before_ms = rights.grant(manifest), clock.unix_ms
    assert licence.withdraw() == []
    late = delegation(until=1 << 37)
    rights.take_opt_outs(delegated_opt_outs(1, "pads", by=late, issued_unix_s=1 << 37))
    assert (licence.withdraw(), licence.withdraw(), clock.unix_ms) == ([0], [], before_ms), "no lease ends by it"
    rights.take_opt_outs(signed(1, "pads"))
    rights.take_opt_outs(delegated_opt_outs(2))
    assert rights.grant(manifest).withdraw() == [0]
    rights.take_opt_outs(signed(2))
    assert rights.grant(manifest).withdraw() == [], "back from the next session on"
    assert "opt-outs+cose" in refused(CoseError, rights.take_opt_outs, delegation())
    refused(CoseError, Rights(opt_out_list(TwoSlotMemory()), clock).take_opt_outs, delegated_opt_outs(3))


def test_a_kept_list_of_somebody_else_is_not_believed():
    for content in (b"", b"\x80", signed(9, "pads", party=Party(4)), signed(9, "pads")[:-1]):
        held = opt_out_list(TwoSlotMemory(content))
        assert held.current is None and "refused" in held.note
        assert held.take(signed(1, "pads")) is True


def test_what_is_kept_is_whole_or_nothing():
    whole = b"content".join(two_slot_file.frame(7, b"content"))
    assert two_slot_file.decode(whole) == (7, b"content")
    for length in range(len(whole)):
        assert two_slot_file.decode(whole[:length]) is None
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 4
        assert two_slot_file.decode(bytes(changed)) is None
    assert two_slot_file.decode(whole + b"\x00") is None


# What a boot finds, and what a pack then has left. The lease of 90 days ends at END_MS; ISSUED_MS is 90 days before.
END_MS = 1900000000000
ISSUED_MS = END_MS - 90 * DAY_MS
OTHER = b"another device's"
TRUE_MS = END_MS - 10 * DAY_MS  # the right time, unless the row says that the lease has ended
ENDED_MS = END_MS + 10 * DAY_MS

# files, ran before, wall clock, issued, anchor of this boot -> milliseconds left, None: no lease runs until an anchor
CASES = (
    ("kept", True, None, True, None, 10 * DAY_MS - BOOT_ADDS_MS),
    ("kept", True, TRUE_MS, True, None, 10 * DAY_MS - BOOT_ADDS_MS),
    ("kept", True, TRUE_MS + 5 * DAY_MS, True, None, 9 * DAY_MS),  # right after five days off: a day of them counts
    ("kept", True, UNIX_MS_OLD, True, None, 10 * DAY_MS - BOOT_ADDS_MS),
    ("kept", True, END_MS + 9999 * DAY_MS, True, None, 9 * DAY_MS),
    ("kept", True, None, False, None, 10 * DAY_MS - BOOT_ADDS_MS),
    ("kept", True, None, True, TRUE_MS, 10 * DAY_MS),
    ("kept", True, None, True, ENDED_MS, 0),
    ("kept", True, TRUE_MS, True, ENDED_MS, 0),
    ("version 1", True, None, True, None, 10 * DAY_MS - BOOT_ADDS_MS),
    # The player kept the time before, and it is gone: nobody's guess but the ledger's word.
    ("lost", True, None, True, None, None),
    ("lost", True, None, False, None, None),
    ("lost", True, TRUE_MS, True, None, None),
    ("lost", True, ENDED_MS, True, None, None),
    ("lost", True, UNIX_MS_OLD, True, None, None),
    ("lost", True, UNIX_MS_OLD, False, None, None),
    ("lost", True, END_MS + 9999 * DAY_MS, True, None, None),
    ("lost", True, None, True, TRUE_MS, 10 * DAY_MS),
    ("lost", True, UNIX_MS_OLD, False, TRUE_MS, 10 * DAY_MS),
    ("lost", True, END_MS + 9999 * DAY_MS, True, TRUE_MS, 10 * DAY_MS),
    ("lost", True, None, True, ENDED_MS, 0),
    ("torn", True, TRUE_MS, True, None, None),
    ("torn", True, None, True, TRUE_MS, 10 * DAY_MS),
    ("another's", True, TRUE_MS, True, None, None),
    ("another's", True, None, True, TRUE_MS, 10 * DAY_MS),
    ("known lost", True, TRUE_MS, True, None, None),
    ("known lost", True, None, True, TRUE_MS, 10 * DAY_MS),
    # The first boot of a player.
    ("lost", False, None, True, None, 90 * DAY_MS),
    ("lost", False, None, False, None, PRESUMED_MS),
    ("lost", False, TRUE_MS, True, None, 10 * DAY_MS),
    ("lost", False, TRUE_MS, False, None, 10 * DAY_MS),
    ("lost", False, TRUE_MS - 40 * DAY_MS, False, None, PRESUMED_MS),
    ("lost", False, ENDED_MS, True, None, 0),
    ("lost", False, ENDED_MS, False, None, 0),
    ("lost", False, UNIX_MS_OLD, True, None, 90 * DAY_MS),
    ("lost", False, UNIX_MS_OLD, False, None, PRESUMED_MS),
    ("lost", False, END_MS + 9999 * DAY_MS, True, None, 0),
    ("lost", False, END_MS + 9999 * DAY_MS, True, TRUE_MS, 10 * DAY_MS),
    ("torn", False, None, True, None, 90 * DAY_MS),
    ("another's", False, None, True, None, 90 * DAY_MS),
    ("another's", False, TRUE_MS, True, ENDED_MS, 0),
)


def files(kind):
    """What the boot finds of a player whose time was right when it was saved."""
    if kind in ("kept", "another's"):
        store = TwoSlotMemory()
        LeaseClock(store, 0, None, DEVICE if kind == "kept" else OTHER).set(TRUE_MS)
        before = TimeKept.decode(store.content)
        before.wall_unix_ms = TRUE_MS
        return TwoSlotMemory(before.encode())
    if kind == "version 1":
        return TwoSlotMemory(TimeKept(version=1, unix_ms=TRUE_MS, wall_unix_ms=TRUE_MS).encode())
    if kind == "known lost":
        store = TwoSlotMemory()
        lost = LeaseClock(store, 0, None, DEVICE, True)
        lost.at_least(ISSUED_MS)
        return TwoSlotMemory(store.content)
    return TwoSlotMemory(b"\xa3\x01" if kind == "torn" else None)


def case_manifest(issued):
    manifest = a_manifest()
    manifest.lease_end_unix_s = END_MS // 1000
    manifest.issued_unix_s = ISSUED_MS // 1000 if issued else None
    for stem in manifest.stems:
        stem.lease_end_unix_s = END_MS // 1000
    return manifest


def test_what_is_left_of_a_lease_in_every_case():
    for case in CASES:
        kind, ran_before, wall_ms, issued, anchor_ms, left_ms = case
        clock = LeaseClock(files(kind), 0, wall_ms, DEVICE, ran_before)
        rights = Rights(opt_out_list(TwoSlotMemory()), clock, None, (TwoSlotMemory(), LEDGER_KEYS))
        licence = rights.grant(case_manifest(issued))
        if anchor_ms is not None:
            clock.set(anchor_ms)
            licence = rights.grant(case_manifest(issued))
        licence.withdraw()
        assert rights.lease_seconds_left() == (left_ms or 0) // 1000, case
        assert clock.lost == (left_ms is None), case
        reason = licence.over() or ""
        assert ("found it lost" in reason) == (left_ms is None) and bool(reason) == (not left_ms), case


def test_after_each_case_restarts_never_lengthen_what_is_left():
    for case in CASES:
        kind, ran_before, wall_ms, issued, anchor_ms, left_ms = case
        store = files(kind)
        clock = LeaseClock(store, 0, wall_ms, DEVICE, ran_before)
        rights = Rights(opt_out_list(TwoSlotMemory()), clock, None, (TwoSlotMemory(), LEDGER_KEYS))
        rights.grant(case_manifest(issued))
        if anchor_ms is not None:
            clock.set(anchor_ms)
        for _boot in range(3):
            clock = LeaseClock(store, 0, None, DEVICE, True)
            rights = Rights(opt_out_list(TwoSlotMemory()), clock, None, (TwoSlotMemory(), LEDGER_KEYS))
            rights.grant(case_manifest(issued))
            left = rights.lease_seconds_left()
            assert left <= (left_ms or 0) // 1000 and clock.lost == (left_ms is None), case
            store = TwoSlotMemory(store.content)


def test_a_lease_of_two_hours_ends_under_restarts_each_second():
    for known in ("anchored", "presumed"):
        store = TwoSlotMemory()
        clock = LeaseClock(store, 0, None, DEVICE)
        manifest = case_manifest(True)
        if known == "anchored":
            clock.set(END_MS - 2 * 3600000)
        else:
            manifest.issued_unix_s = END_MS // 1000 - 2 * 3600
        played_s = 0
        while True:
            clock = LeaseClock(store, 0, None, DEVICE, True)
            licence = Licence(manifest, opt_out_list(TwoSlotMemory()), clock)
            if licence.over():
                break
            clock.tick(1000, None)
            played_s += 1
            assert played_s <= 2 * 3600, known
            store = TwoSlotMemory(store.content)  # the power is cut
        assert played_s


def test_what_is_put_is_kept_at_once_and_flash_is_written_seldom():
    store = TwoSlotMemory()
    clock = LeaseClock(store, 0, None, DEVICE)
    for put in (clock.set, clock.at_least, lambda unix_ms: clock.presume(unix_ms + PRESUMED_MS)):
        clock.unix_ms = None
        put(NOON_MS)
        assert TimeKept.decode(store.content).unix_ms == NOON_MS
        clock.unix_ms, clock._saved_ms = None, None
    clock.set(NOON_MS)
    writes = store.writes
    for second in range(60):  # a courier that comes each second
        clock.tick(second * 1000, None)
        clock.set(NOON_MS + second * 1000)
    assert store.writes == writes
    clock.set(NOON_MS - DAY_MS)
    assert store.writes == writes + 1 and TimeKept.decode(store.content).unix_ms == NOON_MS - DAY_MS


def test_a_clock_that_could_not_be_saved_is_saved_within_a_minute():
    store = TwoSlotMemory()
    clock = LeaseClock(store, 0, None, DEVICE)
    store.fails = True
    clock.set(NOON_MS)
    store.fails = False
    assert not clock.due
    clock.tick(60000, None)
    assert clock.due


def test_the_lease_clock_is_never_behind_an_anchor_of_this_boot():
    clock = LeaseClock(TwoSlotMemory(), 0, None, DEVICE)
    ticks, trusted = anchored()
    trusted.take(answer(trusted.challenge()), DEVICE)
    rights = Rights(opt_out_list(TwoSlotMemory()), clock, None, (TwoSlotMemory(), LEDGER_KEYS))
    clock.set(NOON_MS)
    clock.tick(5000000, None)  # time of samples that were rendered faster than they last
    clock.set(NOON_MS)
    for passed_ms in range(0, 3 * 3600000, 600000):
        rights.tick(ticks.ms, trusted)
        assert clock.unix_ms == NOON_MS + passed_ms
        ticks.ms += 600000


def test_a_licence_tells_once_of_each_stem_withdrawn():
    manifest = a_manifest()
    end_ms = manifest.lease_end_unix_s * 1000
    manifest.stems[1].lease_end_unix_s -= 100
    clock = lease_clock(end_ms - 300 * 1000)
    rights = Rights(opt_out_list(TwoSlotMemory()), clock, None, (TwoSlotMemory(), LEDGER_KEYS))
    assert rights.lease_seconds_left() is None
    clock.set(end_ms - 101 * 1000)
    licence = rights.grant(manifest)
    assert (licence.withdraw(), licence.over(), rights.lease_seconds_left()) == ([], None, 101)
    clock.set(end_ms - 100 * 1000)
    assert (licence.withdraw(), licence.withdraw(), licence.over()) == ([1], [], None)
    rights.take_opt_outs(signed(1, "beats", "other"))
    assert licence.withdraw() == [], "it was told"
    rights.take_opt_outs(signed(2, "pads"))
    assert (licence.withdraw(), licence.withdraw()) == ([0], [])
    assert "all opted out" in licence.over()
    assert rights.grant(manifest).withdraw() == [0, 1]
    rights.take_opt_outs(signed(3))
    assert rights.grant(manifest).withdraw() == [1], "back from the next session on"


def test_the_end_of_the_packs_lease_withdraws_all():
    manifest = a_manifest()
    manifest.stems[0].lease_end_unix_s += 1000
    clock = lease_clock(manifest.lease_end_unix_s * 1000 - 1)
    clock.set(manifest.lease_end_unix_s * 1000 - 1)
    licence = Licence(manifest, opt_out_list(TwoSlotMemory()), clock)
    assert (licence.seconds_left(), licence.withdraw(), licence.over()) == (1, [], None)
    clock.tick(1, None)
    assert (licence.seconds_left(), licence.withdraw()) == (0, [0, 1])
    assert "lease" in licence.over()


def test_what_is_signed_is_of_its_time():
    manifest = a_manifest()
    manifest.issued_unix_s = 1790000000
    clock = lease_clock()
    rights = Rights(opt_out_list(TwoSlotMemory()), clock, None, (TwoSlotMemory(), LEDGER_KEYS))
    rights.grant(manifest)
    assert clock.unix_ms == 1790000000000
    rights.take_opt_outs(signed(1, issued_unix_s=1790000005))
    assert clock.unix_ms == 1790000005000
    rights.take_opt_outs(signed(2, issued_unix_s=3))
    assert clock.unix_ms == 1790000005000
    store = TwoSlotMemory(signed(3, issued_unix_s=1790000009))
    rights = Rights(opt_out_list(store), lease_clock())
    assert rights.lease_clock.unix_ms == 1790000009000

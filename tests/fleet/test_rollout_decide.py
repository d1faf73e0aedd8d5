"""Every decision of a roll-out, by table; and what holds whatever is seen, whatever clocks do, and after any crash."""

import json
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollout_examples import BACK, EARLIER, GOES, LIMITS, SERIAL, a_device, a_rollout, before, plays

from amos_tools.fleet.rollout.decide import (
    REASON_LETTERS_MAX,
    STEP_MS_MAX,
    go_on,
    has_enough,
    judge,
    look,
    step,
    stop,
    why_to_stop,
)
from amos_tools.fleet.rollout.seen import Seen
from amos_tools.fleet.rollout.state import Device, Health, Pack, Phase, Rollout, facts_of, rollout_of
from amos_tools.fleet.rollout.words import sentences

PACK = GOES.pack_id
OTHER = "5" * 64


def held(**more: object) -> Seen:
    """A player whose directive at the broker an earlier key of the operator's signed."""
    return replace(before(), wanted_serial=None, wanted_pack=None, by_earlier_key=True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "changed", "health", "reason"),
    [
        (before(), {"pack": None, "serial": 0}, Health.NOT_SENT, None),
        (plays(), {"forgiven": True}, Health.FORGIVEN, None),
        (plays(), {}, Health.PLAYS, None),
        (plays(SERIAL + 5), {}, Health.PLAYS, None),  # the operator said more, with the same pack
        (replace(plays(), wanted_serial=SERIAL + 1, wanted_pack=OTHER), {}, Health.ELSEWHERE, "another pack"),
        (replace(plays(), wanted_serial=SERIAL + 1, wanted_pack=None), {}, Health.ELSEWHERE, "another pack"),
        (replace(plays(), wanted_serial=SERIAL - 1, wanted_pack=OTHER), {}, Health.PLAYS, None),
        (replace(plays(), serial=SERIAL - 1), {}, Health.TAKING, None),  # it says so of before
        (replace(plays(), serial=None), {}, Health.TAKING, None),
        (Seen(), {}, Health.ABSENT, None),
        (Seen(unheard_ms=10**9), {}, Health.ABSENT, None),  # it was never there
        (Seen(unheard_ms=14_999), {"met": True}, Health.AWAY, None),
        (Seen(unheard_ms=15_000), {"met": True}, Health.VANISHED, "nothing heard of it for 15 seconds"),
        (plays(unheard_ms=15_000), {"met": True}, Health.VANISHED, "nothing heard"),  # what is retained plays on
        (plays(unheard_ms=29_999), {}, Health.PLAYS, None),
        (plays(unheard_ms=30_000), {}, Health.ABSENT, None),
        (plays(silent="is fault", silent_ms=4_999), {}, Health.FALTERS, "is fault"),
        (plays(silent="is fault", silent_ms=5_000), {}, Health.SILENT, "is fault for 5 seconds"),
        (before(), {}, Health.TAKING, None),
        (before(), {"waited_ms": 19_999}, Health.TAKING, None),
        (before(), {"waited_ms": 20_000}, Health.REFUSES, "does not follow the directive, and does not play"),
        (before(serial=SERIAL), {"waited_ms": 20_000}, Health.REFUSES, "has the directive, and does not play"),
        (before(refused="signature"), {}, Health.REFUSES, "signature"),
        (before(refused="signature"), {"refusal_before": "signature"}, Health.TAKING, None),
        (before(serial=SERIAL, refused="signature"), {}, Health.TAKING, None),  # it has one that is later
        (before(serial=SERIAL, pack_refused=(PACK, SERIAL, "old")), {}, Health.REFUSES, "old"),
        (before(serial=SERIAL, pack_refused=(PACK, SERIAL - 1, "old")), {}, Health.TAKING, None),
        (before(serial=SERIAL, pack_refused=(OTHER, SERIAL, "old")), {}, Health.TAKING, None),
        (before(pack_refused=(PACK, SERIAL, "old")), {}, Health.TAKING, None),
        (plays(pack_refused=(PACK, SERIAL, "old")), {}, Health.PLAYS, None),
        (held(), {}, Health.REFUSES, "amos fleet direct --take-over"),
        (held(), {"pack": None, "serial": 0}, Health.REFUSES, "amos fleet direct --take-over"),
        (held(refused="signature"), {"refusal_before": "signature"}, Health.REFUSES, "--take-over"),
        (held(connected=False), {}, Health.ABSENT, "--take-over"),
        (held(connected=False), {"met": True}, Health.AWAY, "--take-over"),
        (held(unheard_ms=15_000), {"met": True}, Health.VANISHED, "nothing heard"),
        (held(), {"forgiven": True}, Health.FORGIVEN, None),
        (held(serial=SERIAL, pack=PACK), {}, Health.PLAYS, None),  # it took it before the key changed
    ],
)
def test_how_a_player_bears_the_pack(
    seen: Seen, changed: dict[str, object], health: Health, reason: str | None
) -> None:
    device = replace(a_device(1, sent=True), **changed)  # type: ignore[arg-type]
    found, why = judge(device, seen, PACK, LIMITS)
    assert found is health and (reason in (why or "") if reason else why is None)


@pytest.mark.parametrize(
    ("healths", "stops", "enough"),
    [
        ("PLAYS PLAYS PLAYS", None, True),
        ("PLAYS PLAYS TAKING", None, True),
        ("PLAYS TAKING TAKING", None, False),
        ("PLAYS FALTERS AWAY", None, False),
        ("TAKING TAKING TAKING", None, False),
        ("ABSENT ABSENT ABSENT", None, False),
        ("PLAYS ABSENT ABSENT", None, True),
        ("NOT_SENT NOT_SENT PLAYS", None, True),
        ("FORGIVEN ELSEWHERE", None, True),
        ("FORGIVEN ABSENT", None, False),
        ("FORGIVEN FORGIVEN", None, True),
        ("ELSEWHERE ELSEWHERE", "the operator directed every player of the ring to another pack", False),
        ("ELSEWHERE PLAYS", None, True),
        ("ELSEWHERE ABSENT", None, False),
        ("PLAYS PLAYS REFUSES", None, True),
        ("PLAYS AWAY REFUSES FORGIVEN", None, False),
        ("PLAYS REFUSES", "1 of 2 players that were heard of refuse it, 50 % is too many", False),
        ("REFUSES ABSENT ABSENT ABSENT", "1 of 1 players that were heard of refuse it", False),
        ("PLAYS PLAYS PLAYS PLAYS PLAYS PLAYS PLAYS PLAYS PLAYS SILENT", "1 of 10 .*are silent with it", True),
        ("PLAYS PLAYS PLAYS PLAYS PLAYS PLAYS PLAYS PLAYS PLAYS PLAYS SILENT", None, True),
        ("PLAYS PLAYS VANISHED", "1 of 3 .*have vanished", True),
        ("REFUSES REFUSES REFUSES REFUSES REFUSES", r"cafe/00000000: why; .*; others\)", False),
    ],
)
def test_what_stops_a_ring_and_what_is_enough(healths: str, stops: str | None, enough: bool) -> None:
    ring = a_rollout(len(healths.split())).rings[0]
    for device, name in zip(ring.devices, healths.split(), strict=True):
        device.health, device.reason = Health[name], "why"
    why = why_to_stop(ring)
    if stops is None:
        assert why is None
    else:
        assert why is not None and re.search(stops, why), why
    assert has_enough(ring) is enough


def told(rollout: Rollout, seen: Seen) -> dict[tuple[str, str], Seen]:
    """The same of everybody."""
    return {device.key: seen for ring in rollout.rings for device in ring.devices}


def send(devices: list[Device], pack: Pack = GOES, serial: int = SERIAL) -> None:
    for device in devices:
        if device.pack != pack.pack_id:
            device.pack, device.serial, device.waited_ms = pack.pack_id, max(serial, device.serial + 1), 0


def test_from_ring_to_ring_with_a_soak_in_between() -> None:
    rollout = a_rollout(1, 2)
    first = step(rollout, {}, 0).sends
    assert first == rollout.rings[0].devices
    send(first)
    assert step(rollout, {}, 1000).sends == first, "the broker does not have it yet"
    assert step(rollout, told(rollout, before()), 1000).sends == []
    for _each in range(9):
        assert step(rollout, told(rollout, plays()), 1000).told == []
    # Nobody plays it for a moment: that moment is no soak.
    step(rollout, told(rollout, before(serial=SERIAL)), 10_000)
    assert rollout.rings[0].soaked_ms == 9000
    done = step(rollout, told(rollout, plays()), 1000)
    assert done.told == ["ring r0 is passed", "ring r1 begins: 2 players"]
    assert done.sends == rollout.rings[1].devices
    send(done.sends)
    step(rollout, told(rollout, plays()), 5_000)
    done = step(rollout, told(rollout, plays()), 5_000)
    assert rollout.phase is Phase.DONE and done.told[-1] == "pack 8 is rolled out" and not done.sends
    assert not step(rollout, {}, 10_000).sends


def test_an_earlier_ring_that_falls_silent_stops_it_too_and_the_operator_may_go_on_without() -> None:
    rollout = a_rollout(1, 2)
    send(step(rollout, {}, 0).sends)
    step(rollout, told(rollout, plays()), 10_000)
    send(rollout.rings[1].devices)
    seen = told(rollout, before()) | {
        rollout.rings[0].devices[0].key: plays(silent="is storage full", silent_ms=60_000)
    }
    assert not step(rollout, seen, 1000).sends
    assert rollout.phase is Phase.STOPPED and rollout.why is not None
    assert "ring r0 stopped the roll-out of pack 8: 1 of 1" in rollout.why and "rollout back takes" in rollout.why
    for _each in range(3):
        assert step(rollout, told(rollout, plays()), 10_000).sends == [] and rollout.ring == 1
    go_on(rollout)
    assert [device.health for device in rollout.rings[0].devices] == [Health.FORGIVEN]
    step(rollout, seen, 1000)
    assert rollout.phase is Phase.ROLLING and rollout.why is None


def test_who_waited_too_long_while_it_was_there_refuses_and_absence_is_no_waiting() -> None:
    rollout = a_rollout(1)
    send(step(rollout, {}, 0).sends)
    for _each in range(5):
        step(rollout, {}, 10_000)
    assert rollout.rings[0].devices[0].waited_ms == 0
    step(rollout, told(rollout, before()), 10_000)
    assert rollout.phase is Phase.ROLLING
    step(rollout, told(rollout, before()), 10_000)
    assert rollout.phase is Phase.STOPPED


def test_who_has_a_directive_by_an_earlier_key_counts_as_refusing_and_holds_up_nobody() -> None:
    rollout = a_rollout(4)
    one, *others = rollout.rings[0].devices
    seen = told(rollout, before(wanted_serial=None, wanted_pack=None)) | {one.key: held()}
    done = step(rollout, seen, 1000)
    assert done.sends == others and rollout.phase is Phase.ROLLING, "it is no share of those that were sent it"
    send(done.sends)
    assert step(rollout, told(rollout, plays()) | {one.key: held()}, 1000).sends == [] and one.met
    assert (one.health, one.pack, one.waited_ms) == (Health.REFUSES, None, 0)
    assert len(one.reason or "") < REASON_LETTERS_MAX and str(one.reason).endswith("--take-over`"), one.reason
    assert one.name in sentences(rollout)[-1] and "--take-over" in sentences(rollout)[-1]
    assert step(rollout, told(rollout, plays()) | {one.key: held(connected=False)}, 1000).sends == []
    assert one.health is Health.AWAY and "--take-over" in sentences(rollout)[-1]
    # Three of four are enough, and one of four is too few to stop it.
    step(rollout, told(rollout, plays()) | {one.key: held()}, 10_000)
    assert rollout.phase is Phase.DONE


def test_too_many_with_a_directive_by_an_earlier_key_stop_it_and_once_taken_over_they_get_it() -> None:
    rollout = a_rollout(2)
    one, other = rollout.rings[0].devices
    seen = told(rollout, before()) | {one.key: held()}
    send(step(rollout, seen, 1000).sends)
    step(rollout, seen, 1000)
    assert rollout.phase is Phase.STOPPED and "1 of 2 players" in (rollout.why or "") and other.pack == PACK
    assert one.name in (rollout.why or "") and "--take-over" in (rollout.why or "")
    rollout = a_rollout(4)
    one = rollout.rings[0].devices[0]
    send(step(rollout, told(rollout, before()) | {one.key: held()}, 1000).sends)
    taken_over = before(wanted_serial=SERIAL - 1, wanted_pack=EARLIER.pack_id)
    assert step(rollout, told(rollout, plays()) | {one.key: taken_over}, 1000).sends == [one]
    assert one.health is Health.NOT_SENT and one.reason is None


def test_back_passes_by_who_has_a_directive_by_an_earlier_key_and_says_so() -> None:
    rollout = a_rollout(3)
    send(step(rollout, {}, 0).sends)
    one, *others = rollout.rings[0].devices
    stop(rollout, "enough")
    rollout.back, rollout.phase = BACK, Phase.RETURNING
    done = step(rollout, told(rollout, plays()) | {one.key: held()}, 1000)
    assert done.sends == others
    send(done.sends, BACK)
    are_back = told(rollout, plays(SERIAL + 1, BACK))
    assert not step(rollout, are_back | {one.key: held()}, 1000).sends
    assert rollout.phase is Phase.RETURNING and one.health is Health.REFUSES
    assert [device.health for device in others] == [Health.PLAYS] * 2
    taken_over = plays(SERIAL + 1)
    assert step(rollout, are_back | {one.key: taken_over}, 1000).sends == [one]
    send([one], BACK)
    step(rollout, are_back | {one.key: plays(one.serial, BACK)}, 1000)
    assert rollout.phase is Phase.RETURNED


def test_back_goes_to_all_who_were_sent_it_and_to_nobody_else() -> None:
    rollout = a_rollout(3, 1)
    send(step(rollout, {}, 0).sends)
    stop(rollout, "enough")
    rollout.back, rollout.phase = BACK, Phase.RETURNING
    left = rollout.rings[0].devices[2]
    seen = told(rollout, plays()) | {left.key: replace(plays(), wanted_serial=SERIAL + 9, wanted_pack=OTHER)}
    sends = step(rollout, seen, 1000).sends
    assert sends == rollout.rings[0].devices[:2], "one is directed elsewhere, and the second ring has nothing"
    send(sends, BACK)
    seen |= {device.key: plays(device.serial, BACK) for device in sends[:1]}
    seen[sends[1].key] = replace(before(), wanted_serial=sends[1].serial, wanted_pack=BACK.pack_id)
    assert step(rollout, seen, 1000).sends == [] and rollout.phase is Phase.RETURNING
    seen[sends[1].key] = plays(sends[1].serial, BACK)
    assert "every player that was heard of is back, with pack 9" in step(rollout, seen, 1000).told
    assert rollout.phase is Phase.RETURNED
    stop(rollout, "x")
    go_on(rollout)
    assert rollout.phase is Phase.RETURNING, "what goes on after going back goes on going back"


COUNTS = (1, 2, 2)
TEXTS = st.sampled_from([None, "no", "never"])
SEEN = st.builds(
    Seen,
    wanted_serial=st.none() | st.integers(0, 5000),
    wanted_pack=st.sampled_from([None, PACK, OTHER, EARLIER.pack_id]),
    connected=st.booleans(),
    serial=st.none() | st.integers(0, 5000),
    pack=st.sampled_from([PACK, PACK, EARLIER.pack_id]),
    refused=TEXTS,
    pack_refused=st.none() | st.tuples(st.sampled_from([PACK, OTHER]), st.integers(0, 5000), st.just("no")),
    silent=TEXTS,
    silent_ms=st.integers(0, 10_000),
    unheard_ms=st.integers(0, 20_000),
    by_earlier_key=st.sampled_from([False, False, False, True]),
)
GOOD = st.just(plays(1 << 40))
MOMENTS = st.lists(
    st.tuples(
        st.sampled_from([0, 500, 3000, 10_000, 10**9, -(10**9)]),
        st.lists(GOOD | SEEN, min_size=sum(COUNTS), max_size=sum(COUNTS)) | st.lists(GOOD, min_size=5, max_size=5),
        st.sampled_from(["", "", "", "crash", "stop", "go on"]),
        st.integers(0, 3000),
    ),
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(MOMENTS)
def test_what_holds_whatever_players_say_and_clocks_do(moments: list[tuple[int, list[Seen], str, int]]) -> None:
    rollout = a_rollout(*COUNTS)
    listened_ms, serials = [0] * len(COUNTS), Counter[str]()
    for elapsed_ms, all_seen, event, wall_clock in moments:
        if event == "crash":
            rollout = rollout_of(json.loads(json.dumps(facts_of(rollout))))
        elif event == "stop" and rollout.under_way:
            stop(rollout, "operator")
        elif event == "go on" and rollout.phase is Phase.STOPPED:
            go_on(rollout)
        devices = [device for ring in rollout.rings for device in ring.devices]
        seen = {device.key: each for device, each in zip(devices, all_seen, strict=True)}
        over, ring, was = not rollout.under_way, rollout.ring, facts_of(rollout)
        listened_ms[ring] += min(max(elapsed_ms, 0), STEP_MS_MAX)
        done = step(rollout, seen, elapsed_ms)
        assert not (done.sends and (over or rollout.phase is not Phase.ROLLING)), "a stopped one sends"
        assert not over or facts_of(rollout) == was, "one that is over goes on"
        assert rollout.ring in (ring, ring + 1), "a ring was left out"
        assert all(any(device in each.devices for each in rollout.begun) for device in done.sends)
        assert not any(seen[device.key].by_earlier_key for device in done.sends), "a thief's would be signed again"
        for number in range(rollout.ring):
            soak_ms = rollout.rings[number].limits.soak_s * 1000
            assert soak_ms <= rollout.rings[number].soaked_ms <= listened_ms[number], "passed without its soak"
        send(done.sends, serial=wall_clock)
        for device in done.sends:
            assert device.serial >= serials[device.device_id]
            serials[device.device_id] = device.serial
        sent = [[device.pack is not None for device in each.devices] for each in rollout.rings]
        assert not any(any(ring) for ring in sent[rollout.ring + 1 :]), "a ring was begun before its time"


@settings(max_examples=100, deadline=None)
@given(st.lists(SEEN, min_size=5, max_size=5), SEEN, st.integers(0, 4))
def test_a_liar_counts_as_one_at_most(all_seen: list[Seen], lie: Seen, liar: int) -> None:
    counts = []
    for seen in (all_seen, [lie if number == liar else each for number, each in enumerate(all_seen)]):
        rollout = a_rollout(5)
        send(rollout.rings[0].devices)
        for device, each in zip(rollout.rings[0].devices, seen, strict=True):
            look(device, each, rollout, LIMITS, 1000)
        counts.append(Counter(device.health for device in rollout.rings[0].devices))
    assert (counts[0] - counts[1]).total() <= 1 and (counts[1] - counts[0]).total() <= 1


@given(SEEN, st.booleans())
def test_what_was_said_before_the_directive_counts_for_nothing(seen: Seen, met: bool) -> None:
    earlier = replace(seen, serial=SERIAL - 1, connected=True, by_earlier_key=False)
    device = replace(a_device(1, sent=True), met=met, refusal_before=seen.refused)
    health, _reason = judge(device, earlier, PACK, LIMITS)
    assert health in (Health.TAKING, Health.ABSENT, Health.AWAY, Health.VANISHED, Health.ELSEWHERE)
    assert health is not Health.VANISHED or (met and seen.unheard_ms >= 15_000)

"""A fault is told when it begins, changes, lasts for an hour and is over; never once a second."""

from amos_mqtt.faults import Faults
from amos_mqtt.limits import FAULT_AGAIN_MS, FAULT_FORMS_MAX, RETURN_AGAIN_MS, RETURNS_MAX, STAYS_AWAY_MS
from amos_mqtt.teller import Teller


def test_it_is_told_when_it_begins_changes_and_ends_and_once_an_hour() -> None:
    faults = Faults()
    told = []
    for second in range(3 * 3600 + 60):
        sentence = "disk full" if second < 100 else "disk gone"
        told += [(second, said) for said in faults.begin("spool", sentence, second * 1000)]
        told += [(second, said) for said in faults.look(second * 1000)]
    assert [second for second, _said in told] == [0, 100, 3700, 7300]
    assert told[2][1] == "disk gone (for 1 h)" and told[3][1] == "disk gone (for 2 h)"
    end_ms = 3 * 3600_000 + 60_000
    assert faults.present()[0].since_ms == 0
    assert faults.end("spool", "works again", end_ms) == ["works again"]
    assert faults.end("spool", "works again", end_ms + 1) == [] and faults.present() == []
    assert faults.look(end_ms + FAULT_AGAIN_MS) == []


def test_what_was_never_wrong_is_not_over() -> None:
    assert Faults().end("spool", "works again", 0) == []


def test_what_comes_and_goes_is_one_fault() -> None:
    faults = Faults()
    told = []
    for second in range(3600):
        act = faults.end if second % 2 else faults.begin
        told += [*act("line", "over" if second % 2 else "wrong", second * 1000), *faults.look(second * 1000)]
    assert len(told) == 3, told
    assert "comes and goes" in told[-1]
    assert [fault.subject for fault in faults.present()] == ["line"], "also in a moment in which it works"
    over_ms = 3599_000
    assert faults.look(over_ms + STAYS_AWAY_MS - 1) == []
    assert faults.look(over_ms + STAYS_AWAY_MS) == ["over"] and faults.present() == []


def test_what_is_back_is_told_in_the_same_words_after_a_minute_and_its_end_only_then() -> None:
    faults = Faults()
    assert faults.begin("line", "wrong", 0) == ["wrong"] and faults.end("line", "over", 1000) == ["over"]
    assert faults.begin("line", "wrong", 2000) == [] and faults.end("line", "over", 3000) == []
    assert faults.begin("line", "wrong", 4000) == [] == faults.look(RETURN_AGAIN_MS - 1)
    assert faults.look(RETURN_AGAIN_MS) == ["wrong"] and faults.end("line", "over", RETURN_AGAIN_MS) == ["over"]
    for turn in range(1, RETURNS_MAX):
        assert faults.begin("line", f"wrong{'!' * turn}", 3 * RETURN_AGAIN_MS) == [f"wrong{'!' * turn}"]
        assert faults.end("line", "over", 3 * RETURN_AGAIN_MS) == (["over"] if turn == 0 else [])


def test_numbers_are_no_change_and_garbage_makes_no_flood() -> None:
    faults = Faults()
    told = [said for count in range(600) for said in faults.begin("garbage", f"{count} messages", count * 1000)]
    assert told == ["0 messages"]
    for count in range(600):
        told += faults.begin("garbage", "x" * count, count * 1000)
    assert len(told) <= FAULT_FORMS_MAX


def test_a_broker_that_is_away_for_a_day_is_told_once_an_hour() -> None:
    teller = Teller("b:1883")
    assert teller.up("MQTT 5", 0) == ["broker b:1883 connected, MQTT 5"]
    told = []
    for second in range(1, 24 * 3600):
        told += teller.down("cannot be reached", second * 1000) if second % 60 == 1 else []
        told += teller.look(second * 1000)
    assert 23 <= len(told) <= 24 and all("cannot be reached" in said for said in told), told
    assert teller.up("MQTT 5", 10**9) == []
    assert teller.useful(10**9) == ["broker b:1883 connected, MQTT 5"]


def test_a_denial_is_over_when_it_is_permitted_or_not_repeated() -> None:
    teller = Teller("b:1883")
    refusal = "does not permit publishing x; check its access rules"
    assert teller.denied("publishing x", refusal, 0) == [f"broker b:1883 {refusal}"]
    assert teller.denied("publishing x", refusal, 600_000) == []
    assert [fault.sentence for fault in teller.present()] == [f"broker b:1883 {refusal}"]
    assert teller.permitted("publishing y", 600_000) == []
    assert teller.permitted("publishing x", 700_000) == ["broker b:1883 does not refuse publishing x any more"]
    assert teller.present() == []
    teller.denied("publishing z", refusal, 800_000)
    assert teller.look(800_000 + 1_200_000) == ["broker b:1883 does not refuse publishing z any more"]

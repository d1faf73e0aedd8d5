"""Hours of silence as an operator writes and reads them, and which directives name weekdays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.directive import VERSION, WEEKDAYS_VERSION, Directive, Hours
from amos.protocol.errors import MessageError
from amos_tools.fleet.direct import NO_WEEKDAYS, said
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.members import Member
from amos_tools.fleet.pause_hours import hours_of, text_of
from amos_tools.fleet.wanted import Changes, facts_of, next_directive
from protocol_examples import a_status

DEVICE = bytes(range(16))
NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("text", "first", "until", "weekdays", "said"),
    [
        ("02:00-06:30", 120, 390, None, None),
        ("23:00-00:00", 1380, 0, None, None),
        ("23:00-24:00", 1380, 0, None, "23:00-00:00"),
        ("mon-fri 22:00-07:00", 1320, 420, 0b0011111, None),
        ("sun", 0, 0, 0b1000000, "sun 00:00-24:00"),
        ("Sun 00:00-24:00", 0, 0, 0b1000000, "sun 00:00-24:00"),
        ("sun 00:00-00:00", 0, 0, 0b1000000, "sun 00:00-24:00"),
        ("sun 06:00-06:00", 360, 360, 0b1000000, None),
        ("thu 23:00-24:00", 1380, 0, 0b0001000, "thu 23:00-00:00"),
        ("sat,sun 00:00-10:00", 0, 600, 0b1100000, "sat-sun 00:00-10:00"),
        ("fri-mon 01:00-02:00", 60, 120, 0b1110001, "mon,fri-sun 01:00-02:00"),
        ("mon,wed-thu,sat 01:00-02:00", 60, 120, 0b0101101, None),
        ("mon,mon 01:00-02:00", 60, 120, 0b0000001, "mon 01:00-02:00"),
        ("mon-sun 01:00-02:00", 60, 120, None, "01:00-02:00"),
        ("tue-mon 01:00-02:00", 60, 120, None, "01:00-02:00"),
    ],
)
def test_hours_are_read_as_people_write_them(
    text: str, first: int, until: int, weekdays: int | None, said: str | None
) -> None:
    hours = hours_of(text)
    assert (hours.from_minute, hours.until_minute, hours.weekdays) == (first, until, weekdays)
    assert text_of(hours) == (said or text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "2:00-06:00",
            "02:00",
            "02:00-06:00-07:00",
            "24:00-01:00",
            "02:60-03:00",
            "02:00-02:00",
            "00:00-24:00",
        ),
        *("02:00-24:01", "٠2:00-03:00", "mon-sun", "mon-sun 02:00-02:00", "mon  02:00-03:00", "mon 02:00", "m"),
        *("mon- 02:00-03:00", "mon-fri-sat 02:00-03:00", ",mon 02:00-03:00", "monday 02:00-03:00", "02:00-03:00 mon"),
        *("mon,\n02:00-03:00", "mon-fri02:00-03:00", "mon fri 02:00-03:00", "ſun 02:00-03:00"),
    ],
)
def test_what_are_no_hours_is_refused_by_name(text: str) -> None:
    with pytest.raises(FleetError, match="--pause: expected"):
        hours_of(text)


MINUTES = st.integers(0, 1439)


@given(MINUTES, MINUTES, st.none() | st.integers(1, 126))
def test_what_is_shown_says_the_same_when_it_is_given(first: int, until: int, weekdays: int | None) -> None:
    hours = Hours(from_minute=first, until_minute=until, weekdays=weekdays)
    if hours.fault() is None:
        assert hours_of(text_of(hours)).to_map() == hours.to_map()


def test_a_directive_has_version_2_as_long_as_its_hours_name_weekdays() -> None:
    daily, weekly = hours_of("02:00-06:00"), hours_of("sun")
    first = next_directive(None, DEVICE, Changes({"pause": [daily], "tier": 3}), NOW)
    second = next_directive(first, DEVICE, Changes({"pause": [daily, weekly]}), NOW)
    third = next_directive(second, DEVICE, Changes(restart=True), NOW)
    fourth = next_directive(third, DEVICE, Changes({"pause": [daily]}), NOW)
    fifth = next_directive(third, DEVICE, Changes(forgotten=("pause",)), NOW)
    versions = [each.version for each in (first, second, third, fourth, fifth)]
    assert versions == [VERSION, WEEKDAYS_VERSION, WEEKDAYS_VERSION, VERSION, VERSION]
    assert facts_of(third)["pause"] == ["02:00-06:00", "sun 00:00-24:00"]
    assert Directive.decode(second.encode()).to_map() == second.to_map()


def test_a_player_of_before_takes_what_names_no_weekdays_and_refuses_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    daily = next_directive(None, DEVICE, Changes({"pause": [hours_of("02:00-06:00")]}), NOW).encode()
    weekly = next_directive(None, DEVICE, Changes({"pause": [hours_of("sun")]}), NOW).encode()
    monkeypatch.setattr(Hours, "FIELDS", Hours.FIELDS[:2])
    monkeypatch.setattr(Hours, "weekdays", None, raising=False)
    assert Directive.decode(daily).version == VERSION
    with pytest.raises(MessageError, match=r"hours: expected no further fields, found \[3\]") as refused:
        Directive.decode(weekly)
    monkeypatch.undo()
    status = a_status(DEVICE, bytes(32))
    status.directive_refused = str(refused.value)
    member = Member("bar", DEVICE, Directive.decode(weekly), status)
    assert said(member) == f"refuses: {refused.value}: {NO_WEEKDAYS}"
    member.wanted = Directive.decode(daily)
    assert said(member) == f"refuses: {refused.value}", "which says nothing of hours without weekdays"

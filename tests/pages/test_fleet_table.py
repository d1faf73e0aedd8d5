"""The fleet's table: what each row says, what is asked for, and what a page of ten thousand players weighs."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mosquitto_process import mosquitto_with
from pages_world import BAR, HELD, PagesWorld, looked_again
from patience import wait_until
from visitors import NoScript

from amos.protocol import topics
from amos_ledger.totals import DeviceTotals
from amos_mqtt.broker import broker_at
from amos_sync.courier_status import OFFLINE, ONLINE, CourierStatus, PackRefusal
from amos_tools import toolchain
from amos_tools.fleet.desk import Desk
from amos_tools.fleet.members import Members
from amos_tools.fleet.tags.tags import TAG_LETTERS_MAX, TAGS_EACH_MAX, TAGS_MAX, tags_of
from amos_tools.pages import looking
from amos_tools.pages.fleet_query import ROWS_A_PAGE, SORTS, Query, in_order, query_of, select
from amos_tools.pages.fleet_rows import ALL_STATES, FleetRow, fleet_rows
from amos_tools.pages.looking import Looked, Looking
from amos_web.errors import WebRefusal
from protocol_examples import a_status

DEVICE, PACK = bytes(range(16)), b"p" * 32


def totals(**changes: Any) -> DeviceTotals:
    known: dict[str, Any] = dict.fromkeys(("segments", "frames", "held", "last_sequence", "boots", "sessions"), 0)
    known |= {"device_id": DEVICE.hex(), "name": "bar", "site": "cafe", "renderer": False, "quarantine": None}
    return DeviceTotals(**known | {"sessions_without_play": 0, "flags": {}, "findings": {}} | changes)


def heard(status: bytes = b"", courier: CourierStatus | None = None) -> Members:
    members = Members(bytes(32))
    members.came(topics.device_topic("cafe", DEVICE, topics.STATUS), status)
    if courier is not None:
        members.came(topics.courier_status_topic("cafe"), courier.encode())
    return members


def one(members: Members, **changes: Any) -> FleetRow:
    (row,) = fleet_rows([totals(**changes)], members)
    return row


def test_a_row_is_what_the_player_says_beside_what_the_ledger_says() -> None:
    row = one(heard(a_status(DEVICE, PACK).encode()), last_seen_unix_s=7)
    assert (row.state, row.clock, row.lease_days, row.spare_segments, row.version) == (
        *("playing", "synchronised", 10, 1400, "0.1.0"),
    )
    assert (row.pack_actual, row.pack_wanted, row.heard_unix_s, row.wrong) == (PACK.hex()[:8], None, 7, ())
    silent = one(heard())
    assert (silent.state, silent.clock, silent.underruns, silent.wrong) == ("unknown", None, None, ())


def test_what_is_wrong_is_said_by_whoever_knows() -> None:
    status = a_status(DEVICE, PACK)
    status.text, status.output, status.directive_refused = "its card\x1b is old", 3, "no"
    refusal = PackRefusal(device_id=DEVICE, pack=b"q" * 32, text="too large", directive_serial=4)
    courier = CourierStatus(state=ONLINE, version="1", refusals=[refusal])
    row = one(heard(status.encode(), courier), quarantine="fork", held=2)
    assert row.wrong == (
        *("in quarantine: fork", "segments held: 2", "its card? is old", "refuses its directive: no", "output: lost"),
    )
    assert one(heard(status.encode(), CourierStatus(state=OFFLINE, version="1"))).state == "away"
    assert one(heard(status.encode()), retired_unix_s=1).state == "retired"
    forged = heard()
    forged.came(topics.device_topic("cafe", DEVICE, topics.DIRECTIVE), b"junk")
    assert one(forged).wrong == ("the broker has a directive for it that is not this operator's",)


def a_fleet(count: int) -> list[FleetRow]:
    first = FleetRow("", "", "", 1, None)
    return [
        replace(
            first,
            site=f"site-{number % 40:03}",
            name=f"player-{number}",
            device_id=f"{number:032x}",
            state=ALL_STATES[number % len(ALL_STATES)],
            underruns=None if number % 3 == 0 else number * 7919 % 1000,
            wrong=("held",) if number % 10 == 0 else (),
        )
        for number in range(count)
    ]


FLEET = in_order(a_fleet(250))
TAGS = tags_of(
    {"site-003": ["north"]} | {f"{row.site}/{row.device_id}": ["pilot", "north"] for row in FLEET if row.wrong}
)
QUERIES = st.builds(
    Query,
    text=st.sampled_from(["", "site-00", "PLAYER-1", "000000", "no such"]),
    state=st.sampled_from(["", *ALL_STATES]),
    wrong=st.booleans(),
    sort=st.sampled_from(sorted(SORTS)),
    down=st.booleans(),
    page=st.integers(1, 9),
    tag=st.sampled_from(["", "north", "pilot", "early bird", "süd & co", "nobody's"]),
)


@given(QUERIES)
def test_the_pages_of_a_query_hold_each_selected_row_once_and_in_order(query: Query) -> None:
    pages = select(FLEET, query, TAGS).pages
    parts = [select(FLEET, replace(query, page=page), TAGS) for page in range(1, pages + 1)]
    rows = [row for part in parts for row in part.rows]
    assert len(rows) == len(set(rows)) == parts[0].count
    assert all(len(part.rows) <= ROWS_A_PAGE and part.pages == len(parts) for part in parts)
    left = set(FLEET) - set(rows)
    assert all(not query.state or row.state == query.state for row in rows)
    assert all(not query.wrong or row.wrong for row in rows)
    assert all(not query.tag or query.tag in TAGS.of(row.site, row.device_id) for row in rows)
    if not (query.text or query.state or query.wrong or query.tag):
        assert not left
    values = [getattr(row, SORTS[query.sort]) for row in rows]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=query.down) and values[: len(known)] == known, "what is not known stands last"
    assert len({part.which for part in parts}) == 1 and parts[0].sites == len({row.site for row in rows})
    assert select(FLEET, replace(query, page=99), TAGS).page == len(parts), "beyond the last is the last"


@given(QUERIES)
def test_the_address_of_a_query_leads_to_it_again(query: Query) -> None:
    assert query_of(dict(parse_qsl(query.address().partition("?")[2]))) == query
    assert query_of({"tag": " #Süd "}).tag == "süd"
    assert query_of({}) == Query() and Query().address() == "/fleet"


def test_a_tag_is_asked_for_alone_and_beside_all_else() -> None:
    """A site's tag is that of its players."""
    names = lambda **asked: {row.name for row in select(FLEET, Query(**asked), TAGS).all}  # noqa: E731
    assert names(tag="pilot") == names(wrong=True) and len(names(tag="pilot")) == 25
    assert names(tag="north") == names(wrong=True) | names(text="site-003")
    assert names(tag="pilot", text="site-010") == names(wrong=True, text="site-010") != set()
    state = FLEET[0].state
    assert names(tag="north", state=state) == names(tag="north") & names(state=state) != set()
    assert names(tag="north", wrong=True, text="site-003") == names(tag="lost") == set()
    with pytest.raises(WebRefusal, match="tag: expected no control character"):
        query_of({"tag": "a\x07"})


def test_others_in_their_place_are_not_the_players_that_were_shown() -> None:
    shown = select(FLEET, Query(tag="pilot"), TAGS)
    assert shown.which == select(FLEET, Query(tag="pilot", sort="name", down=True, page=2), TAGS).which
    moved = TAGS.changed([f"{shown.all[0].site}/{shown.all[0].device_id}"], [], ["pilot"])
    other = next(row for row in FLEET if not row.wrong)
    moved = moved.changed([f"{other.site}/{other.device_id}"], ["pilot"], [])
    found = select(FLEET, Query(tag="pilot"), moved)
    assert found.count == shown.count and found.which != shown.which


def test_a_page_of_ten_thousand_players_stays_small(pages: PagesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor, _secret = pages.visitor("player")
    wide = replace(
        FLEET[1], site="s" * 64, name="n" * 64, state="storage full", pack_wanted="1" * 8, pack_actual="2" * 8,
        clock="synchronised", lease_days=999, spare_segments=99_999, underruns=99_999, failed_writes=99_999,
        unsynced_minutes=99_999, version="v" * 32, wrong=("w" * 200, "x"),
    )  # fmt: skip
    rows = tuple(replace(wide, device_id=f"{number:032x}") for number in range(10_000))
    looked = Looked("ledger", 1.0, rows)
    monkeypatch.setattr(Looking, "looked", property(lambda _self: looked, lambda _self, _new: None), raising=False)
    names = [f"{number:02}".ljust(TAG_LETTERS_MAX, "&") for number in range(TAGS_MAX)]
    all_of_them = {f"{row.site}/{row.device_id}": names[:TAGS_EACH_MAX] for row in rows}
    tags = tags_of(all_of_them | {f"site-{number}": names[number : number + 2] for number in range(TAGS_MAX - 1)})
    monkeypatch.setattr(Looking, "tags", (tags, ""))
    code, page = visitor.get("/fleet?page=37")
    assert page.count('<option value="') == 1 + len(ALL_STATES) + 1 + TAGS_MAX
    assert page.count("<td>00&amp;&amp;") == ROWS_A_PAGE
    assert code == 200 and page.count("<tr>") == ROWS_A_PAGE + 1 and "page 37 of 100" in page
    assert len(page.encode()) < 100_000


def test_every_choice_of_a_form_says_what_is_sent() -> None:
    """A browser sends an option without `value` as it shows it, with fewer spaces."""
    templates = (Path(looking.__file__).parent / "templates").glob("*.html")
    options = [each for path in templates for each in re.findall(r"<option\b[^>]*>", path.read_text())]
    assert len(options) > 9 and [each for each in options if not each.startswith('<option value="')] == []


def test_what_the_broker_retains_is_heard_and_its_loss_is_told(
    pages: PagesWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mosquitto = toolchain.mosquitto() or pytest.skip(toolchain.explain("mosquitto"))
    looked_again(monkeypatch)
    monkeypatch.setattr(looking, "LOOK_SHARE", 0)
    monkeypatch.setattr(looking, "BROKER_AGAIN_S", 0.1)
    device = pages.ledger.players[HELD].device
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\n") as port:
        broker = broker_at(f"127.0.0.1:{port}")
        with Desk(broker, bytes(32)) as desk:
            topic = topics.device_topic("cafe", device, topics.STATUS)
            desk._client.publish(topic, a_status(device, PACK).encode(), retain=True)
            wait_until(lambda: desk.turn() or desk.members.by_name, "the broker has it")
        found = Looking(pages.ledger.folder, pages.state, broker, pages.said.append)
        found.start()
        states = lambda: {row.name: row.state for row in found.looked.rows}  # noqa: E731
        wait_until(lambda: states() == {"bar-0": "unknown", "bar-1": "playing"}, lambda: (states(), found.looked))
        wait_until(lambda: found.looked.trouble == (), lambda: found.looked.trouble)
    wait_until(lambda: found.looked.trouble, "the loss of the broker")
    assert found.looked.trouble[0].startswith("the broker is not reached")
    assert states()["bar-1"] == "playing", "what was heard last stays"
    found.end()


def test_a_broker_that_never_answers_is_told(pages: PagesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amos_tools.fleet.desk.HEAR_S", 0.2)
    monkeypatch.setattr(looking, "BROKER_AGAIN_S", 0.1)
    found = Looking(pages.ledger.folder, pages.state, broker_at("127.0.0.1:9"), pages.said.append)
    found.start()
    wait_until(lambda: "127.0.0.1:9" in found._hearing, lambda: found._hearing)
    found.look()
    assert found.looked.trouble[0].startswith("the broker is not reached: ")
    assert NoScript(pages.url).get("/fleet")[0] == 403 and pages.device_id(BAR) != pages.device_id(HELD)
    found.end()

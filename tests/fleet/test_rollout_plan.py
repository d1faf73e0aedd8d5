"""A plan is checked key by key; the same plan and fleet give the same rings; a file that was spoilt is refused."""

import json
import os
import re
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noise_pack import make_pack
from rollout_examples import GOES, a_device, a_rollout

from amos import crypto
from amos.protocol import topics
from amos.protocol.printable_host import printable
from amos.protocol.rotation import OPERATOR as OPERATOR_ROLE
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.members import Members
from amos_tools.fleet.rollout.pack_folder import pack_of
from amos_tools.fleet.rollout.plain import PlainError
from amos_tools.fleet.rollout.plan import Plan, PlanError, plan_of
from amos_tools.fleet.rollout.rings import rings_of
from amos_tools.fleet.rollout.state import Phase, facts_of, rollout_of
from amos_tools.fleet.rollout.store import InUseError, StateError, Store, stopped
from protocol_examples import Party, a_directive, a_status, signed_directive
from rotation_examples import appointed

OPERATOR = Party(2)
GOOD = """
pack = "packs/8"
place = "https://packs.example/8"
soak = "2h"
refuse_percent = 5
[[ring]]
name = "ours"
players = ["office", "cafe/00"]
soak = "15m"
[[ring]]
percent = 50
vanish_after = "1d"
[[ring]]
percent = 100
"""


PAGE = Path(__file__).parents[2] / "host_tools/amos_tools/device/PLAYERS.md"


def a_plan(text: str = GOOD) -> Plan:
    return plan_of(tomllib.loads(text))


def test_a_ring_has_what_the_plan_says_for_all_unless_it_says_other() -> None:
    ours, half, rest = a_plan().rings
    assert (ours.name, ours.players, ours.percent) == ("ours", ("office", "cafe/00"), None)
    assert (half.name, half.players, half.percent) == ("2", (), 50)
    assert [ring.limits.soak_s for ring in (ours, half, rest)] == [900, 7200, 7200]
    assert [ring.limits.vanish_after_s for ring in (ours, half, rest)] == [1800, 86_400, 1800]
    assert {ring.limits.refuse_percent for ring in (ours, half, rest)} == {5}


@pytest.mark.parametrize(
    ("was", "put", "said"),
    [
        ('pack = "packs/8"', "", "plan.pack: expected a text"),
        ('pack = "packs/8"', "pack = 8", "plan.pack: expected a text"),
        ('place = "https://packs.example/8"', 'place = ""', "plan.place: expected a text"),
        ("refuse_percent = 5", "refuse_percent = 0", "plan.refuse_percent: expected a number from 1 to 100"),
        ("refuse_percent = 5", "refuse_percent = true", "plan.refuse_percent: expected a whole number"),
        ("refuse_percent = 5", "refuses_percent = 5", "did you mean refuse_percent"),
        ('soak = "2h"', "soak = 2", 'plan.soak: expected a length of time such as "2h"'),
        ('soak = "2h"', 'soak = "2y"', "plan.soak: expected a number and s, m, h, d or w"),
        ('soak = "2h"', 'soak = "999w"', "plan.soak: expected a number from 1 to"),
        ("percent = 50", "percent = 101", "ring 2.percent: expected a whole number from 1 to 100"),
        ("percent = 50", "percent = 5.5", "ring 2.percent: expected a whole number"),
        ("percent = 50", "", "ring 2: expected players, tags or both of them, or percent"),
        ("percent = 50", 'percent = 50\nplayers = ["x"]', "ring 2: expected players, tags or both of them, or percent"),
        ('players = ["office", "cafe/00"]', "players = []", "ring 1.players: expected a list"),
        ('players = ["office", "cafe/00"]', "players = [1]", "ring 1.players: expected a list"),
        ("percent = 50", 'percent = 50\ntags = ["x"]', "ring 2: expected players, tags or both of them, or percent"),
        ("percent = 50", 'tags = "x"', "ring 2.tags: expected a list of tags"),
        ("percent = 50", 'tags = ["a\\u0007"]', "ring 2.tags: tag: expected no control character, found U+0007"),
        ('name = "ours"', 'name = "3"', "expected a name for each, found one twice"),
        ('name = "ours"', 'name = "a\\u001b"', "ring 1.name: expected a text"),
        ('name = "ours"', "size = 3", "ring 1.size: no setting"),
    ],
)
def test_what_is_wrong_in_a_plan_is_named(was: str, put: str, said: str) -> None:
    with pytest.raises(PlanError) as refused:
        a_plan(GOOD.replace(was, put, 1))
    assert said in str(refused.value) and printable(refused.value, 1000) == str(refused.value)


def test_the_plan_on_the_page_is_one() -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert [ring.percent for ring in a_plan(example).rings] == [None, 10, 100]


@pytest.mark.parametrize("rings", ["", "ring = 3", "ring = []", "ring = [1]"])
def test_a_plan_has_rings(rings: str) -> None:
    with pytest.raises(PlanError, match="ring"):
        a_plan(f'pack = "x"\n{rings}')


def members_of(*names: tuple[str, int]) -> Members:
    members = Members(crypto.public_key(OPERATOR.seed))
    for site, number in names:
        device = bytes.fromhex(f"{number:032x}")
        members.came(topics.device_topic(site, device, topics.STATUS), a_status(device, bytes(32)).encode())
    return members


def test_the_same_fleet_gives_the_same_rings_and_another_pack_others() -> None:
    names = [("cafe", number) for number in range(40)] + [("office", 99)]
    pack = bytes.fromhex(GOES.pack_id)
    rings = rings_of(a_plan(GOOD.replace('"cafe/00"', f'"cafe/{7:032x}"')), pack, members_of(*names))
    again = rings_of(a_plan(GOOD.replace('"cafe/00"', f'"cafe/{7:032x}"')), pack, members_of(*reversed(names)))
    assert rings == again and [len(ring.devices) for ring in rings] == [2, 19, 20]
    assert {device.device_id for ring in rings for device in ring.devices} == {f"{n:032x}" for _s, n in names}
    third = rings_of(a_plan('pack = "x"\n[[ring]]\npercent = 34\n[[ring]]\npercent = 100\n'), pack, members_of(*names))
    other = rings_of(a_plan('pack = "x"\n[[ring]]\npercent = 34\n'), bytes(32), members_of(*names))
    assert [len(ring.devices) for ring in third] == [14, 27] and len(other[0].devices) == 14
    assert {device.key for device in other[0].devices} != {device.key for device in third[0].devices}


def test_a_player_at_two_sites_is_one_where_the_operator_directed_it() -> None:
    members, device = members_of(("a", 1), ("b", 1), ("c", 2)), bytes.fromhex(f"{1:032x}")
    (ring,) = rings_of(a_plan('pack = "x"\n[[ring]]\npercent = 100\n'), bytes(32), members)
    assert sorted(each.site for each in ring.devices) == ["b", "c"]
    members.came(topics.device_topic("a", device, topics.DIRECTIVE), signed_directive(a_directive(device, 9), OPERATOR))
    (ring,) = rings_of(a_plan('pack = "x"\n[[ring]]\npercent = 100\n'), bytes(32), members)
    assert sorted(each.site for each in ring.devices) == ["a", "c"]


def test_who_has_a_directive_by_an_earlier_key_has_a_place_in_a_ring_as_any_other() -> None:
    members, device = members_of(("a", 1), ("b", 1), ("b", 2)), bytes.fromhex(f"{1:032x}")
    before = Party(3)
    directive = signed_directive(a_directive(device, 9), before)
    members.came(topics.device_topic("a", device, topics.DIRECTIVE), directive)
    members.came(topics.operator_rotation_topic(1), appointed(before, OPERATOR, 1, role=OPERATOR_ROLE))
    (ring,) = rings_of(a_plan('pack = "x"\n[[ring]]\npercent = 100\n'), bytes(32), members)
    assert {each.key for each in ring.devices} == {("a", f"{1:032x}"), ("b", f"{2:032x}")}


def test_a_ring_of_names_has_somebody_and_a_share_that_is_used_up_has_no_ring() -> None:
    plan = a_plan('pack = "x"\n[[ring]]\npercent = 1\n[[ring]]\npercent = 30\n[[ring]]\npercent = 100\n')
    assert [ring.name for ring in rings_of(plan, bytes(32), members_of(("a", 1), ("a", 2)))] == ["1", "3"]
    twice = 'pack = "x"\n[[ring]]\nplayers = ["a"]\n[[ring]]\nplayers = ["a"]\n'
    with pytest.raises(FleetError, match="no earlier ring has"):
        rings_of(a_plan(twice), bytes(32), members_of(("a", 1)))
    with pytest.raises(FleetError, match="players that the broker knows, found 0"):
        rings_of(plan, bytes(32), members_of())


def leaves(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Where every value of a JSON document stands."""
    items: list[tuple[object, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [path] + [leaf for name, each in items for leaf in leaves(each, (*path, name))]


FACTS = facts_of(a_rollout(1, 2))
PATHS = leaves(json.loads(json.dumps(FACTS)))[1:]


@given(st.sampled_from(PATHS), st.sampled_from([None, -1, 1 << 64, "x", "\ud800", [], {}, True, 0.5, "gone"]))
def test_a_spoilt_state_is_refused_by_name_or_is_whole(path: tuple[object, ...], put: object) -> None:
    facts = json.loads(json.dumps(FACTS))
    place = facts
    for name in path[:-1]:
        place = place[name]
    if put == "gone":
        del place[path[-1]]
    else:
        place[path[-1]] = put
    try:
        rollout = rollout_of(facts)
    except PlainError:
        return
    assert json.loads(json.dumps(facts_of(rollout))) == facts


def test_the_state_is_as_it_was_and_one_at_a_time_has_it(tmp_path: Path) -> None:
    store, rollout = Store(tmp_path / "state"), a_rollout(1, 2)
    rollout.rings[0].devices[0] = a_device(0, sent=True)
    store.save(rollout)
    assert store.load() == rollout
    with store.held(), pytest.raises(InUseError, match="another process runs"), Store(store.path).held():
        pass
    for spoilt in (b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"version": 2}'):
        store.path.write_bytes(spoilt)
        with pytest.raises(StateError, match="expected the state of a roll-out"):
            store.load()


def test_whoever_stops_it_waits_for_the_one_who_runs_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.save(a_rollout(1))
    with stopped(store) as rollout:
        assert rollout.phase is Phase.STOPPED and not store.is_asked_to_stop
    assert store.load().why is not None and "the operator stopped" in (store.load().why or "")
    held = threading.Event()

    def run() -> None:
        with store.held():
            held.set()
            while not store.is_asked_to_stop:
                threading.Event().wait(0.01)

    thread = threading.Thread(target=run)
    thread.start()
    assert held.wait(60)
    with stopped(Store(store.path)) as rollout:
        assert not store.is_asked_to_stop
    thread.join(60)


@pytest.mark.parametrize("place", ["ftp://x/p", "file:///srv/p", "/srv/p", "https://name:secret@x/p", "https://x y"])
def test_a_place_from_which_no_courier_fetches_is_refused(place: str, tmp_path: Path) -> None:
    pack = make_pack(tmp_path)
    assert pack_of(pack, "https://packs.example/8").place == "https://packs.example/8"
    with pytest.raises(FleetError, match="expected ") as caught:
        pack_of(pack, place)
    assert "secret" not in str(caught.value)


def test_a_state_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state.json")
    with pytest.raises(StateError, match="found no file"):
        Store(tmp_path / "state.json").load()

"""The operator's desk: directives signed there reach players through a real broker, and what players do is seen."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mosquitto_process import mosquitto_with
from sync_journals import OPERATOR_SEED
from test_courier import SEED_A, SEED_B, SITE, Venue, venue  # noqa: F401 (a fixture)
from test_operator_line import rotation
from typer.testing import CliRunner, Result

from amos import crypto
from amos.protocol import topics
from amos.protocol.directive import Directive, Position
from amos_cli.output import Exit
from amos_mqtt.broker import Broker, Login
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.notes import Notes
from amos_tools.cli import app
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.members import Members
from amos_tools.fleet.pause_hours import hours_of
from amos_tools.fleet.show import key_notices, player_facts
from amos_tools.fleet.wanted import Changes, facts_of, next_directive, position_of, volume_of
from protocol_examples import Party, a_directive, a_status, signed_directive

OPERATOR, STRANGER = Party(2), Party(6)
OPERATOR_KEY = crypto.public_key(OPERATOR_SEED)
DEVICE = bytes(range(16))
NOW = 1_800_000_000
ACL = Path(__file__).parents[2] / "boards/mosquitto/amos.acl"


def test_what_is_named_changes_and_all_else_stays() -> None:
    calm = Position(name="calm", position_q15=1)
    first = next_directive(None, DEVICE, Changes({"tier": 2, "volume_q15": 9, "sliders": [calm]}, restart=True), NOW)
    assert (first.serial, first.restart, first.sync, first.issued_unix_s) == (NOW, NOW, None, NOW)
    second = next_directive(first, DEVICE, Changes({"volume_q15": 5}, sync=True), NOW)
    assert (second.serial, second.tier, second.volume_q15, second.sliders) == (NOW + 1, 2, 5, [calm])
    assert (second.restart, second.sync) == (NOW, NOW + 1), "done for that serial, and not again"
    third = next_directive(
        second, DEVICE, Changes({"pack": bytes(32), "pack_place": "https://x"}, ("volume",)), NOW + 60
    )
    assert (third.serial, third.volume_q15, third.pack_place) == (NOW + 60, None, "https://x")
    fourth = next_directive(third, DEVICE, Changes({"pack": bytes(31) + b"1"}), NOW + 61)
    assert fourth.pack_place is None, "another pack is somewhere else"
    last = next_directive(fourth, DEVICE, Changes(forgotten=("pack", "tier", "sliders", "pause")), NOW + 62)
    assert facts_of(last) == {"serial": NOW + 62, "restart": NOW, "sync": NOW + 1}
    assert Directive.decode(last.encode()).to_map() == last.to_map()


@pytest.mark.parametrize("name", ["volumes", "", "serial"])
def test_what_cannot_be_forgotten_is_named(name: str) -> None:
    with pytest.raises(FleetError, match="--forget: expected one of tier, volume"):
        next_directive(None, DEVICE, Changes(forgotten=(name,)), NOW)


def test_sliders_and_volume_are_read_as_people_write_them() -> None:
    assert position_of("a=b=40").to_map() == Position(name="a=b", position_q15=13107).to_map()
    assert [volume_of(percent) for percent in (0, 1, 50, 100)] == [1, 327, 16384, 32768]
    for text in ("", "=4", "calm", "calm=", "calm=101", "calm=-1", "calm=4.5", "x" * 65 + "=1"):
        with pytest.raises(FleetError, match="--slider: expected"):
            position_of(text)


def test_players_are_named_by_site_and_device() -> None:
    members = Members(OPERATOR_KEY)
    other = bytes(15) + b"\x01"
    for device in (DEVICE, other):
        status = a_status(device, bytes(32)).encode()
        members.came(topics.device_topic("bar", device, topics.STATUS), status)
    assert [member.device_id for member in members.named("bar")] == [other, DEVICE]
    assert [member.device_id for member in members.named("bar/0001")] == [DEVICE]
    assert members.named("new/" + "0" * 32)[0].device_id == bytes(16)
    for target in ("", "bar/", "bar/0", "bar/ff", "cafe", "Bar", "a/b/c", "new/" + "0" * 31):
        with pytest.raises(FleetError, match="expected"):
            members.named(target)


def test_nobody_else_tells_the_desk_what_the_operator_wants() -> None:
    members, topic = Members(OPERATOR_KEY), topics.device_topic("bar", DEVICE, topics.DIRECTIVE)
    for data in (
        signed_directive(a_directive(DEVICE, 9), STRANGER),
        signed_directive(a_directive(bytes(16), 9), OPERATOR),
        b"garbage",
    ):
        members.came(topic, data)
        assert members.all()[0].wanted is None and members.all()[0].forged
    members.came(topic, signed_directive(a_directive(DEVICE, 9), OPERATOR))
    assert members.all()[0].wanted is not None and not members.all()[0].forged
    members.came(topics.device_topic("bar", DEVICE, topics.STATUS), a_status(bytes(16), bytes(32)).encode())
    assert members.all()[0].status is None, "the status of another device"
    for stray in ("amos/1/bar/courier/status", "x", topics.device_topic("bar", DEVICE, topics.USAGE)):
        members.came(stray, b"")


def test_what_an_earlier_key_signed_is_told_apart_in_any_order_and_followed_back_alone() -> None:
    first, second, third = OPERATOR_SEED, b"P" * 32, b"Q" * 32
    line = [rotation(first, second, 1), rotation(second, third, 2)]
    forged = rotation(b"T" * 32, b"U" * 32, 3)
    told = [(topics.operator_rotation_topic(number), data) for number, data in enumerate((*line, forged), 1)]
    directive = (
        topics.device_topic("bar", DEVICE, topics.DIRECTIVE),
        signed_directive(a_directive(DEVICE, 9), OPERATOR),
    )
    for arrivals in ([directive, *told], [*told, directive], [*reversed(told), directive]):
        members = Members(crypto.public_key(third))
        for topic, data in arrivals:
            members.came(topic, data)
        (member,) = members.all()
        assert member.wanted is None and not member.forged and member.earlier is not None
        assert member.earlier.serial == 9 and player_facts(member)["earlier"] == {"serial": 9}
        (said,) = key_notices(members)
        assert said.startswith("an earlier key of the operator's signed what is wanted of 1 player (bar/00010203)")
        assert "--take-over" in said
        before = Members(OPERATOR_KEY)
        for topic, data in told:
            before.came(topic, data)
        before.came(directive[0], signed_directive(a_directive(DEVICE, 9), Party(ord("Q"))))
        assert before.all()[0].forged, "whoever has the old key can name a next one"
        (said,) = key_notices(before)
        assert f"key {OPERATOR_KEY.hex()[:16]} gave way to {crypto.public_key(second).hex()[:16]}" in said, said
    assert key_notices(Members(OPERATOR_KEY)) == []


def test_many_players_with_a_directive_by_an_earlier_key_are_one_sentence() -> None:
    members = Members(crypto.public_key(b"P" * 32))
    members.came(topics.operator_rotation_topic(1), rotation(OPERATOR_SEED, b"P" * 32, 1))
    for number in range(9):
        device = bytes((number,)) * 16
        data = signed_directive(a_directive(device, 9), OPERATOR)
        members.came(topics.device_topic("bar", device, topics.DIRECTIVE), data)
    (said,) = key_notices(members)
    assert "of 9 players (bar/00000000, bar/01010101, bar/02020202 and 6 more)" in said


@contextmanager
def running(*settings: Settings) -> Iterator[None]:
    """Couriers that turn beside the test, each in a thread of its own from start to end."""
    ended, connected = threading.Event(), [threading.Event() for _each in settings]

    def turn(number: int) -> None:
        courier = Courier(settings[number], Notes(lambda _line: None))
        while not ended.is_set():
            courier.turn(50)
            if courier.players._published:
                connected[number].set()
        courier.close()

    threads = [threading.Thread(target=turn, args=(number,)) for number in range(len(settings))]
    for thread in threads:
        thread.start()
    try:
        assert all(event.wait(60) for event in connected), "expected the players' statuses"
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)


def amos(*words: str) -> Result:
    return CliRunner().invoke(app, ["fleet", *words])


def test_an_operator_turns_down_one_venue_through_the_broker_and_its_rules(
    tmp_path: Path, mosquitto: list[str]
) -> None:
    key = tmp_path / "operator.key"
    key.write_bytes(OPERATOR_SEED)
    home = Venue(tmp_path, 0)
    one, other = home.player(SEED_A, 1).player, home.player(SEED_B, 1, name="q").player
    (tmp_path / "acl").write_text(ACL.read_text())
    (tmp_path / "acl").chmod(0o600)
    with mosquitto_with(mosquitto, tmp_path, f"allow_anonymous true\nacl_file {tmp_path / 'acl'}\n") as port:
        sites = [
            Settings(site, (line.address,), Broker("127.0.0.1", port, login=Login(site)), tmp_path / site)
            for site, line in (("harbour", home.players[0]), ("station", home.players[1]))
        ]
        desk = ["--broker", f"127.0.0.1:{port}", "--username", "amos.operator", "--operator-key-file", str(key)]
        try:
            with running(*sites):
                words = ["--tier", "7", "--volume", "40", "--pause", "mon-fri 22:00-07:00", "--pause", "sun", "--json"]
                done = amos("direct", f"harbour/{one.device_id.hex()}", *words, *desk)
                assert done.exit_code == 0, done.output
                (row,) = json.loads(done.stdout)["players"]
                assert row["follows"] and row["serial"] == one.directives.serial
                assert (one.tier, other.directives.serial) == (7, None)
                assert one.directives.current is not None and one.directives.current.volume_q15 == 13107
                done = amos("direct", "--all", "--sync", *desk)
                assert done.exit_code == 0 and done.stdout.count(": follows\n") == 2, done.output
                assert other.directives.asks_for_seal and one.tier == 7
                show = ["--broker", f"127.0.0.1:{port}", "--username", "amos.operator"]
                shown = amos("show", *show, "--operator-key", OPERATOR_KEY.hex(), "--json")
                facts = {row["site"]: row for row in json.loads(shown.stdout)["players"]}
                assert facts["harbour"]["wanted"]["volume_percent"] == 40
                assert facts["harbour"]["wanted"]["pause"] == ["mon-fri 22:00-07:00", "sun 00:00-24:00"]
                assert one.directives.current is not None and one.directives.current.version == 2
                assert other.directives.current is not None and other.directives.current.version == 1
                assert facts["harbour"]["actual"]["tier"] == 7 and facts["station"]["wanted"].keys() == {
                    "serial",
                    "sync",
                }
                assert "follows" in amos("show", *show, "--operator-key", OPERATOR_KEY.hex()).stdout
                # Who is let in as a courier of another venue neither hears nor says anything.
                stranger = amos("show", *show[:3], "station", "--operator-key", OPERATOR_KEY.hex(), "--json")
                assert {row["site"] for row in json.loads(stranger.stdout)["players"]} <= {"station"}
        finally:
            for line in home.players:
                line.stop()


def test_a_refusal_of_the_player_and_a_player_that_is_not_there_are_told(
    venue: Venue,  # noqa: F811
    tmp_path: Path,
) -> None:
    key = tmp_path / "operator.key"
    key.write_bytes(STRANGER.seed)
    player = venue.player(SEED_A, 1).player
    ledger = venue.start_ledger()
    desk = ["--broker", f"127.0.0.1:{venue.port}", "--operator-key-file", str(key)]
    place = Settings(SITE, (venue.players[0].address,), Broker("127.0.0.1", venue.port), tmp_path / "spool")
    with running(place):
        done = amos("direct", f"{SITE}/{player.device_id.hex()}", "--volume", "1", "--wait-s", "60", *desk)
        assert done.exit_code == Exit.FINDING and "refuses: signature" in done.stdout, done.output
        absent = amos("direct", f"{SITE}/{'0' * 32}", "--volume", "1", *desk)
        assert absent.exit_code == 0 and "is not connected; the directive waits" in absent.stdout
    for device in (player.device_id, bytes(16)):
        ledger.publish(topics.device_topic(SITE, device, topics.DIRECTIVE), b"", retain=True)


def test_what_an_earlier_key_signed_is_signed_again_when_that_is_asked_for(
    venue: Venue,  # noqa: F811
    tmp_path: Path,
) -> None:
    player = venue.player(SEED_A, 1).player
    ledger, key = venue.start_ledger(), tmp_path / "next.key"
    key.write_bytes(b"P" * 32)
    topic, told = topics.device_topic(SITE, player.device_id, topics.DIRECTIVE), topics.operator_rotation_topic(1)
    desk = ["--broker", f"127.0.0.1:{venue.port}", "--operator-key-file", str(key), "--wait-s", "60"]
    place = Settings(SITE, (venue.players[0].address,), Broker("127.0.0.1", venue.port), tmp_path / "spool")
    wanted = a_directive(player.device_id, 4, tier=3, volume_q15=8192, pause=[hours_of("02:00-06:00")])
    ledger.publish(topic, signed_directive(wanted, OPERATOR), retain=True)
    ledger.publish(told, rotation(OPERATOR_SEED, b"P" * 32, 1), retain=True)
    try:
        with running(place):
            done = amos("direct", f"{SITE}/{player.device_id.hex()}", "--volume", "50", *desk)
            assert done.exit_code == Exit.FINDING and "by an earlier key of the operator's" in done.output
            for command in ("show", "packs"):
                look = [command, "--broker", f"127.0.0.1:{venue.port}", "--operator-key"]
                said = amos(*look, crypto.public_key(b"P" * 32).hex()).stdout.splitlines()[-1]
                # The broker is shared, and keeps what other tests directed.
                assert re.match(r"an earlier key of the operator's signed what is wanted of [1-9]\d* player", said), (
                    said
                )
                facts = json.loads(amos(*look, OPERATOR_KEY.hex(), "--json").stdout)
                assert "gave way to" in facts["notices"][0], facts
            done = amos("direct", f"{SITE}/{player.device_id.hex()}", "--volume", "50", "--take-over", *desk)
            assert done.exit_code == 0 and done.stdout.endswith(": follows\n"), done.output
            current = player.directives.current
            assert current is not None and current.serial > 4 and (player.tier, current.volume_q15) == (3, 16384)
            assert current.pause is not None and player.directives.operator.key == crypto.public_key(b"P" * 32)
            done = amos("direct", f"{SITE}/{player.device_id.hex()}", "--take-over", *desk)
            assert done.exit_code == 0 and player.directives.current is current, "there is nothing left to take over"
    finally:
        for name in (topic, told):
            ledger.publish(name, b"", retain=True)  # the broker is shared


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["bar"], Exit.USAGE, "something that is wanted"),
        (["--restart"], Exit.USAGE, "expected players, --tag or --all"),
        (["bar", "--tag", "x", "--restart"], Exit.USAGE, "expected players, --tag or --all"),
        (["--tag", "x", "--restart"], Exit.USAGE, "--tag: expected with --desk"),
        (["bar", "--all", "--restart"], Exit.USAGE, "expected players, --tag or --all"),
        (["bar", "--pause", "2-3"], Exit.FINDING, "--pause: expected two different times of a day, as in"),
        (["bar", "--pause", "sonntag"], Exit.FINDING, "--pause: expected weekdays as in mon-fri"),
        (["bar", "--pack", "zz"], Exit.FINDING, "--pack: expected a pack's folder"),
        (["bar", "--pack-place", "https://x"], Exit.FINDING, "--pack: expected it"),
        (["bar", "--pack", "00" * 32, "--pack-from", "soon"], Exit.USAGE, "pack-from: expected a time"),
        *[
            (["bar", "--pack", "00" * 32, "--pack-place", place], Exit.FINDING, "expected ")
            for place in (
                "ftp://x/p",
                "file:///etc/passwd",
                "/srv/p",
                "https://x y",
                "https://u:secret@x/p",
                "",
                "https://",
            )
        ],
        (["bar", "--restart"], Exit.UNREACHABLE, "broker 127.0.0.1:1 "),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(
    words: list[str], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amos_tools.fleet.desk.HEAR_S", 0.5)
    (tmp_path / "key").write_bytes(OPERATOR_SEED)
    done = amos("direct", *words, "--broker", "127.0.0.1:1", "--operator-key-file", str(tmp_path / "key"))
    assert done.exit_code == code and said in done.stderr, done.output

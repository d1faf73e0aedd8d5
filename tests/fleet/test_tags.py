"""Tags: what is one, whose they are, how the desk keeps them, and whom they name for orders and rings."""

import errno
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mosquitto_process import mosquitto_with
from patience import wait_until
from players_on_air import OnAir, PlayersOnAir
from typer.testing import CliRunner, Result

from amos import crypto
from amos.edges import durable_host
from amos_cli.output import Exit
from amos_mqtt.broker import broker_at
from amos_tools.cli import app
from amos_tools.fleet.desk import Desk
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import Order, OrderError, bulk_order, order_of, plan_tables, tag_order
from amos_tools.fleet.orders.work import Packs, Worker
from amos_tools.fleet.rollout.plan import plan_of
from amos_tools.fleet.tags import kept, tags
from amos_tools.fleet.tags.kept import TagsFileError, TagsSeen, read_tags, write_tags
from amos_tools.fleet.tags.tags import TAG_LETTERS_MAX, TAGS_EACH_MAX, TagError, Tags, tag_of, tags_of, told
from pack_examples import Pack as Made

OPERATOR = b"o" * 32
BAR, LOBBY, SHOP = (bytes([number]) * 16 for number in (1, 2, 3))
AT_BAR, AT_LOBBY, AT_SHOP = f"cafe/{BAR.hex()}", f"inn/{LOBBY.hex()}", f"inn/{SHOP.hex()}"
GIVEN = Tags({"inn": ("hotel",), AT_BAR: ("north", "pilot"), AT_SHOP: ("pilot",)})


@pytest.fixture
def desk(tmp_path: Path) -> DeskFolder:
    made = DeskFolder(tmp_path / "desk")
    made.make()
    return made


def test_a_tag_is_kept_in_small_letters_composed_and_without_its_sign() -> None:
    assert [tag_of(text) for text in (" Hotel ", "#north", "Su\u0308d", "early bird", "Straße")] == [
        *("hotel", "north", "s\u00fcd", "early bird", "straße"),
    ]


def test_a_tag_as_it_is_kept_stays_so() -> None:
    letters = (chr(number) for number in range(0x3000) if chr(number).isprintable() and chr(number).strip(" ,#%"))
    texts = [f"a{letter}" for letter in letters if letter not in tags._UNSEEN]
    assert len(texts) > 9000 and [text for text in texts if tag_of(tag_of(text)) != tag_of(text)] == []


def test_spaces_between_words_are_one_as_a_browser_shows_them() -> None:
    assert tag_of("early   bird") == tag_of(" # early bird ") == "early bird"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "tag: expected 1 to 32 letters, found 0"),
        (" # ", "tag: expected 1 to 32 letters, found 0"),
        ("x" * (TAG_LETTERS_MAX + 1), "tag: expected 1 to 32 letters, found 33"),
        ("a\x1b[2J", "tag: expected no control character, found U+001B"),
        ("a\nb", "tag: expected no control character, found U+000A"),
        ("a\u202eb", "tag: expected no control character, found U+202E"),
        ("a\ud800", "tag: expected no control character, found U+D800"),
        ("a, b", "tag: expected no , in it, found 'a, b'"),
        ("a#b", "tag: expected no # in it, found 'a#b'"),
        ("50 %", "tag: expected no % in it, found '50 %'"),
        ("\u3164", "tag: expected letters that people see, found U+3164"),
        ("a\u2800", "tag: expected letters that people see, found U+2800"),
        ("\u0300\ufe0f", "tag: expected a letter that people see, found marks alone, U+0300"),
    ],
)
def test_what_is_no_tag_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(TagError) as refused:
        tag_of(text)
    assert str(refused.value) == said


def test_players_have_their_own_tags_and_those_of_their_site() -> None:
    assert GIVEN.names == ("hotel", "north", "pilot")
    assert GIVEN.of("inn", SHOP.hex()) == ("hotel", "pilot") and GIVEN.of("inn", "f" * 32) == ("hotel",)
    assert GIVEN.of("cafe", "f" * 32) == () and not GIVEN.has("hotel", "cafe", BAR.hex())
    assert GIVEN.has("hotel", "inn", "f" * 32) and GIVEN.has("pilot", "cafe", BAR.hex())
    assert GIVEN.known("#Pilot") == "pilot"
    with pytest.raises(TagError, match="tag: expected one of hotel, north, pilot, found 'south'"):
        GIVEN.known("south")


def test_a_change_gives_and_takes_away_and_says_how_many() -> None:
    after = GIVEN.changed([AT_BAR, AT_LOBBY], ["Hotel"], ["pilot"])
    assert after.by_target == {"inn": ("hotel",), AT_BAR: ("hotel", "north"), AT_LOBBY: ("hotel",), AT_SHOP: ("pilot",)}
    assert told(GIVEN, after, [AT_BAR, AT_LOBBY], ["pilot"]) == "2 of 2 changed"
    assert after.changed([AT_BAR, AT_LOBBY], ["hotel"], ["pilot"]) == after
    gone = GIVEN.changed([AT_SHOP, AT_SHOP, "away"], [], ["pilot", "hotel"])
    assert AT_SHOP not in gone.by_target, "who has none is not kept"
    assert told(GIVEN, gone, [AT_SHOP, AT_SHOP, "away"], ["hotel"]) == "1 of 2 changed; 1 keep it by their site's tags"


@pytest.mark.parametrize(
    ("targets", "add", "remove", "said"),
    [
        (["inn"], [], [], "expected some to give or to take away"),
        (["inn"], ["a"], ["A"], "none of them in both"),
        (["inn/00"], ["a"], [], "expected SITE, or SITE/DEVICE with its 32 digits, found 'inn/00'"),
        (["../inn"], ["a"], [], "expected SITE, or SITE/DEVICE"),
        (["inn", "inn/00"], [], ["a"], "expected SITE, or SITE/DEVICE with its 32 digits, found 'inn/00'"),
        ([AT_BAR], [f"t{number}" for number in range(TAGS_EACH_MAX - 1)], [], "expected at most 16 tags, found 17"),
        (["a", "b"], ["x"], [], "expected at most 4 players and sites that have some, found 5"),
        (["a"], ["x", "y"], [], "expected at most 4 different ones, found 5"),
    ],
)
def test_what_is_more_than_there_may_be_is_refused(
    targets: list[str], add: list[str], remove: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tags, "TAGGED_MAX", 4)
    monkeypatch.setattr(tags, "TAGS_MAX", 4 if len(add) < 9 else 64)
    with pytest.raises(TagError, match=said):
        GIVEN.changed(targets, add, remove)


def test_the_file_is_as_it_was_and_one_that_is_spoilt_is_refused(tmp_path: Path) -> None:
    assert read_tags(tmp_path) == Tags()
    write_tags(tmp_path, GIVEN)
    assert read_tags(tmp_path) == GIVEN and (tmp_path / kept.NAME).stat().st_mode & 0o777 == 0o640
    for spoilt in (
        *(b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"version": 2, "tags": {}}', b'{"version": 1, "tags": []}'),
        *(b'{"version": 1, "tags": {"inn": "ab"}}', b'{"version": 1, "tags": {"inn": [1]}}'),
        *(b'{"version": 1, "tags": {"inn": ["a\\u0007"]}}', b'{"version": 1, "tags": {"../x": ["a"]}}'),
    ):
        (tmp_path / kept.NAME).write_bytes(spoilt)
        with pytest.raises(TagsFileError, match="expected what amos fleet serve writes there"):
            read_tags(tmp_path)


def test_a_file_that_is_too_long_is_neither_read_nor_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tags(tmp_path, GIVEN)
    monkeypatch.setattr(kept, "TAGS_BYTES_MAX", (tmp_path / kept.NAME).stat().st_size - 1)
    with pytest.raises(TagsFileError):
        read_tags(tmp_path)
    with pytest.raises(TagError, match="tags: expected at most"):
        write_tags(tmp_path, GIVEN)


def test_the_file_is_whole_or_as_before_when_power_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tags(tmp_path, GIVEN)

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(durable_host.os, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        write_tags(tmp_path, Tags())
    assert read_tags(tmp_path) == GIVEN


def test_what_stands_there_and_is_no_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / kept.NAME)
    with pytest.raises(TagsFileError, match=r"tags\.json: expected a file, found something else"):
        read_tags(tmp_path)


def test_who_asks_often_sees_each_change_and_reads_no_more_than_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = TagsSeen(tmp_path)
    assert seen.seen == seen.look() == (Tags(), "")
    write_tags(tmp_path, GIVEN)
    assert seen.seen == (Tags(), ""), "what was found last is there without a look"
    assert seen.look() == seen.seen == (GIVEN, "")
    with monkeypatch.context() as patch:
        patch.setattr(kept, "read_tags", lambda _folder: pytest.fail("nothing has changed"))
        assert seen.look() == (GIVEN, "")
    (tmp_path / kept.NAME).write_bytes(b"{")
    spoilt = seen.look()
    assert spoilt[0] == Tags() and "put a copy back" in spoilt[1]
    with monkeypatch.context() as patch:
        patch.setattr(kept, "read_tags", lambda _folder: pytest.fail("it is as spoilt as before"))
        assert seen.look() == spoilt
    write_tags(tmp_path, Tags())
    assert seen.look() == (Tags(), "")
    (tmp_path / kept.NAME).unlink()
    assert seen.look() == (Tags(), "")


def a_worker(desk: DeskFolder) -> Worker:
    return Worker(desk, Packs(desk.path, None), broker_at("127.0.0.1:9"), OPERATOR, lambda _line: None)


def seen_to(desk: DeskFolder) -> list[dict[str, Any]]:
    """The trail's lines of people, once nothing waits."""
    worker = a_worker(desk)
    wait_until(lambda: worker.turn() or not desk.waiting(), desk.waiting)
    worker.end()
    return [line for line in reversed(desk.trail(9)) if line["who"]]


def test_what_several_people_order_at_once_is_all_done_and_told(desk: DeskFolder) -> None:
    desk.put(tag_order("Flo", ["inn", AT_BAR], ["Hotel", "hotel"], []))
    desk.put(tag_order("root", ["inn"], ["north"], []))
    desk.put(tag_order("Kim", [AT_BAR, AT_LOBBY], ["pilot"], ["hotel"]))
    lines = seen_to(desk)
    assert read_tags(desk.path).by_target == {"inn": ("hotel", "north"), AT_BAR: ("pilot",), AT_LOBBY: ("pilot",)}
    assert [(line["who"], line["what"], line["outcome"], line["sentence"]) for line in lines] == [
        ("Flo", f"tag hotel for inn, {AT_BAR}", "done", "2 of 2 changed"),
        ("root", "tag north for inn", "done", "1 of 1 changed"),
        ("Kim", f"tag pilot; untag hotel for {AT_BAR}, {AT_LOBBY}", "done", lines[2]["sentence"]),
    ]
    assert lines[2]["sentence"] == "2 of 2 changed; 1 keep it by their site's tags"


def test_a_spoilt_file_is_not_written_over(desk: DeskFolder) -> None:
    (desk.path / kept.NAME).write_bytes(b"{")
    desk.put(tag_order("Flo", ["inn"], ["hotel"], []))
    (line,) = seen_to(desk)
    assert line["outcome"] == "refused" and "put a copy back, or move it away" in line["sentence"]
    assert (desk.path / kept.NAME).read_bytes() == b"{"


@pytest.mark.parametrize(
    "given",
    [
        {"targets": [], "add": ["a"], "remove": []},
        {"targets": ["inn"], "add": [], "remove": []},
        {"targets": ["inn"], "add": ["a"]},
        {"targets": ["inn"], "add": [1], "remove": []},
        {"targets": [1], "add": ["a"], "remove": []},
        {"targets": ["inn/0"], "add": ["a"], "remove": []},
        {"targets": ["inn"], "add": ["a\n"], "remove": ["b\x07"]},
        {"targets": ["inn"], "add": [f"t{number}" for number in range(17)], "remove": []},
    ],
)
def test_an_order_for_tags_without_meaning_is_none(given: dict[str, Any]) -> None:
    with pytest.raises(FleetError):
        order_of({"version": 1, "kind": "tag", "who": "Flo", "given": given})


def test_what_a_form_wants_of_players_or_of_their_sites_is_one_order() -> None:
    players = [AT_BAR, AT_LOBBY, AT_SHOP]
    assert bulk_order("Flo", players, "volume", "40") == Order(
        "direct", "Flo", {"targets": players, "act": "volume", "value": "40"}
    )
    assert bulk_order("Flo", players, "tag", "Hotel, #north,") == tag_order("Flo", players, ["hotel", "north"], [])
    assert bulk_order("Flo", players, "untag", "hotel") == tag_order("Flo", players, [], ["hotel"])
    assert bulk_order("Flo", players, "tag-sites", "x") == tag_order("Flo", ["cafe", "inn"], ["x"], [])
    assert bulk_order("Flo", players, "untag-sites", "x") == tag_order("Flo", ["cafe", "inn"], [], ["x"])
    with pytest.raises(FleetError, match="expected some to give"):
        bulk_order("Flo", players, "tag", " , ")
    with pytest.raises(OrderError, match="expected one of volume"):
        bulk_order("Flo", players, "tags", "x")


def amos(*words: object) -> Result:
    return CliRunner().invoke(app, ["fleet", *map(str, words)])


@contextmanager
def working(desk: DeskFolder) -> Iterator[None]:
    """A desk that sees to what comes, on a thread."""
    worker, over = a_worker(desk), threading.Event()

    def work() -> None:
        while not over.is_set():
            worker.turn()
        worker.end()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)


def test_the_command_gives_takes_away_and_shows(desk: DeskFolder) -> None:
    with working(desk):
        done = amos("tag", desk.path, "inn", AT_BAR, "--add", "Hotel", "--add", "north")
        assert (done.exit_code, done.stdout) == (0, "2 of 2 changed\n"), done.output
        done = amos("tag", desk.path, "--tag", "north", "--remove", "hotel", "--add", "pilot", "--json")
        assert json.loads(done.stdout) == {
            "targets": [{"target": AT_BAR, "tags": ["north", "pilot"]}, {"target": "inn", "tags": ["north", "pilot"]}],
            "told": "2 of 2 changed",
        }
        done = amos("tag", desk.path, "inn/00", "--add", "x")
        assert done.exit_code == Exit.FINDING and "expected SITE, or SITE/DEVICE with its 32 digits" in done.stderr
        many = [word for number in range(TAGS_EACH_MAX - 1) for word in ("--add", f"t{number}")]
        done = amos("tag", desk.path, "inn", *many)
        assert done.exit_code == Exit.FINDING and done.stderr == "TagError: inn: expected at most 16 tags, found 17\n"
    done = amos("tag", desk.path, AT_BAR)
    assert done.exit_code == 0 and "north, pilot" in done.stdout and "inn" not in done.stdout
    assert json.loads(amos("tag", desk.path, "--tag", "pilot", "--json").stdout)["told"] is None
    who = {line["who"] for line in desk.trail(9)}
    assert len(who) == 1 and "" not in who


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--add", "x"], Exit.USAGE, "expected SITE, SITE/DEVICE or --tag"),
        (["inn", "--tag", "x"], Exit.USAGE, "expected either SITE and SITE/DEVICE, or --tag"),
        (["--tag", "x"], Exit.FINDING, "tag: expected one that amos fleet tag gave somebody, found 'x'"),
        (["inn/00"], Exit.FINDING, "expected SITE, or SITE/DEVICE with its 32 digits"),
        (["inn", "--add", "a\x07"], Exit.FINDING, "tag: expected no control character, found U+0007"),
        (["inn", "--add", "x", "--wait-s", "0"], Exit.UNREACHABLE, "no desk saw to it, and none will"),
    ],
)
def test_what_the_command_does_not_do_it_says(desk: DeskFolder, words: list[str], code: int, said: str) -> None:
    done = amos("tag", desk.path, *words)
    assert done.exit_code == code and said in done.stderr, done.output
    assert desk.waiting() == []


@pytest.mark.parametrize(
    "words",
    [
        ["tag", "DESK", "inn", "--add", "x"],
        ["tag", "DESK"],
        ["show", "--desk", "DESK", "--broker", "127.0.0.1:9", "--operator-key", "00" * 32],
    ],
)
def test_a_folder_that_is_none_of_a_desk_is_refused(tmp_path: Path, words: list[str]) -> None:
    done = amos(*(tmp_path if word == "DESK" else word for word in words))
    assert done.exit_code == Exit.FINDING
    assert f"DeskFolderError: {tmp_path}: expected the folder of amos fleet serve" in done.stderr


def test_a_full_disk_is_told_with_the_name_of_the_file(desk: DeskFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable_host.os, "write", full)
    done = amos("tag", desk.path, "inn", "--add", "x")
    assert done.exit_code == Exit.FINDING and "No space left on device" in done.stderr
    assert str(desk.path / "orders") in done.stderr and list(desk.path.glob("orders/.*")) == []


def test_a_ring_in_a_form_has_tags_beside_sites_and_players() -> None:
    tables = plan_tables("cafe-8", "first: office, #Pilot, #early bird\nall: 100 %", {})
    assert tables["ring"] == [
        {"name": "first", "players": ["office"], "tags": ["#Pilot", "#early bird"]},
        {"name": "all", "percent": 100},
    ]
    first, rest = plan_of(tables).rings
    assert (first.players, first.tags, rest.tags) == (("office",), ("pilot", "early bird"), ())
    (ring,) = plan_of(plan_tables("cafe-8", "first: #2026,#10", {})).rings
    assert (ring.players, ring.tags) == ((), ("2026", "10"))
    with pytest.raises(FleetError, match="tags: tag: expected 1 to 32 letters"):
        plan_tables("cafe-8", "first: #", {})


def test_tags_name_players_for_orders_tables_and_rings(tmp_path: Path, mosquitto: list[str]) -> None:
    bar, lobby, shop = OnAir("cafe", BAR), OnAir("inn", LOBBY), OnAir("inn", SHOP)
    write_tags(tmp_path, tags_of({**GIVEN.by_target, "away": ["lost"]}))
    (tmp_path / "operator.key").write_bytes(OPERATOR)
    key = crypto.public_key(OPERATOR)
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\n") as port:
        at = ["--broker", f"127.0.0.1:{port}", "--desk", tmp_path]
        look, sign = [*at, "--operator-key", key.hex()], [*at, "--operator-key-file", tmp_path / "operator.key"]
        broker = broker_at(f"127.0.0.1:{port}")
        with PlayersOnAir(broker, key, [bar, lobby, shop]):
            with Desk(broker, key) as heard:
                wait_until(lambda: heard.turn() or len(heard.members.all()) == 3, lambda: heard.members.all())
            done = amos("direct", "--tag", "hotel", "--volume", "40", "--wait-s", "30", *sign, "--json")
            assert [player["device_id"] for player in json.loads(done.stdout)["players"]] == [LOBBY.hex(), SHOP.hex()]
            wait_until(lambda: lobby.volume_q15 == shop.volume_q15 == 40 * 32768 // 100, lambda: (lobby, shop))
            assert bar.serials == []
            for command in ("show", "packs"):
                players = json.loads(amos(command, "--tag", "Pilot", "--tag", "north", *look, "--json").stdout)[
                    "players"
                ]
                assert [(player["device_id"], player["tags"]) for player in players] == [
                    (BAR.hex(), ["north", "pilot"]),
                    (SHOP.hex(), ["hotel", "pilot"]),
                ]
            assert "hotel, pilot" in amos("show", *look).stdout
            for name, said in (("lost", "a player that the broker knows, found lost"), ("x", "expected one of hotel")):
                done = amos("direct", "--tag", name, "--restart", *sign)
                assert done.exit_code == Exit.FINDING and said in done.stderr
            (tmp_path / "pack").mkdir()
            plan = tmp_path / "plan.toml"
            (tmp_path / "pack" / "manifest.cose").write_bytes(Made(8).signed)
            plan.write_text('pack = "pack"\n[[ring]]\ntags = ["pilot"]\n[[ring]]\npercent = 100\n')
            dry = ["rollout", "start", plan, "--state", tmp_path / "state", "--dry-run", "--json"]
            done = amos(*dry, *sign)
            assert [len(ring["players"]) for ring in json.loads(done.stdout)["rings"]] == [2, 1], done.output
            done = amos(*dry, *sign[:2], *sign[4:])
            assert done.exit_code == Exit.USAGE and "a ring with tags: expected with --desk" in done.stderr

"""What the commands of a roll-out refuse, and with which exit code; what they print of one."""

import json
from pathlib import Path

import pytest
from rollout_examples import BACK, GOES, a_rollout
from typer.testing import CliRunner, Result

from amos import crypto
from amos.protocol import topics
from amos.protocol.rotation import OPERATOR
from amos_cli.output import Exit
from amos_tools.cli import app
from amos_tools.fleet.members import Members
from amos_tools.fleet.rollout.decide import stop
from amos_tools.fleet.rollout.pack_folder import pack_of
from amos_tools.fleet.rollout.state import Health, Pack, Phase
from amos_tools.fleet.rollout.store import Store
from pack_examples import Pack as Made
from protocol_examples import Party, a_directive, a_status, signed_directive
from rotation_examples import appointed

PLAN = 'pack = "packs"\n[[ring]]\npercent = 100\n'


def rollout(*words: object) -> Result:
    return CliRunner().invoke(app, ["fleet", "rollout", *map(str, words)])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan, its pack, a key and a roll-out's file; nobody is at the broker."""
    monkeypatch.setattr("amos_tools.fleet.desk.HEAR_S", 0.3)
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "key").write_bytes(b"o" * 32)
    shelve(tmp_path / "packs", Made(8))
    Store(tmp_path / "state").save(a_rollout(1, 2))
    return tmp_path


def shelve(folder: Path, pack: Made) -> Path:
    folder.mkdir()
    (folder / "manifest.cose").write_bytes(pack.signed)
    return folder


def desk(place: Path) -> list[object]:
    return ["--broker", "127.0.0.1:1", "--operator-key-file", place / "key"]


def test_start_wants_a_free_name_a_whole_plan_a_pack_and_a_broker(place: Path) -> None:
    at = ["--state", place / "new", *desk(place)]
    for spoilt, said in (
        ("pack = 1", "PlanError: "),
        ("pack", "expected TOML"),
        (PLAN.replace("packs", "absent"), "No such file"),
        (PLAN.replace("packs", "."), "No such file"),
    ):
        (place / "plan.toml").write_text(spoilt)
        done = rollout("start", place / "plan.toml", *at)
        assert done.exit_code == Exit.FINDING and said in done.stderr, done.output
    (place / "plan.toml").write_text(PLAN)
    (place / "packs/manifest.cose").write_bytes(b"x")
    done = rollout("start", place / "plan.toml", *at)
    assert done.exit_code == Exit.FINDING and "expected a pack" in done.stderr
    (place / "packs/manifest.cose").write_bytes(Made(8).signed)
    for more in ([], ["--dry-run"]):
        done = rollout("start", place / "plan.toml", *at, *more, "--json")
        assert done.exit_code == Exit.UNREACHABLE
        assert json.loads(done.stdout)["refusal"]["name"] == "UnreachableError" and not (place / "new").exists()
    done = rollout("start", place / "plan.toml", "--state", place / "state", *desk(place))
    assert done.exit_code == Exit.FINDING and "rollout continue goes on with one" in done.stderr


class DeskAtHand:
    """A desk whose broker has what `members` says, and takes nothing."""

    members: Members

    def __init__(self, *_where: object) -> None:
        pass

    def __enter__(self) -> "DeskAtHand":
        return self

    def __exit__(self, *_ended: object) -> None:
        pass


def test_start_names_the_players_that_an_earlier_key_directed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed, before = b"o" * 32, Party(3)
    DeskAtHand.members = members = Members(crypto.public_key(seed))
    rotation = appointed(before, Party(ord("o")), 1, role=OPERATOR)
    members.came(topics.operator_rotation_topic(1), rotation)
    for number in range(3):
        device = bytes((number,)) * 16
        members.came(topics.device_topic("bar", device, topics.STATUS), a_status(device, bytes(32)).encode())
    directive = signed_directive(a_directive(bytes(16), 9), before)
    members.came(topics.device_topic("bar", bytes(16), topics.DIRECTIVE), directive)
    monkeypatch.setattr("amos_tools.fleet.rollout.run_commands.Desk", DeskAtHand)
    done = rollout("start", place / "plan.toml", "--state", place / "new", "--dry-run", *desk(place), "--json")
    assert done.exit_code == 0 and len(json.loads(done.stdout)["rings"][0]["players"]) == 3
    assert "bar/00000000: is sent nothing: what is wanted of it is signed by an earlier key" in done.stderr
    assert "--take-over" in done.stderr and "bar/01010101" not in done.stderr


def test_a_file_that_is_none_is_refused_and_one_that_is_absent_is_a_wrong_command(place: Path) -> None:
    (place / "state").write_text("{}")
    for words in (["show"], ["stop"], ["continue", *desk(place)], ["back", "--pack", place / "packs", *desk(place)]):
        done = rollout(words[0], place / "state", *words[1:], "--json")
        assert done.exit_code == Exit.FINDING, words
        assert json.loads(done.stdout)["refusal"]["name"] == "StateError"
        assert rollout(words[0], place / "absent", *words[1:]).exit_code == Exit.USAGE


def test_one_that_stopped_goes_on_only_when_it_is_meant(place: Path) -> None:
    assert rollout("stop", place / "state").exit_code == 0
    done = rollout("continue", place / "state", *desk(place), "--json")
    assert done.exit_code == Exit.FINDING
    assert "the operator stopped the roll-out of pack 8" in json.loads(done.stdout)["refusal"]["sentence"]
    done = rollout("continue", place / "state", *desk(place), "--anyway")
    assert done.exit_code == Exit.UNREACHABLE and Store(place / "state").load().phase is Phase.ROLLING
    made = a_rollout(1)
    made.phase = Phase.DONE
    Store(place / "state").save(made)
    for words in (["stop"], ["continue", *desk(place)]):
        done = rollout(words[0], place / "state", *words[1:], "--json")
        assert done.exit_code == 0 and json.loads(done.stdout)["phase"] == "done", "there is nothing left to do"


def test_back_wants_the_earlier_content_under_a_higher_serial(place: Path) -> None:
    goes = pack_of(place / "packs", None)
    made = a_rollout(1)
    made.pack = goes
    Store(place / "state").save(made)

    def refusal(pack: Made) -> str:
        folder = shelve(place / f"back-{pack.id.hex()[:8]}", pack)
        done = rollout("back", place / "state", "--pack", folder, *desk(place), "--json")
        assert done.exit_code == Exit.FINDING and Store(place / "state").load().phase is Phase.ROLLING
        return str(json.loads(done.stdout)["refusal"]["sentence"])

    assert "found the same stems and score" in refusal(Made(9))
    assert "expected a serial above 8, found 7" in refusal(Made(7, "abcx"))
    assert "build what they played before again, with --serial 9" in refusal(Made(8, "abcy"))
    folder = shelve(place / "back", Made(9, "abcx"))
    done = rollout("back", place / "state", "--pack", folder, *desk(place))
    assert done.exit_code == Exit.UNREACHABLE
    assert Store(place / "state").load().phase is Phase.STOPPED, "nothing more is sent, and back may be said again"


def test_show_says_where_it_stands_and_who_is_in_trouble(place: Path) -> None:
    made = a_rollout(1, 30)
    made.ring = 1
    made.rings[0].soaked_ms, made.rings[0].devices[0].health = 10_000, Health.PLAYS
    for device in made.rings[1].devices:
        device.health, device.reason = Health.REFUSES, "voices\x1b[2J"
    stop(made, "ring r1")
    Store(place / "state").save(made)
    facts = json.loads(rollout("show", place / "state", "--json").stdout)
    assert (facts["phase"], facts["serial"], facts["pack"]) == ("stopped", 8, GOES.pack_id)
    assert [ring["state"] for ring in facts["rings"]] == ["passed", "on"]
    assert facts["rings"][0]["players"][0]["health"] == "plays"
    shown = rollout("show", place / "state").stdout
    assert "30 refuses" in shown and "and 10 more" in shown and "\x1b" not in shown
    made.back = BACK
    Store(place / "state").save(made)
    assert json.loads(rollout("show", place / "state", "--json").stdout)["serial"] == 9
    assert Pack(**facts_of_back(place)) == BACK


def facts_of_back(place: Path) -> dict[str, object]:
    return dict(json.loads((place / "state").read_text())["back"])

"""`amos courier check` names what is planted: real mosquitto, real files, a ledger that signs, a player."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from check_world import SITE, Ports, StubLedger, Venue
from mosquitto_process import mosquitto_with
from mount_namespace import mount_namespace
from noise_pack import PUBLISHER, make_pack
from other_user import NOBODY
from sync_players import FakePlayer, PlayerThread, sealed
from typer.testing import CliRunner

from amos import crypto
from amos_sync.check import lines
from amos_sync.check.lines import check_line
from amos_sync.cli import app
from amos_tools.demo.broker import free_port

RULES = Path(__file__).parents[2] / "boards/mosquitto/amos.acl"
YEAR_MS = 365 * 86_400_000


class Town:
    """What all the checks share."""

    def __init__(self, ports: Ports, port: int, ledger: StubLedger, player: str) -> None:
        self.ports, self.port, self.ledger, self.player = ports, port, ledger, player


@pytest.fixture(scope="module")
def town(mosquitto: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    ports = Ports(folder, RULES)
    player = PlayerThread(FakePlayer(b"D" * 32, sealed(b"D" * 32, 1)), f"unix:{folder}/bar.sock")
    with mosquitto_with(mosquitto, folder, ports.text) as port:
        ledger = StubLedger(port)
        yield Town(ports, port, ledger, player.address)
        ledger.stop()
    player.stop()


@pytest.fixture
def venue(town: Town, tmp_path: Path) -> Iterator[Venue]:
    yield Venue(tmp_path, town.port, town.player)
    town.ledger.ahead_ms = 0


def over_tls(venue: Venue, town: Town, kind: str) -> None:
    venue.courier |= {"broker": f"127.0.0.1:{town.ports.by_kind[kind]}", "tls-ca": str(town.ports.authority.ca)}


def line_of(venue: Venue, setting: str) -> str:
    lines = venue.path.read_text().splitlines()
    number = next((n for n, line in enumerate(lines, 1) if line.startswith(setting + " =")), None)
    return str(venue.path) if number is None else f"{venue.path}:{number}"


def test_a_venue_that_is_right_is_called_so(venue: Venue, town: Town) -> None:
    code, found = venue.check()
    assert (code, found["healthy"], [row for row in found["findings"] if not row["fine"]]) == (0, True, [])
    assert {row["part"] for row in found["findings"]} >= {"settings", "disk", "broker", "ledger", "clock", "player bar"}
    over_tls(venue, town, "tls")
    assert venue.check()[0] == 0
    said = CliRunner().invoke(app, ["check", str(venue.path)]).output
    assert said.endswith("All is well.\n") and "WRONG" not in said


def wrong_password(venue: Venue, _town: Town) -> None:
    (venue.folder / "password").write_text("other\n")
    os.utime(venue.folder / "password")


def untrusted(venue: Venue, town: Town) -> None:
    over_tls(venue, town, "untrusted")


def expired(venue: Venue, town: Town) -> None:
    over_tls(venue, town, "expired")


def other_name(venue: Venue, town: Town) -> None:
    over_tls(venue, town, "other_name")


def tls_to_a_plain_port(venue: Venue, town: Town) -> None:
    venue.courier["tls-ca"] = str(town.ports.authority.ca)


def plain_to_a_port_of_tls(venue: Venue, town: Town) -> None:
    venue.courier["broker"] = f"127.0.0.1:{town.ports.by_kind['tls']}"


def clock_a_year_off(_venue: Venue, town: Town) -> None:
    town.ledger.ahead_ms = YEAR_MS


def another_sites_name(venue: Venue, _town: Town) -> None:
    venue.courier["username"] = "station"


def no_room_of_that_name(venue: Venue, _town: Town) -> None:
    (venue.folder / "spool").write_text("a file")


def taken_port(venue: Venue, town: Town) -> None:
    venue.courier["metrics"] = f"127.0.0.1:{town.port}"


def settings(**changes: Any) -> Any:
    def plant(venue: Venue, _town: Town) -> None:
        venue.courier |= {name.replace("_", "-"): value for name, value in changes.items()}

    return plant


def player_with(**changes: str) -> Any:
    def plant(venue: Venue, _town: Town) -> None:
        venue.player_settings |= changes

    return plant


PLANTED = [
    (settings(broker=f"127.0.0.1:{free_port()}"), "broker", "nothing listens at this port", "broker"),
    (settings(broker="no-such-host.invalid"), "broker", "is not found (DNS)", "broker"),
    (wrong_password, "broker", "does not let us in", "password-file"),
    (expired, "broker", "has a TLS certificate that has expired", None),
    (other_name, "broker", "for another name than 127.0.0.1", "broker"),
    (untrusted, "broker", "of an authority that is not trusted here", "tls-ca"),
    (tls_to_a_plain_port, "broker", "not speak TLS at this port", "broker"),
    (plain_to_a_port_of_tls, "broker", "speaks TLS at this port", "tls-ca"),
    (clock_a_year_off, "clock", "s behind the ledger's", None),
    (no_room_of_that_name, "disk", "is no folder", "spool"),
    (settings(device=["unix:/nowhere/bar.sock"]), "player unix:/nowhere/bar.sock", "no player listens there", "device"),
    (settings(device=["serial:/dev/ttyNONE"]), "player serial:/dev/ttyNONE", "not there; plug the player in", "device"),
    (player_with(out="alsa:hw:CARD=NoSuchCard"), "audio", "has no sound card NoSuchCard", None),
    (player_with(out="alsa:nosuchoutput"), "audio", "no output of that name", None),
    (
        settings(ledger_key=crypto.public_key(b"X" * 32).hex()),
        "ledger",
        "not the one whose key is pinned",
        "ledger-key",
    ),
    (player_with(ledger_key="cd" * 32), "player bar", "ledger_key is cdcdcdcd", "ledger-key"),
    (another_sites_name, "access", "does not permit publishing", "username"),
    (settings(brocker="x"), "settings", "brocker: no setting of this command; did you mean broker?", "brocker"),
    (settings(device=["unix:/nowhere/*.sock"]), "players unix:/nowhere/*.sock", "finds no player", "device"),
    (settings(device=["usb:2e8a:0005"]), "players usb:2e8a:0005", "finds no player", "device"),
    (settings(device=["serial:/nowhere/*amos*"]), "players serial:/nowhere/*amos*", "finds no player", "device"),
    (settings(packs="/nonexistent"), "packs", "/nonexistent: No such file or directory", "packs"),
    (settings(packs=f"http://127.0.0.1:{free_port()}/pack"), "packs", "manifest.cose: ", "packs"),
    (settings(opt_outs="/nonexistent/list"), "opt-outs", "No such file or directory", "opt-outs"),
    (settings(opt_outs="/dev/null"), "opt-outs", "/dev/null: ", "opt-outs"),
    (settings(metrics="999"), "metrics", "metrics: ", "metrics"),
    (taken_port, "metrics", "expected a free HOST:PORT", "metrics"),
    (player_with(operator_key="cd" * 32), "player bar", "whose key the courier does not know", "operator-key"),
    (settings(operator_key="ab" * 32), "player bar", "operator_key is none", "operator-key"),
    (settings(site="Harbour Café"), "settings", "expected 1 to 64 of a-z", "site"),
    (settings(ledger_key="abc"), "settings", "--ledger-key: expected a public key", "ledger-key"),
]


@pytest.mark.parametrize(("plant", "part", "sentence", "setting"), PLANTED)
def test_what_is_planted_is_named(
    plant: Any, part: str, sentence: str, setting: str | None, venue: Venue, town: Town
) -> None:
    plant(venue, town)
    code, found = venue.check()
    wrong = [row for row in found["findings"] if not row["fine"]]
    assert (code, found["healthy"]) == (1, False)
    named = [row for row in wrong if row["part"] == part and sentence in row["sentence"]]
    assert named, wrong
    assert named[0]["advice"] and named[0]["setting"] in (setting, "out")
    if setting is not None:
        assert named[0]["where"] == line_of(venue, setting)
    said = CliRunner().invoke(app, ["check", str(venue.path), "--wait-s", "5"]).output if part == "disk" else "to do: "
    assert "to do: " in said


def test_rules_from_before_pairing_are_named_where_an_operator_is_known(
    town: Town, mosquitto: list[str], tmp_path: Path
) -> None:
    (tmp_path / "older").write_text("".join(line for line in RULES.open() if "/pair" not in line))
    (tmp_path / "venue").mkdir()
    with mosquitto_with(mosquitto, tmp_path, Ports(tmp_path, tmp_path / "older").text) as port:
        venue = Venue(tmp_path / "venue", port, town.player)
        assert [row for row in venue.check()[1]["findings"] if row["part"] == "access"] == []
        venue.courier["operator-key"] = crypto.public_key(b"O" * 32).hex()
        (row,) = [row for row in venue.check()[1]["findings"] if row["part"] == "access"]
    assert f"does not permit publishing amos/1/{SITE}/" in row["sentence"] and "/pairing" in row["sentence"]
    assert "boards/mosquitto" in row["advice"]
    venue.courier["broker"] = f"127.0.0.1:{town.port}"
    assert [row for row in venue.check()[1]["findings"] if row["part"] == "access"] == []


@pytest.mark.parametrize("pattern", ["unix:{folder}/*.sock", "unix:{folder}/b?r.sock"])
def test_players_that_a_pattern_finds_are_asked(pattern: str, venue: Venue, town: Town) -> None:
    folder = town.player.removeprefix("unix:").rpartition("/")[0]
    venue.courier["device"] = [pattern.format(folder=folder)]
    code, found = venue.check()
    assert code == 0, found
    assert f"player {town.player}" in {row["part"] for row in found["findings"]}


def test_a_good_pack_a_spoilt_one_and_a_strangers_are_told_apart(venue: Venue, tmp_path: Path) -> None:
    pack = make_pack(tmp_path)
    venue.courier |= {
        "packs": str(pack),
        "publisher-key": crypto.public_key(PUBLISHER).hex(),
        "metrics": f"127.0.0.1:{free_port()}",
    }
    venue.player_settings["publisher_key"] = crypto.public_key(PUBLISHER).hex()
    assert venue.check()[0] == 0
    blob = next((pack / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes()[:-1])
    assert packs_finding(venue) == f"{blob}: expected {blob.stat().st_size + 1} bytes of that SHA-256, found others"
    venue.courier["publisher-key"] = venue.player_settings["publisher_key"] = "ab" * 32
    assert "key" in packs_finding(venue)


def packs_finding(venue: Venue) -> str:
    (row,) = [row for row in venue.check()[1]["findings"] if row["part"] == "packs"]
    assert not row["fine"] and row["advice"]
    return str(row["sentence"])


@pytest.mark.parametrize("tables", ["player = 3", "player = []", "[player]\nbar = 3"])
def test_players_that_are_no_tables_are_refused(tables: str, venue: Venue) -> None:
    text = venue.write().read_text()
    venue.path.write_text(f"{tables}\n{text[text.index('[courier]') :]}")
    done = CliRunner().invoke(app, ["check", str(venue.path)])
    assert done.exit_code == 1 and "[player" in done.output and "Traceback" not in done.output, done.output


def test_a_ledger_that_does_not_know_the_player_is_named(venue: Venue, town: Town) -> None:
    other = PlayerThread(FakePlayer(b"E" * 32, []), f"unix:{venue.folder}/other.sock")
    venue.courier |= {"device": [other.address], "username": SITE}
    town.ledger.silent = True
    try:
        code, found = venue.check()
    finally:
        town.ledger.silent = False
        other.stop()
    wrong = [row for row in found["findings"] if not row["fine"]]
    assert code == 1 and [row["part"] for row in wrong] == ["ledger"] and "asked the time" in wrong[0]["sentence"]


def in_mounts(venue: Venue, *mounts: list[str]) -> list[dict[str, Any]]:
    """What the disk's part says in a namespace of its own."""
    (venue.folder / "spool").mkdir()
    code = f"""
import json
from pathlib import Path
from amos_sync.check.disk import check_disk
found = check_disk(Path({str(venue.folder / "spool")!r}), 1 << 30)
print(json.dumps([[each.fine, each.sentence, each.advice] for each in found]))
"""
    with mount_namespace() as there:
        for words in mounts:
            there.run(*words)
        done = subprocess.run([*there.enter, sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [dict(zip(("fine", "sentence", "advice"), row, strict=True)) for row in json.loads(done.stdout)]


def test_a_full_and_a_read_only_disk_are_named(venue: Venue) -> None:
    spool = str(venue.folder / "spool")
    small = ["mount", "-t", "tmpfs", "-o", "size=1m", "amos", spool]
    (found,) = in_mounts(venue, small)
    assert not found["fine"] and "MiB are free" in found["sentence"]
    (venue.folder / "spool").rmdir()
    (found,) = in_mounts(venue, small, ["dd", "if=/dev/zero", f"of={spool}/all", "bs=64k", "count=16"])
    assert not found["fine"] and "No space left on device" in found["sentence"] and "make room" in found["advice"]
    (venue.folder / "spool").rmdir()
    (found,) = in_mounts(venue, small, ["mount", "-o", "remount,ro", spool])
    assert not found["fine"] and "Read-only file system" in found["sentence"] and "remount,rw" in found["advice"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_a_socket_that_another_user_may_not_use_is_named(town: Town) -> None:
    code = f"""
import os
from amos_sync.check.lines import check_line
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
print(check_line({town.player!r}, False).findings[0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert os.strerror(errno.EACCES) in done.stdout and "add it to the group" in done.stdout, done


def test_something_else_than_a_player_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "STATUS_WAIT_MS", 500)
    mute = PlayerThread(FakePlayer(b"F" * 32, []), f"unix:{tmp_path}/mute.sock", lambda _data: b"\0no player\0")
    try:
        (found,) = check_line(mute.address, False).findings
    finally:
        mute.stop()
    assert not found.fine and "does not answer as a player" in found.sentence

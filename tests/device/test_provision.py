"""`amos device provision` and `replace` on Linux: real player, real ledger; again, interrupted, on wrong ports."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boards_pack import PUBLISHER
from patience import wait_until
from sync_brokers import TestBroker
from typer.testing import CliRunner

from amos import crypto
from amos.config import FOR_RENDERERS
from amos.protocol.link import STATE_PLAYING, STATE_STOPPED
from amos.protocol.rotation import OPERATOR
from amos_cli.key_files import read_key
from amos_ledger import rotating
from amos_ledger.folder import Folder, init_folder
from amos_tools.cli import app
from amos_tools.demo.broker import free_port
from amos_tools.device import linux_player
from amos_tools.device.call import ask_status
from amos_tools.device.rotate_operator import signed_rotation
from amos_tools.device.run import micropython_environment
from amos_tools.device.send import send_pack


class Site:
    """An operator's machine: key, ledger, records; and players as processes."""

    def __init__(self, folder: Path, operator: Path, ledger: Folder, pack: Path | None):
        self.folder, self.operator, self.ledger, self.pack = folder, operator, ledger, pack
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def port(self, name: str) -> str:
        return f"unix:{self.folder / name}.sock"

    def start(self, name: str) -> None:
        """Run the player of that directory, as `amos player` does, until the test ends."""
        words = [sys.executable, "-m", "amos", str(self.folder / name)]
        log = (self.folder / f"{name}.log").open("w")
        self.processes[name] = subprocess.Popen(words, env=micropython_environment(), stdout=log, stderr=log, text=True)

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        process.wait(60)

    def call(self, command: str, name: str, *words: str, wait_s: int = 60) -> tuple[int, list[str]]:
        common = [f"--operator-key-file={self.operator}", f"--records={self.folder / 'kept'}"]
        common += [f"--pack={self.pack}"] if self.pack is not None else []
        common += [f"--directory={self.folder / name}", f"--wait-s={wait_s}", "--setting=pace=clocked"]
        if not any(word.startswith(("--setting=out=", "--board=")) for word in words):
            common.append(f"--setting=out=wav:{self.folder / name}.wav")
        if not any(word.startswith("--port") for word in words):
            common.append(f"--port={self.port(name)}")
        if not any(word.startswith(("--broker", "--ledger")) for word in words):
            common.append(f"--ledger={self.ledger.path}")
        done = CliRunner().invoke(app, ["device", command, *common, *words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output.splitlines()

    def provision(self, name: str, *words: str, wait_s: int = 60) -> tuple[int, list[str]]:
        return self.call("provision", name, "--site=harbour", f"--name={name}", "--tier=2", *words, wait_s=wait_s)

    def devices(self) -> dict[str, dict[str, object]]:
        """By name, as the ledger has them; a place's last holder counts."""
        done = CliRunner().invoke(app, ["ledger", "status", str(self.ledger.path), "--json"])
        return {item["device_id"]: item for item in json.loads(done.output)["devices"]}


@pytest.fixture
def site(tmp_path: Path, operator: Path, ledger: Folder, pack: Path) -> Iterator[Site]:
    made = Site(tmp_path, operator, ledger, pack)
    yield made
    for name in list(made.processes):
        made.stop(name)


def first_words(lines: list[str]) -> list[str]:
    return [line.partition(":")[0] for line in lines]


def test_one_command_from_nothing_to_enrolled_and_the_same_again_changes_nothing(site: Site) -> None:
    code, lines = site.provision("bar", wait_s=0)
    assert code == 3 and lines[0] == f"settings: written to {site.folder / 'bar'}"
    assert lines[1].startswith("player: start it: ")
    assert lines[-1].startswith("UnreachableError: unix:") and "no player listens there" in lines[-1]
    settings = json.loads((site.folder / "bar" / "player.json").read_text())
    assert settings["ledger_key"] == site.ledger.public_key.hex() and settings["tier"] == 2
    assert settings["operator_key"] == crypto.public_key(read_key(site.operator)).hex()
    assert settings["publisher_key"] == crypto.public_key(PUBLISHER).hex() and settings["link"] == site.port("bar")

    site.start("bar")
    code, lines = site.provision("bar")
    assert code == 0, lines
    assert first_words(lines) == ["settings", "device", "enrolment", "ledger"]
    assert lines[0].endswith("as they were")
    assert lines[2] == "enrolment: signed for bar at harbour, tier 2"
    assert lines[3] == "ledger: enrolled; play counts from here on"
    (device,) = site.devices().values()
    assert (device["name"], device["site"]) == ("bar", "harbour")
    assert lines[1] == f"device: {device['device_id']} holds its key; it signed our nonce"

    before = {path: path.read_bytes() for path in site.folder.glob("kept/*")}
    code, again = site.provision("bar")
    assert code == 0 and again[:2] == lines[:2]
    assert again[2:] == ["enrolment: was signed for bar at harbour, tier 2", "ledger: had it; nothing changed"]
    assert {path: path.read_bytes() for path in site.folder.glob("kept/*")} == before
    done = CliRunner().invoke(app, ["device", "logs", site.port("bar")])
    assert done.exit_code == 0 and "playing: session 1" in done.output and "key: bound to" in done.output


def test_without_a_pack_it_is_enrolled_and_plays_the_first_that_comes(site: Site, pack: Path) -> None:
    site.pack, of_pack = None, "--setting=board_class=mcu"
    site.provision("bar", of_pack, wait_s=0)
    site.start("bar")
    code, lines = site.provision("bar", of_pack)
    assert code == 0 and lines[-1] == "ledger: enrolled; play counts from here on"
    status = ask_status(site.port("bar"), 60)
    assert status.state == STATE_STOPPED and str(status.text).startswith("no pack: ")
    send_pack(site.port("bar"), pack, lambda _here, _total: None)
    wait_until(lambda: ask_status(site.port("bar"), 60).frame > 0, "music")
    code, again = site.provision("bar", of_pack)
    assert code == 0 and again[0].endswith("as they were") and again[-1] == "ledger: had it; nothing changed"
    assert ask_status(site.port("bar"), 60).state == STATE_PLAYING


def test_a_run_that_broke_off_before_the_ledger_is_completed_with_the_same_enrolment(site: Site) -> None:
    site.provision("bar", wait_s=0)
    site.start("bar")
    keys = [f"--ledger-key={site.ledger.public_key.hex()}", f"--publisher-key={crypto.public_key(PUBLISHER).hex()}"]
    code, lines = site.provision("bar", *keys)
    assert code == 0 and lines[-1].startswith("ledger: bring it the enrolment with: amos ledger enrol ")
    assert site.devices() == {}
    (kept,) = (site.folder / "kept").glob("*.cose")
    data = kept.read_bytes()
    code, lines = site.provision("bar")
    assert code == 0 and lines[-2:] == [
        "enrolment: was signed for bar at harbour, tier 2",
        "ledger: enrolled; play counts from here on",
    ]
    assert kept.read_bytes() == data and len(site.devices()) == 1
    kept.unlink()  # the operator's own record is gone, and the ledger's is not
    assert site.provision("bar")[1][-1] == "ledger: had it; nothing changed"
    assert kept.read_bytes() == data


def test_what_did_not_arrive_goes_on_and_what_was_refused_never_stands_in_the_place(site: Site) -> None:
    site.provision("bar", wait_s=0)
    site.start("bar")
    broker = [f"--broker=127.0.0.1:{free_port()}", f"--ledger-key={site.ledger.public_key.hex()}"]
    broker.append(f"--publisher-key={crypto.public_key(PUBLISHER).hex()}")
    ask_status(site.port("bar"), 60)
    code, lines = site.provision("bar", *broker, wait_s=5)
    assert code == 3 and lines[-1].startswith("DeliveryError: broker 127.0.0.1:")
    (pending,) = (site.folder / "kept").iterdir()
    data = pending.read_bytes()
    assert pending.name == "harbour.bar.pending"
    code, lines = site.provision("bar")
    assert code == 0 and lines[-2] == "enrolment: was signed for bar at harbour, tier 2"
    assert [path.name for path in (site.folder / "kept").iterdir()] == ["harbour.bar.cose"]
    assert (site.folder / "kept" / "harbour.bar.cose").read_bytes() == data

    strangers = init_folder(site.folder / "strangers", "x.example/amos", bytes(32), crypto.public_key(PUBLISHER))
    trust = strangers.path / "trust.json"
    key = crypto.public_key(site.operator.read_bytes()).hex()
    trust.write_text(trust.read_text().replace("00" * 32, key))
    old = next(iter(site.devices()))
    site.stop("bar")
    site.call("replace", "new", f"--old={old}", wait_s=0)
    site.start("new")
    code, lines = site.call("replace", "new", f"--old={old}", f"--ledger={strangers.path}", "--setting=minutes=0")
    assert code == 1 and lines[-1].startswith("EnrolmentRefusedError: enrolment.predecessor: expected an enrolled")
    assert [path.name for path in (site.folder / "kept").iterdir()] == ["harbour.bar.cose"]
    assert (site.folder / "kept" / "harbour.bar.cose").read_bytes() == data


def test_another_tier_is_enrolled_anew(site: Site) -> None:
    site.provision("bar", wait_s=0)
    site.start("bar")
    assert site.provision("bar")[0] == 0
    code, lines = site.call("provision", "bar", "--site=harbour", "--name=bar", "--tier=7")
    assert code == 0 and lines[0] == "settings: changed in tier"
    assert lines[1].startswith("player: restart it") and lines[-1].startswith("ledger: enrolled")
    assert len(site.devices()) == 1


def test_a_player_made_a_renderer_is_refused_before_anything_is_written(site: Site) -> None:
    site.provision("bar", wait_s=0)
    site.start("bar")
    assert site.provision("bar")[0] == 0
    before = (site.folder / "bar" / "player.json").read_bytes()
    for running in (True, False):
        code, lines = site.call("provision", "bar", "--site=harbour", "--name=bar", "--tier=255")
        (device_id,) = site.devices()
        told = f"PlaceError: tier: expected a player's, as device {device_id} is enrolled, found 255"
        assert code == 1 and lines == [f"{told}; a renderer is another device, with a first key of its own"]
        assert (site.folder / "bar" / "player.json").read_bytes() == before
        if running:
            site.stop("bar")


def test_another_device_at_the_port_and_a_device_of_another_place_are_refused(site: Site) -> None:
    for name in ("bar", "hall"):
        site.provision(name, wait_s=0)
        site.start(name)
    assert site.provision("bar")[0] == 0
    bar, ledger = next(iter(site.devices())), site.devices()
    code, lines = site.provision("bar", f"--port={site.port('hall')}")
    assert code == 1 and lines[-1].startswith(f"DeviceError: {site.port('hall')}: expected device {bar}, found ")
    site.stop("bar")
    site.stop("hall")
    (site.folder / "bar").rename(site.folder / "away")
    (site.folder / "hall").rename(site.folder / "bar")  # another device, set up where the first was
    site.provision("bar", wait_s=0)
    site.start("bar")
    code, lines = site.provision("bar")
    assert code == 1 and lines[-1].startswith(
        f"PlaceError: bar at harbour is device {bar}, and the one at the port is "
    )
    assert f"amos device replace --old {bar}" in lines[-1]
    site.stop("bar")
    (site.folder / "away").rename(site.folder / "hall")
    site.provision("hall", wait_s=0)
    site.start("hall")
    code, lines = site.provision("hall")
    assert code == 1 and lines[-1] == f"PlaceError: the device at the port, {bar}, is bar at harbour"
    assert site.devices() == ledger


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port=serial:/dev/ttyACM0"], "DeviceError: port: expected unix:PATH for a linux player"),
        (["--board=pico-2-w"], "DeviceError: port: expected serial:PATH for a micropython player"),
        (["--board=amiga"], "BoardError: board 'amiga'"),
        (["--ledger-key=00", "--publisher-key=00"], "UsageError: --ledger-key: expected a public key of 64 hex digits"),
        (["--broker=127.0.0.1:1883"], "UsageError: expected --ledger-key HEX, or --ledger DIR, which knows it"),
        (["--setting=tier"], "ConfigError: tier: expected name=value"),
        (["--setting=songs=3"], "ConfigError: songs: expected one of"),
        (["--operator-key-file=/nonexistent"], "UsageError: Invalid value for '--operator-key-file'"),
        (
            ["--broker=host:x", "--ledger-key=" + "00" * 32, "--setting=out=wav:x"],
            "BrokerSettingError: broker: expected HOST or",
        ),
    ],
)
def test_a_wrong_word_is_one_line_and_does_nothing(site: Site, words: list[str], said: str) -> None:
    code, lines = site.provision("bar", *words, wait_s=0)
    assert code == (1 if said.startswith("DeviceError") else 2)
    assert lines[-1].startswith(said) and len(lines) == 1
    assert not (site.folder / "kept").exists() and site.devices() == {}


def test_an_operator_whom_the_ledger_does_not_know_is_refused_before_anything_is_kept(site: Site) -> None:
    site.provision("bar", wait_s=0)
    site.start("bar")
    site.operator.write_bytes(b"x" * 32)
    code, lines = site.provision("bar")
    assert code == 1 and "expected a ledger where this operator's key is in force" in lines[-1]
    assert not (site.folder / "kept").exists()


def test_what_an_earlier_key_of_the_operators_signed_is_known_by_the_rotation(site: Site) -> None:
    site.provision("bar", wait_s=0)
    site.start("bar")
    assert site.provision("bar")[0] == 0
    old, new = site.operator.read_bytes(), b"n" * 32
    folder = site.ledger
    data = signed_rotation(OPERATOR, folder.trust.origin, 1, old, new, int(time.time()))
    with folder.open_store() as store:
        assert rotating.rotate_operator(folder, store, data)[1]
    code, lines = site.provision("bar")
    assert code == 1 and "expected a ledger where this operator's key is in force" in lines[-1]
    site.operator.write_bytes(new)
    code, lines = site.provision("bar")
    assert code == 1 and "expected an enrolment by this operator's key" in lines[-1]
    (site.folder / "kept" / "operator-1.rotation").write_bytes(data[:-1])
    assert "expected a rotation of an operator's key" in site.provision("bar")[1][-1]
    (site.folder / "kept" / "operator-1.rotation").write_bytes(data)
    code, lines = site.provision("bar")
    assert code == 0, lines
    assert lines[-1] == "ledger: had it; nothing changed"


def test_a_line_with_something_else_on_it_is_no_player(site: Site) -> None:
    import socket

    site.folder.joinpath("bar").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(site.port("bar")[5:])
        listener.listen()
        listener.settimeout(60)
        import threading

        def hang_up() -> None:
            connection, _address = listener.accept()
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        code, lines = site.provision("bar")
    assert code == 3 and lines[-1].startswith(f"UnreachableError: {site.port('bar')}: ")


def test_a_replacement_keeps_the_place_and_is_idempotent(site: Site) -> None:
    site.provision("bar", wait_s=0)
    site.start("bar")
    assert site.provision("bar")[0] == 0
    old = next(iter(site.devices()))
    code, lines = site.call("replace", "bar", f"--old={old}")
    assert code == 1 and lines[-1].endswith(f"the device at the port is {old} itself, which is to be replaced")
    site.stop("bar")
    site.call("replace", "new", f"--old={old}", wait_s=0)
    site.start("new")
    code, lines = site.call("replace", "new", f"--old={old}")
    assert code == 0, lines
    assert lines[-2] == f"enrolment: signed for bar at harbour, tier 2, in the place of {old}"
    devices = site.devices()
    (new,) = [name for name in devices if name != old]
    assert devices[old]["successor"] == new and devices[new]["predecessor"] == old
    kept = sorted(path.name for path in (site.folder / "kept").iterdir())
    assert kept == sorted([f"harbour.bar.{old}.cose", "harbour.bar.cose"])
    code, again = site.call("replace", "new", f"--old={old}")
    assert code == 0 and again[-1] == "ledger: had it; nothing changed" and site.devices() == devices
    code, lines = site.call("provision", "new", "--site=harbour", "--name=bar", "--tier=2")
    assert code == 0 and lines[-1] == "ledger: had it; nothing changed"
    for wrong, said in (
        ("12", "expected SITE/NAME or 32 hex digits"),
        ("ab" * 16, "expected a device whose enrolment is kept here"),
    ):
        code, lines = site.call("replace", "new", f"--old={wrong}")
        assert code == 1 and said in lines[-1]


def test_settings_that_nobody_named_stay_as_the_player_has_them(site: Site) -> None:
    chosen = ["--setting=out=wav:music.wav", "--setting=holidays=2026-12-25", "--setting=buffer_ms=40"]
    site.provision("bar", *chosen, wait_s=0)
    path = site.folder / "bar" / "player.json"
    before = json.loads(path.read_text())
    assert (before["out"], before["tier"], before["pack"]) == ("wav:music.wav", 2, str(site.pack))
    site.pack = None
    kept = ("--site=harbour", "--name=bar", "--setting=out=wav:music.wav")
    lines = site.call("provision", "bar", *kept, wait_s=0)[1]
    assert lines[0] == "settings: as they were" and not any(line.startswith("output:") for line in lines)
    assert json.loads(path.read_text()) == before
    words = ("--site=harbour", "--name=bar", "--setting=out=null")
    code, refused = site.call("provision", "bar", *words, "--tier=2", wait_s=0)
    assert code == 2 and refused == [
        "ConfigError: " + FOR_RENDERERS % ("out", "null", 2, "play into nothing", 255, 255)
    ]
    assert json.loads(path.read_text()) == before
    lines = site.call("provision", "bar", *words, "--tier=255", wait_s=0)[1]
    assert lines[:2] == ["settings: changed in out, tier", "output: null, it plays into nothing; to hear it:" + SOUND]


SOUND = " --setting out=alsa:DEVICE"


def test_a_board_gives_an_output_with_sound_and_another_board_takes_its_place(site: Site) -> None:
    site.pack = None
    site.provision("bar", wait_s=0)
    path = site.folder / "bar" / "player.json"
    assert json.loads(path.read_text())["out"].startswith("wav:")
    lines = site.provision("bar", "--board=pi-4", wait_s=0)[1]
    assert json.loads(path.read_text())["out"] == "alsa:default" and not any("null" in line for line in lines)
    site.provision("bar", "--board=pi-4", "--setting=out=alsa:hw:1", wait_s=0)
    assert site.provision("bar", "--board=pi-4", wait_s=0)[1][0] == "settings: as they were"
    assert json.loads(path.read_text())["out"] == "alsa:hw:1"
    site.provision("bar", "--board=pi-3", wait_s=0)
    settings = json.loads(path.read_text())
    assert (settings["out"], settings["board"], settings["voices"]) == ("alsa:default", "pi-3", 16)


def test_settings_that_cannot_be_read_are_not_written_over(site: Site) -> None:
    site.provision("bar", wait_s=0)
    path = site.folder / "bar" / "player.json"
    path.write_text('{"out": ')
    code, lines = site.provision("bar", wait_s=0)
    assert code == 1 and lines[-1].startswith(f"SettingsFileError: {path}: expected a JSON object")
    assert path.read_text() == '{"out": '


def test_the_tier_of_the_enrolment_stays_when_nobody_names_one(site: Site) -> None:
    site.provision("bar", wait_s=0)
    site.start("bar")
    assert site.provision("bar")[0] == 0
    code, lines = site.call("provision", "bar", "--site=harbour", "--name=bar")
    assert code == 0 and lines[-2:] == [
        "enrolment: was signed for bar at harbour, tier 2",
        "ledger: had it; nothing changed",
    ]


def test_a_replacement_by_name_is_checked_before_anything_is_written_and_is_idempotent(site: Site) -> None:
    for name in ("bar", "hall"):
        site.provision(name, wait_s=0)
        site.start(name)
        assert site.provision(name)[0] == 0
    bar = next(item["device_id"] for item in site.devices().values() if item["name"] == "bar")
    settings = (site.folder / "hall" / "player.json").read_bytes()
    for wrong, said in (
        ("harbour/none", "PlaceError: old: expected a device whose enrolment is kept here"),
        ("../bar", "PlaceError: old: expected a device whose enrolment is kept here"),
        ("harbour/bar", "PlaceError: the device at the port, "),  # the player of the hall, which has its own place
    ):
        code, lines = site.call("replace", "hall", f"--old={wrong}", "--setting=minutes=9")
        assert code == 1 and lines[-1].startswith(said) and len(lines) == 1, lines
        assert (site.folder / "hall" / "player.json").read_bytes() == settings
    code, lines = site.call("replace", "new", "--old=harbour/bar", f"--port={site.port('bar')}")
    assert code == 1 and lines[-1].endswith(f"the device at the port is {bar} itself, which is to be replaced")
    assert not (site.folder / "new").exists()

    site.call("replace", "new", "--old=harbour/bar", wait_s=0)
    site.start("new")
    code, lines = site.call("replace", "new", "--old=harbour/bar")
    assert code == 0 and lines[-2].endswith(f"signed for bar at harbour, tier 2, in the place of {bar}"), lines
    code, again = site.call("replace", "new", "--old=harbour/bar")
    assert code == 0 and again[-1] == "ledger: had it; nothing changed", again


def test_where_systemd_is_the_unit_is_enabled_started_and_restarted(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`systemctl` is a script that notes what it was told, and runs the player as the unit would."""
    note, programs = tmp_path / "told", tmp_path / "programs"
    programs.mkdir()
    systemctl = programs / "systemctl"
    systemctl.write_text(
        f'#!/bin/sh\necho "$@" >> {note}\n'
        f"case $1 in is-*) test -e {tmp_path}/enabled;; enable) touch {tmp_path}/enabled;;\n"
        f"start) {shlex.quote(sys.executable)} -m amos {tmp_path}/bar > /dev/null 2>&1 & echo $! > {tmp_path}/pid;;\n"
        f'restart) test -e {tmp_path}/broken && echo "Job failed." >&2 && exit 1;; esac\n'
    )
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(linux_player, "UNIT_STATE", tmp_path)
    unit = "amos-player@bar.service"
    try:
        code, lines = site.provision("bar")
        assert code == 0 and lines[1] == f"service: {unit} enabled and started", lines
        assert note.read_text().splitlines()[-2:] == [f"enable {unit}", f"start {unit}"]
        code, lines = site.provision("bar")
        assert code == 0 and lines[1] == f"service: {unit} runs, as it did"
        (tmp_path / "broken").touch()
        code, lines = site.call("provision", "bar", "--site=harbour", "--name=bar", "--tier=3")
        assert code == 1 and lines[-1] == f"DeviceError: systemctl restart {unit}: Job failed."
    finally:
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, 15)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the service")


def test_without_the_units_it_is_refused_before_anything_is_written(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    systemctl = tmp_path / "programs" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text('#!/bin/sh\ntest $1 = cat || exit 0\necho "No files found for $2." >&2; exit 1\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(linux_player, "UNIT_STATE", tmp_path)
    code, lines = site.provision("bar")
    assert code == 1 and len(lines) == 1, lines
    assert lines[0].startswith("DeviceError: amos-player@bar.service: expected amos's units installed here (No files")
    assert 'boards/README.md, "Linux: install"' in lines[0]
    assert not (tmp_path / "bar").exists() and not (tmp_path / "kept").exists()


def test_over_a_broker_with_the_ledger_elsewhere(site: Site, broker: TestBroker) -> None:
    site.provision("bar", wait_s=0)
    site.start("bar")
    words = [sys.executable, "-m", "amos_tools", "ledger", "serve", str(site.ledger.path)]
    serving = subprocess.Popen([*words, f"--broker=127.0.0.1:{broker.port}"], stderr=subprocess.DEVNULL)
    pinned = [f"--ledger-key={site.ledger.public_key.hex()}", f"--publisher-key={crypto.public_key(PUBLISHER).hex()}"]
    try:
        code, lines = site.provision("bar", f"--broker=127.0.0.1:{broker.port}", *pinned, wait_s=90)
        assert code == 0 and lines[-1] == "ledger: enrolled; play counts from here on", lines
        code, lines = site.provision("bar", f"--broker=127.0.0.1:{broker.port}", *pinned, wait_s=90)
        assert code == 0 and lines[-1] == "ledger: had it; nothing changed"
    finally:
        serving.terminate()
        serving.wait(60)
    assert [item["name"] for item in site.devices().values()] == ["bar"]


def test_what_it_did_is_printed_as_data_too_and_so_is_a_refusal(site: Site) -> None:
    code, lines = site.provision("bar", "--json", "--setting=board_class=mcu", wait_s=0)
    refusal = json.loads("\n".join(lines[lines.index("{") : lines.index("}") + 1]))["refusal"]
    assert code == 3 and refusal["name"] == "UnreachableError"
    assert f"UnreachableError: {refusal['sentence']}" in lines
    site.start("bar")
    code, lines = site.provision("bar", "--json")
    told = json.loads("\n".join(lines))
    (device,) = site.devices().values()
    assert code == 0 and told.pop("steps")[-1] == "ledger: enrolled; play counts from here on"
    assert told == {
        "device_id": device["device_id"],
        "site": "harbour",
        "name": "bar",
        "tier": 2,
        "predecessor": None,
    }
    out = site.folder / "again.cose"
    for words in (
        ["status", site.port("bar")],
        ["logs", site.port("bar")],
        ["input", site.port("bar"), "volume", "-6"],
        ["pack", site.port("bar"), str(site.pack)],
        ["enrol", site.port("bar"), "--site=s", "--name=n", f"--operator-key-file={site.operator}", f"--out={out}"],
        [
            "prepare",
            str(site.folder / "hall"),
            "--publisher-key=" + "00" * 32,
            "--ledger-key=" + "00" * 32,
            "--setting=out=wav:x",
        ],
    ):
        done = CliRunner().invoke(app, ["device", *words, "--json"])
        assert done.exit_code == 0 and json.loads(done.stdout), (words, done.output)
    words = ["enrol", site.port("bar"), "--site=s", "--name=n", f"--operator-key-file={site.operator}"]
    assert CliRunner().invoke(app, ["device", *words, f"--out={out}"]).exit_code == 0
    out.write_bytes(b"something else")
    refused = CliRunner().invoke(app, ["device", *words, f"--out={out}"])
    assert refused.exit_code == 1 and "OutputRefused: " in refused.output
    assert out.read_bytes() == b"something else"

"""`amos setup`: one file from a few answers, which the courier reads as it stands; asked twice it changes nothing."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from amos_cli.config import line_of
from amos_tools.cli import app
from amos_tools.setup import command
from amos_tools.setup.questions import board_here
from amos_tools.setup.venue_file import PlayerHere, Venue, parse, render

KEY, OTHER_KEY = "ab" * 32, "cd" * 32
ANSWERS = ["--site", "harbour", "--broker", "broker.example:1883", "--ledger-key", KEY, "--publisher-key", OTHER_KEY]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def run(*words: str, said: str | None = None) -> Result:
        places = ["--out", str(tmp_path / "amos.toml"), "--state", str(tmp_path / "state")]
        return CliRunner().invoke(app, ["setup", *places, *words], input=said)

    return run


def test_flags_alone_make_a_file_that_the_courier_reads(run: Any, tmp_path: Path) -> None:
    done = run(*ANSWERS, "--player", "bar", "--player", "hall", "--spool", str(tmp_path / "spool"), "--yes")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "amos.toml").read_text()
    found = tomllib.loads(text)
    assert found["courier"] == {
        "site": "harbour",
        "broker": "broker.example:1883",
        "device": ["unix:/run/amos/bar/link.sock", "unix:/run/amos/hall/link.sock"],
        "spool": str(tmp_path / "spool"),
        "ledger-key": KEY,
        "publisher-key": OTHER_KEY,
    }
    for name in ("bar", "hall"):
        settings = json.loads((tmp_path / "state" / name / "player.json").read_text())
        assert (settings["out"], settings["ledger_key"], settings["publisher_key"]) == ("alsa:default", KEY, OTHER_KEY)
        assert found["player"][name]["directory"] == str(tmp_path / "state" / name)
    (tmp_path / "wrong.toml").write_text(text.replace('site = "harbour"', 'siet = "harbour"'))
    read = CliRunner().invoke(app, ["courier", "run", "--config", str(tmp_path / "wrong.toml")])
    line = line_of(text, "site", "courier")
    assert read.exit_code == 2 and f"wrong.toml:{line}: siet: no setting of this command" in read.stderr
    short = ["--until-idle", "--timeout-s", "1", "--broker", "127.0.0.1:1"]
    read = CliRunner().invoke(app, ["courier", "run", "--config", str(tmp_path / "amos.toml"), *short])
    assert read.exit_code == 1, "it ran, with the file's settings, and nobody was there"


def test_paths_mean_the_same_wherever_the_courier_runs(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "word").write_text("secret\n")
    words = [*ANSWERS, "--port", "unix:/p.sock", "--spool", "spool", "--password-file", "word", "--yes"]
    assert run(*words).exit_code == 0
    found = tomllib.loads((tmp_path / "amos.toml").read_text())["courier"]
    assert (found["spool"], found["password-file"]) == (str(tmp_path / "spool"), str(tmp_path / "word"))
    assert found["username"] == "harbour", "the rules of the broker want the site's name"


def test_again_it_keeps_what_nobody_changes(run: Any, tmp_path: Path) -> None:
    assert run(*ANSWERS, "--player", "bar", "--out-device", "alsa:hw:1", "--yes").exit_code == 0
    path = tmp_path / "amos.toml"
    first = path.read_text()
    assert run("--yes").exit_code == 0 and path.read_text() == first
    path.write_text(first.replace("\n[courier]", "\n[courier]\nspool-mib = 64"))
    assert run("--yes", "--broker", "other.example").exit_code == 0
    found = tomllib.loads(path.read_text())
    assert found["courier"]["spool-mib"] == 64 and found["courier"]["broker"] == "other.example"
    assert found["player"]["bar"]["out"] == "alsa:hw:1"


def test_a_person_is_asked_for_what_is_missing_and_told_what_is_wrong(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "someone_is_there", lambda: True)
    monkeypatch.setattr(command, "serial_ports_here", list)
    said = [
        "Harbour!",
        "harbour",
        "mqtt://broker",
        "broker.example",
        "",
        "bar",
        "wav:bar.wav",
        "",
        "12",
        KEY,
        KEY,
        "",
        "",
    ]
    done = run(said="\n".join(said) + "\n")
    assert done.exit_code == 0, done.output
    assert "expected 1 to 64 of a-z" in done.output and "found the URL" in done.output and "64 hex" in done.output
    found = tomllib.loads((tmp_path / "amos.toml").read_text())
    assert found["courier"]["site"] == "harbour" and found["player"]["bar"]["out"] == "wav:bar.wav"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--site", "x"], 2, "--broker: expected it, since nobody is there to ask"),
        ([*ANSWERS, "--site", "Harbour Café", "--player", "bar"], 2, "--site: expected 1 to 64 of a-z"),
        ([*ANSWERS, "--broker", "user:secret@host", "--player", "bar"], 2, "without a name and a password"),
        ([*ANSWERS, "--ledger-key", "12", "--player", "bar"], 2, "--ledger-key: expected a public key"),
        ([*ANSWERS, "--port", "usb0"], 2, "expected unix:/path/to.sock or serial:/dev/ttyACM0"),
        ([*ANSWERS, "--player", "bar", "--out-device", "speaker"], 2, "out"),
        ([*ANSWERS, "--player", "bar", "--board", "pi-9"], 2, "pi-9"),
        ([*ANSWERS, "--player", "bar", "--packs", "http://"], 2, "packs"),
    ],
)
def test_an_answer_without_meaning_writes_nothing(
    words: list[str], code: int, sentence: str, run: Any, tmp_path: Path
) -> None:
    done = run(*words, "--yes")
    assert (done.exit_code, sentence in done.output, "secret" in done.output) == (code, True, False), done.output
    assert not (tmp_path / "amos.toml").exists() and not (tmp_path / "state").exists()


def test_a_file_of_somebody_elses_stays(run: Any, tmp_path: Path) -> None:
    (tmp_path / "amos.toml").write_text("mine = 1\n")
    done = run(*ANSWERS, "--player", "bar", "--yes")
    assert done.exit_code == 1 and "--force" in done.output
    assert (tmp_path / "amos.toml").read_text() == "mine = 1\n"
    assert run(*ANSWERS, "--player", "bar", "--yes", "--force").exit_code == 0


def test_any_text_reads_back() -> None:
    odd = 'C:\\"quoted" \x7f \x01 é 🎵'
    venue = Venue({"site": "x", "broker": odd, "device": [odd]}, (PlayerHere("bar", odd, odd),), (("spool-mib", 9),))
    assert parse(render(venue)) == venue


def test_the_board_is_known_by_its_model(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("Raspberry Pi Zero 2 W Rev 1.0\0")
    assert board_here(tmp_path / "model") == "pi-zero-2w" and board_here(tmp_path / "none") is None


def test_what_a_hand_wrote_wrongly_is_refused_and_one_address_is_a_list(run: Any, tmp_path: Path) -> None:
    assert run(*ANSWERS, "--player", "bar", "--yes").exit_code == 0
    text = (tmp_path / "amos.toml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("device = "))
    for wrong in ("device = 3", "device = [3]", 'device = {a = "b"}'):
        (tmp_path / "amos.toml").write_text(text.replace(line, wrong))
        done = run("--yes")
        assert done.exit_code == 1 and "device: expected a list of texts" in done.output, done.output
    (tmp_path / "amos.toml").write_text(text.replace('site = "harbour"', "site = 3"))
    assert "site: expected a text" in run("--yes").output
    (tmp_path / "amos.toml").write_text(text.replace(line, 'device = "unix:/run/x.sock"'))
    assert run("--yes").exit_code == 0
    assert "unix:/run/x.sock" in tomllib.loads((tmp_path / "amos.toml").read_text())["courier"]["device"]


def test_the_operators_key_reaches_courier_and_players(run: Any, tmp_path: Path) -> None:
    assert run(*ANSWERS, "--player", "bar", "--operator-key", "ef" * 32, "--yes").exit_code == 0
    assert tomllib.loads((tmp_path / "amos.toml").read_text())["courier"]["operator-key"] == "ef" * 32
    assert json.loads((tmp_path / "state/bar/player.json").read_text())["operator_key"] == "ef" * 32
    assert run("--yes").exit_code == 0
    assert tomllib.loads((tmp_path / "amos.toml").read_text())["courier"]["operator-key"] == "ef" * 32


def test_relative_places_become_absolute(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ports = ["--port", "unix:players/bar.sock", "--port", "serial:tty*,9600", "--port", "usb:2e8a:0005"]
    assert run(*ANSWERS, *ports, "--packs", "rel/pack", "--yes").exit_code == 0
    courier = tomllib.loads((tmp_path / "amos.toml").read_text())["courier"]
    assert courier["packs"] == str(tmp_path / "rel/pack")
    assert courier["device"] == [f"unix:{tmp_path}/players/bar.sock", f"serial:{tmp_path}/tty*,9600", "usb:2e8a:0005"]
    assert run("--packs", "https://packs.example/cafe", "--yes").exit_code == 0
    assert tomllib.loads((tmp_path / "amos.toml").read_text())["courier"]["packs"] == "https://packs.example/cafe"

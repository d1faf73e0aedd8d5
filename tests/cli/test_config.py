"""Options in a file: the command line goes before it, and whatever is no option or of another kind is refused."""

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from amos_cli.config import Config
from amos_ledger.folder import init_folder
from amos_tools.cli import app as amos

app = typer.Typer()


@app.command()
def show(
    broker: Annotated[str, typer.Option()],
    device: Annotated[list[str], typer.Option()],
    timeout_s: Annotated[int, typer.Option(min=0)] = 3,
    ratio: Annotated[float, typer.Option(max=1.0)] = 0.5,
    until_idle: Annotated[bool, typer.Option("--until-idle")] = False,
    spool: Annotated[Path | None, typer.Option(exists=True)] = None,
    grace: Annotated[list[str] | None, typer.Option()] = None,
    config: Config = None,
) -> None:
    """Print what came in."""
    typer.echo(repr((broker, device, timeout_s, ratio, until_idle, spool)) + " ".join(["", *(grace or [])]))


WHOLE = 'broker = "b.example"\ndevice = ["unix:a", "unix:b"]\ntimeout-s = 9\nratio = 1\nuntil-idle = true\n'


@pytest.fixture
def told(tmp_path: Path) -> Any:
    def run(text: str, *words: str) -> Any:
        (tmp_path / "amos.toml").write_text(text)
        return CliRunner().invoke(app, ["--config", str(tmp_path / "amos.toml"), *words])

    return run


def test_a_file_says_what_the_command_line_would(told: Any, tmp_path: Path) -> None:
    done = told(WHOLE + f'spool = "{tmp_path}"\n')
    assert done.output == repr(("b.example", ["unix:a", "unix:b"], 9, 1.0, True, tmp_path)) + "\n"


def test_a_list_that_need_not_be_there_is_taken_too(told: Any) -> None:
    assert told(WHOLE + 'grace = ["harbour-cafe=7d", "bar=1d"]\n').output.endswith("None) harbour-cafe=7d bar=1d\n")


def test_the_command_line_goes_before_the_file(told: Any) -> None:
    done = told(WHOLE, "--broker", "other", "--timeout-s", "1", "--device", "unix:c")
    assert done.output == repr(("other", ["unix:c"], 1, 1.0, True, None)) + "\n"
    config, *words = ("broker", "--broker", "first")
    assert config and told(WHOLE, *words).output.startswith("('first'"), "in whatever order they stand"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('brocker = "x"', "brocker: no setting of this command; did you mean broker?"),
        ("timeout_s = 1", "timeout_s: no setting of this command; did you mean timeout-s?"),
        ("zzz = 1", "zzz: no setting of this command; expected one of broker, device, grace, ratio, spool, timeout-s"),
        ('config = "x"', "config: no setting of this command"),
        ('[broker]\nx = "y"', "broker: expected a text, found"),
        ("broker = 1", "broker: expected a text, found 1"),
        ('device = "unix:a"', "device: expected a list of texts, found 'unix:a'"),
        ('grace = "harbour-cafe=7d"', "grace: expected a list of texts, found 'harbour-cafe=7d'"),
        ("device = [1]", "device: expected a list of texts, found"),
        ('timeout-s = "9"', "timeout-s: expected a whole number, found '9'"),
        ("timeout-s = true", "timeout-s: expected a whole number, found True"),
        ("timeout-s = 1.5", "timeout-s: expected a whole number, found 1.5"),
        ('until-idle = "yes"', "until-idle: expected true or false, found 'yes'"),
        ("timeout-s = -1", "Invalid value for '--timeout-s'"),
        ("ratio = 1.5", "Invalid value for '--ratio'"),
        ('spool = "/nowhere/at/all"', "does not exist"),
        ("broker =", "expected TOML"),
        ("timeout-s = 1" + "0" * 5000, "expected TOML"),
        ("ratio = 1" + "0" * 400, "ratio: expected a number, found 1000"),
        ('spool = "a\\u0000b"', "spool: expected a text without a zero byte, found 'a"),
        ('grace = ["a\\u0000b"]', "grace: expected a text without a zero byte, found ['a"),
    ],
)
def test_what_is_no_setting_is_refused(told: Any, line: str, words: str) -> None:
    broker = () if line.startswith("broker") else ("--broker", "b", "--device", "d")
    done = told(line + "\n", *broker)
    said = "".join(done.output.replace("│", " ").split())  # the parser breaks lines where it likes
    assert done.exit_code == 2 and "".join(words.split()) in said, done.output


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "bytes"):
        assert CliRunner().invoke(app, ["--config", str(path)]).exit_code == 2


def test_both_daemons_take_one(tmp_path: Path) -> None:
    init_folder(tmp_path / "ledger", "ledger.example/amos", bytes(32), bytes(32))
    (tmp_path / "ca.pem").write_text("none")
    (tmp_path / "ledger.toml").write_text('broker = "127.0.0.1:1"\nonce-idle = 0.3\n')
    words = ["ledger", "serve", str(tmp_path / "ledger"), "--config", str(tmp_path / "ledger.toml")]
    done = CliRunner().invoke(amos, words)
    assert done.exit_code == 3 and "expected one at 127.0.0.1:1, found none in 0.3 s" in done.output
    done = CliRunner().invoke(amos, [*words, "--broker", "127.0.0.1:2"])
    assert done.exit_code == 3 and "127.0.0.1:2" in done.output
    (tmp_path / "courier.toml").write_text(
        f'site = "harbour"\nbroker = "127.0.0.1:1"\ndevice = ["unix:{tmp_path}/none"]\nspool = "{tmp_path}/spool"\n'
        "until-idle = true\ntimeout-s = 1\n"
    )
    words = ["courier", "run", "--config", str(tmp_path / "courier.toml")]
    assert CliRunner().invoke(amos, words).exit_code == 1, "not done after a second: nobody is there"
    for wrong in ("timeout-s = 1\ntls-ac = 'x'\n", f"tls-ca = '{tmp_path}/absent'\n", "mqtt-version = '3'\n"):
        (tmp_path / "more.toml").write_text((tmp_path / "courier.toml").read_text().replace("timeout-s = 1\n", wrong))
        assert CliRunner().invoke(amos, [*words[:-1], str(tmp_path / "more.toml")]).exit_code == 2, wrong

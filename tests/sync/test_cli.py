"""The courier's command line: wrong settings and missing things end in a sentence, never a traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from amos_sync.cli import app
from amos_tools.demo.broker import free_port

RUN = ["run", "--site", "cafe", "--broker", "127.0.0.1:1", "--device", "unix:/nowhere/p"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--device", "usb0"], "expected unix:/path/to.sock or serial:/dev/ttyACM0"),
        (["--site", "Café"], "expected 1 to 64 of a-z"),
        (["--broker", "host:port"], "expected HOST or HOST:PORT"),
        (["--ledger-key", "abc"], "expected 64 hex digits"),
        (["--ledger-key", "ab " * 32], "expected 64 hex digits"),
        (["--publisher-key", "ab " * 32], "expected 64 hex digits"),
        (["--mqtt-version", "6"], "expected auto, 5, 3.1.1"),
        (["--tls-ca", "/nowhere/ca.pem"], "TLS files"),
        (["--spool", "/dev/null/spool"], "spool: cannot use"),
    ],
)
def test_a_wrong_setting_is_named(change: list[str], sentence: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*RUN, "--spool", str(tmp_path), *change])
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_nothing_there_is_told_until_the_time_is_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    missing = ["--device", f"serial:{tmp_path}/tty", "--broker", f"127.0.0.1:{free_port()}", "--spool", str(tmp_path)]
    result = CliRunner().invoke(app, [*RUN, *missing, "--until-idle", "--timeout-s", "3"])
    assert result.exit_code == 1
    for sentence in (
        "no player listens there",
        "not there; plug the player in",
        "cannot be reached",
        "not done after 3 s",
    ):
        assert sentence in caplog.text
    assert "Traceback" not in caplog.text


def test_status_of_no_spool(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["status", "--spool", str(tmp_path)])
    assert (result.exit_code, result.output.strip()) == (
        2,
        f"courier: spool {tmp_path}: none there yet; run the courier first",
    )

"""The courier's command line: wrong settings and missing things end in a sentence, never a traceback."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amos_sync.cli import app
from amos_sync.spool import Spool
from amos_tools.demo.broker import free_port

RUN = ["run", "--site", "cafe", "--broker", "127.0.0.1:1", "--device", "unix:/nowhere/p"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--device", "usb0"], "expected unix:/path/to.sock or serial:/dev/ttyACM0"),
        (["--site", "Café"], "expected 1 to 64 of a-z"),
        (["--broker", "host:port"], "expected HOST or HOST:PORT"),
        (["--ledger-key", "abc"], "expected a public key of 64 hex digits"),
        (["--ledger-key", "ab " * 32], "expected a public key of 64 hex digits"),
        (["--publisher-key", "ab " * 32], "expected a public key of 64 hex digits"),
        (["--mqtt-version", "6"], "expected auto, 5, 3.1.1"),
    ],
)
def test_a_wrong_setting_is_named(change: list[str], sentence: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*RUN, "--spool", str(tmp_path), *change])
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_what_is_no_spool_and_no_certificate_is_refused(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text("none")
    tls = f"TlsFileError: TLS: expected PEM files that belong together in {pem}"
    for change, sentence in (
        (["--spool", "/dev/null/spool"], "SpoolError: spool: cannot use"),
        (["--spool", str(tmp_path), "--tls-ca", str(pem)], tls),
    ):
        result = CliRunner().invoke(app, [*RUN, *change])
        assert result.exit_code == 1 and sentence in result.output


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
        1,
        f"SpoolError: spool {tmp_path}: none there yet; run the courier first",
    )


def test_status_shows_what_is_wrong_while_a_courier_runs(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.stage_faults(json.dumps([{"sentence": "the broker\x1b is away", "since_unix_s": 1_700_000_000}]).encode())
    spool.commit()
    shown = CliRunner().invoke(app, ["status", "--spool", str(tmp_path)]).output
    assert "since 2023-11-1" in shown and "is away" in shown and "\x1b" not in shown and "No courier" not in shown
    found = json.loads(CliRunner().invoke(app, ["status", "--spool", str(tmp_path), "--json"]).output)
    assert found["running"] is True and [fault["since_unix_s"] for fault in found["faults"]] == [1_700_000_000]
    spool.close()
    shown = CliRunner().invoke(app, ["status", "--spool", str(tmp_path)]).output
    assert "No courier runs on this spool" in shown and "is away" not in shown

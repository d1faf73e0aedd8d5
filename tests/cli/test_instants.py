"""Instants that people type mean the same everywhere, in whatever time zone the machine is, or are refused by name."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amos_cli.instants import FORMS, unix_s_of
from amos_cli.output import Exit, UsageError
from amos_tools.cli import app
from amos_tools.fleet.direct import pack_values

NOON = 1_796_126_400
"""2026-12-01 12:00 UTC."""


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is nine hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "unix_s"),
    [
        ("2026-12-01", NOON - 12 * 3600),
        ("2026-12-01T12:00", NOON),
        ("2026-12-01 12:00:07", NOON + 7),
        ("2026-12-01T12:00:07Z", NOON + 7),
        ("2026-12-01T12:00Z", NOON),
        ("2026-12-01T12:00+01:00", NOON - 3600),
        ("2026-12-01T12:00:00-05:30", NOON + 19_800),
        ("1970-01-01", 0),
        ("9999-12-31T23:59:59", 253_402_300_799),
    ],
)
def test_each_form(text: str, unix_s: int) -> None:
    assert unix_s_of(text, "from") == unix_s
    assert pack_values("00" * 32, None, text)["pack_from_unix_s"] == unix_s


NO_FORM = (
    *("", "soon", "1796126400", "2026-12", "01.12.2026", "2026-12-01T12", "2026-12-01T12:00:00.5", "2026-W49-2"),
    *("20261201", "2026-12-01T24:00", "2026-02-30", "0000-01-01", "2026-12-01+01:00", "2026-12-01T12:00 CET"),
    *("2026-12-01T12:00+25:00", " 2026-12-01", "2026-12-01\n", "２026-12-01", "2026-12-01T12:00+0100"),
)


@pytest.mark.parametrize("text", NO_FORM)
def test_what_has_no_form_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        unix_s_of(text, "from")
    assert str(refused.value).startswith(f"from: expected a time like {FORMS}, found ")


def test_what_is_before_1970_is_refused() -> None:
    with pytest.raises(UsageError, match="from: expected 1970 or later, found '1969-12-31T23:59:59'"):
        unix_s_of("1969-12-31T23:59:59", "from")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["pool", "open", "inns", "--ledger", "KEY", "--reason", "x", "--from"], "from"),
        (["pool", "move", "inn", "--to", "inns", "--ledger", "KEY", "--reason", "x", "--from"], "from"),
        (["device", "revoke", "00" * 16, "--out", "out", "--since"], "since"),
        (["fleet", "direct", "bar", "--broker", "127.0.0.1:1", "--pack", "00" * 32, "--pack-from"], "pack-from"),
    ],
)
def test_each_command_says_the_same(words: list[str], option: str, tmp_path: Path) -> None:
    key = tmp_path / "operator.key"
    key.write_bytes(b"o" * 32)
    key.chmod(0o600)
    given = [str(tmp_path) if word == "KEY" else word for word in words]
    done = CliRunner().invoke(app, [*given, "soon", "--operator-key-file", str(key)])
    assert done.exit_code == Exit.USAGE
    assert f"{option}: expected a time like {FORMS}, found 'soon'" in " ".join(done.output.split())

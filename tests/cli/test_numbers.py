"""Numbers that people type, and that pass every bound."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from amos_tools.cli import app


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
@pytest.mark.parametrize(
    "words",
    [
        ("ledger", "serve", ".", "--broker=localhost", "--once-idle"),
        ("ledger", "work", "--broker=localhost", "--once-idle"),
        ("ledger", "watch", ".", "--ratio"),
        ("bench", "render", "--scale"),
    ],
)
def test_what_is_no_number_to_wait_for_or_compare_with_is_refused(words: tuple[str, ...], number: str) -> None:
    done = run(*words, number)
    assert done.exit_code == 2 and words[-1] in done.output, done.output


def test_a_slip_of_the_finger_does_not_give_up_a_player_for_ever(tmp_path: Path) -> None:
    key, out = tmp_path / "operator.key", tmp_path / "lost.cose"
    assert run("key", key).exit_code == 0
    words = ("device", "lost", "0" * 32, 7)
    done = run(*words, 999_999_999_999, "--operator-key-file", key, "--out", out)
    assert done.exit_code == 2 and "LAST: expected at most 1000006" in done.output, done.output
    assert not out.exists()
    done = run(*words, 1_000_006, "--operator-key-file", key, "--out", out)
    assert done.exit_code == 0 and out.exists(), done.output

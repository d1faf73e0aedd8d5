"""Texts that people give and others read, in the log or in a report, show what they say: whatever option takes one."""

from pathlib import Path
from typing import Any

import pytest
from commands import COMMANDS, options
from typer.testing import CliRunner

from amos_cli.output import Exit, UsageError
from amos_cli.text import shown_line
from amos_tools.cli import app

MONEY = ["--amount", "1", "--currency", "EUR", "--ledger", "{dir}"]
PUBLISHED = ["--period", "2026-11", "--published", "{dir}", "--out", "{dir}/out", "--ledger-key", "ab" * 32]
PARTIES = ["--sender", "A", "--sender-dpid", "PADPIDA1", "--recipient", "B", "--recipient-dpid", "PADPIDA2"]
KEY = ["--operator-key-file", "{key}"]
WORDS: dict[str, list[str]] = {
    "pool add-income": [*MONEY, "--period", "2026-11", "--reason", "x"],
    "pool correct": [*MONEY, "--from", "ann", "--reason", "x"],
    "pool refund": [*MONEY, "--from", "ann", "--reason", "x"],
    "pool hold": ["ann", *MONEY, "--reason", "x"],
    "pool release": ["ann", *MONEY, "--reason", "x"],
    "pool pay": ["ann", *MONEY, "--reason", "x"],
    "pool open": ["inns", "--ledger", "{dir}", *KEY, "--reason", "x"],
    "pool move": ["cafe", "--to", "inns", "--ledger", "{dir}", *KEY, "--reason", "x"],
    "ledger quarantine lift": ["{dir}", "ab" * 16, *KEY, "--reason", "x"],
    "ledger quarantine reject": ["{dir}", "ab" * 16, "ab", *KEY, "--reason", "x"],
    "report society": [*PUBLISHED, "--venues", "name"],
    "report dsr": [*PUBLISHED, *PARTIES],
}
"""A command line that has a meaning, without the option that is tried."""

FREE = {"--reason", "--reference", "--licence", "--category", "--rights-type", "--sender", "--recipient"} | {
    "--commercial-model", "--use-type", "--message-version"
}  # fmt: skip
CASES = [(name, option) for name, command in COMMANDS.items() for option in sorted(FREE & options(command))]


@pytest.mark.parametrize("text", ["licence 7", "Zoë, 東京", "a", "é" * 20, "=1+1|\t"[:5], "  x  "])
def test_what_shows_itself_is_taken_as_it_is(text: str) -> None:
    assert shown_line("reason", text, 40) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected 1 to 40 bytes of text, found 0"),
        ("   ", "found 3"),
        ("é" * 21, "found 42"),
        ("a\nb", "found U+000A as letter 2 of 'a?b'"),
        ("a\x1b[2J", "found U+001B"),
        ("a\x7f", "found U+007F"),
        ("a\x9b1m", "found U+009B"),
        ("1 \u202e00,1 to you", "found U+202E as letter 3"),
        ("\u2066x\u2069", "found U+2066"),
        ("a\u200fb", "found U+200F"),
        ("a\u200bb", "found U+200B"),
        ("a\u2028b", "found U+2028"),
        ("\ufeffa", "found U+FEFF"),
        ("a\udcff", "found U+DCFF"),
    ],
)
def test_what_does_not_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        shown_line("reason", text, 40)
    assert said in str(refused.value) and str(refused.value).startswith("reason: ") and str(refused.value).isprintable()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is no ledger: whatever is refused for it was let through."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "operator.key").write_bytes(b"o" * 32)
    (folder / "operator.key").chmod(0o600)
    return folder


@pytest.mark.parametrize(("name", "option"), CASES)
def test_every_option_that_takes_one_looks_at_it(name: str, option: str, place: Path) -> None:
    def said(text: str) -> Any:
        words = [word.format(dir=place, key=place / "operator.key") for word in WORDS[name]]
        return CliRunner().invoke(app, [*name.split(), *words, option, text])

    refused = said("1 \u202e00,1")
    assert refused.exit_code == Exit.USAGE and "found U+202E as letter 3" in " ".join(refused.output.split())
    assert "U+" not in said("1,00").output

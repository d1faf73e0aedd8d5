"""One rule for all commands: what is named and not there, or has no meaning, is exit code 2 and one JSON shape."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import COMMANDS, inputs, kinds, label, options, paths, traits
from typer.testing import CliRunner, Result

from amos_cli.output import Exit
from amos_tools.cli import app

MADE_OR_AWAITED = {
    ("demo", "--workdir"),
    ("vault init", "DIR"),
    ("vault scan", "--sidecar"),
    ("script simulate", "--out"),
    ("script simulate", "--week"),
    ("pack build", "--out"),
    ("pack optouts", "--out"),
    ("pack delegate", "--out"),
    ("render", "--out"),
    ("report society", "--out"),
    ("report playlog", "--out"),
    ("report dsr", "--out"),
    ("report registry", "--out"),
    ("fleet rollout start", "--state"),
    ("fleet serve", "FOLDER"),
    ("device prepare", "DIR"),
    ("device enrol", "--out"),
    ("device revoke", "--out"),
    ("device forgo", "--out"),
    ("device lost", "--out"),
    ("device rotate-operator", "--out"),
    ("device provision", "--records"),
    ("device provision", "--directory"),
    ("device replace", "--records"),
    ("device replace", "--directory"),
    ("boards", "--firmware"),
    ("setup", "--out"),
    ("setup", "--spool"),
    ("setup", "--state"),
    ("courier run", "--spool"),
    ("courier run", "--opt-outs"),  # an operator may put it there later
    ("ledger init", "DIR"),
    ("ledger prove", "--out"),
    ("ledger played", "--csv"),
    ("pool prove", "--out"),
    ("ledger watch", "--state"),
    ("ledger alerts", "--state"),
    ("ledger snooze", "--state"),
    ("pages serve", "--state"),
    ("pool settle", "--out"),
    ("pool show", "--csv"),
    ("pool show", "--html"),
    ("pool show", "--tlog-proof"),
    ("verify", "--page"),
    ("pool simulate", "--out"),
    ("key", "FILE"),
    ("fleet serve", "--records"),
}
"""The only paths that need not be there."""

INPUTS = [(name, label(parameter)) for name, command in COMMANDS.items() for parameter in inputs(command)]


def words_of(name: str, folder: Path, wrong: str, value: Path) -> list[str]:
    """The command with everything that it needs, as far as its parser looks, and `value` for the parameter `wrong`."""
    (folder / "file").touch()
    (folder / "folder").mkdir(exist_ok=True)
    words = name.split()
    for parameter in COMMANDS[name].params:
        if label(parameter) != wrong and not parameter.required:
            continue
        given = str(value) if label(parameter) == wrong else _stand_in(COMMANDS[name], parameter, folder)
        words += [parameter.opts[0], given] if parameter.param_type_name == "option" else [given]
    return words + ["--json"] * ("--json" in options(COMMANDS[name]))


def _stand_in(command: Any, parameter: Any, folder: Path) -> str:
    if parameter in paths(command):
        return str(folder / ("file" if traits(command, parameter).file_okay else "folder"))
    return "1" if kinds(command, parameter) & {int, float} else "x"


def run(words: list[str]) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def check_refused(name: str, result: Result, said: str) -> None:
    assert result.exit_code == Exit.USAGE, result.output
    assert result.stderr.startswith("UsageError: ") and result.stderr.count("\n") == 1
    assert said in result.stderr
    if "--json" in options(COMMANDS[name]):
        refusal = json.loads(result.stdout)["refusal"]
        assert (set(refusal), refusal["name"]) == ({"name", "sentence", "hint"}, "UsageError")
        assert said in refusal["sentence"] and refusal["hint"] == f"{_program(result)} {name} --help says what it takes"


def _program(result: Result) -> str:
    return str(result.stderr.rpartition("(")[2].split()[0])


def test_every_path_of_every_command_is_known() -> None:
    every = {(name, label(parameter)) for name, command in COMMANDS.items() for parameter in paths(command)}
    free = every - set(INPUTS)
    assert free == MADE_OR_AWAITED, "what a command reads is made with `amos_cli.paths`"
    assert len(INPUTS) > 40


@pytest.mark.parametrize(("name", "parameter"), INPUTS)
def test_what_is_not_there_is_an_error_of_the_command_line(name: str, parameter: str, tmp_path: Path) -> None:
    missing = tmp_path / "not-there"
    check_refused(name, run(words_of(name, tmp_path, parameter, missing)), str(missing))


def of_the_other_kind() -> Iterator[tuple[str, str, str]]:
    for name, command in COMMANDS.items():
        for parameter in inputs(command):
            if not traits(command, parameter).dir_okay:
                yield name, label(parameter), "folder"
            if not traits(command, parameter).file_okay:
                yield name, label(parameter), "file"
                yield name, label(parameter), "/dev/null"


@pytest.mark.parametrize(("name", "parameter", "other"), list(of_the_other_kind()))
def test_a_folder_is_no_file(name: str, parameter: str, other: str, tmp_path: Path) -> None:
    check_refused(name, run(words_of(name, tmp_path, parameter, tmp_path / other)), str(tmp_path / other))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_unknown_option_too(name: str) -> None:
    result = run([*name.split(), "--no-such-option", "--json"])
    assert result.exit_code == Exit.USAGE
    refusal = json.loads(result.stdout)["refusal"]
    assert (set(refusal), refusal["name"]) == ({"name", "sentence", "hint"}, "UsageError")


def test_json_is_not_asked_for_behind_the_end_of_options() -> None:
    result = run(["vault", "list", "--", "--json"])
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")


def test_an_unknown_command_and_no_command() -> None:
    result = run(["valt", "--json"])
    assert result.exit_code == Exit.USAGE and json.loads(result.stdout)["refusal"]["name"] == "UsageError"
    assert "Usage" in run(["vault"]).output, "a group by itself shows its help"

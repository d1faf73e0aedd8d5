"""Ctrl-C: one line and exit code 130, whenever it comes."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from amos_cli.interrupted import INTERRUPTED, saying_interrupted
from amos_tools.__main__ import main

LOADING = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "{name}":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
"""


def interrupted(at: str, *words: str) -> tuple[int, str, str]:
    """The command `amos WORDS`, interrupted when it begins to load the module `at`."""
    code = LOADING.format(name=at) + "from amos_tools.__main__ import main\nmain()\n"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


# Typer takes what comes while it runs a command, as the last two, for an exit of its own.
@pytest.mark.parametrize("at", ["typer", "amos_tools.cli", "amos_sync.cli", "amos_sync.stick_packs"])
def test_an_interrupt_while_the_command_is_loaded(at: str, tmp_path: Path) -> None:
    found = interrupted(at, "courier", "status", "--spool", str(tmp_path), "--json")
    assert found == (INTERRUPTED, "", "amos: interrupted\n")


def test_a_command_that_says_itself_what_is_left_is_not_added_to(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end, saying_interrupted("amos"):
        sys.exit(INTERRUPTED)
    assert (end.value.code, capsys.readouterr().err) == (INTERRUPTED, "")


def test_the_program_begins_where_interrupts_are_understood() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    module, _colon, name = project["scripts"]["amos"].partition(":")
    assert getattr(importlib.import_module(module), name) is main

"""Every command of `amos`, as its own help knows it: what prints facts prints them as JSON too."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import COMMANDS, options
from needed import missing
from typer.testing import CliRunner

from amos_cli.output import Exit
from amos_tools import toolchain
from amos_tools.cli import app

OPERATING = Path(__file__).resolve().parents[2] / "host_tools" / "OPERATING.md"
NO_FACTS = {
    "script format": "prints the script itself",
    "player": "runs the firmware, which logs",
    "courier run": "runs and logs",
    "ledger serve": "runs and logs",
    "ledger work": "runs and logs",
    "pages serve": "runs and logs",
    "fleet serve": "runs and logs",
    "ledger watch": "runs and logs; `ledger alerts` prints what it found",
}


def test_what_prints_facts_has_json() -> None:
    assert len(COMMANDS) > 30
    without = {name for name, command in COMMANDS.items() if "--json" not in options(command)}
    assert without == NO_FACTS.keys(), "only these print no facts of their own"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_option_means_one_thing(name: str) -> None:
    """A key by its digits is public; what reads a file says so in its name."""
    for parameter in COMMANDS[name].params:
        for option in parameter.opts:
            if option in ("--publisher-key", "--ledger-key", "--operator-key"):
                assert parameter.metavar == "HEX", option
            if option.endswith("-key-file"):
                assert parameter.metavar == "FILE", option
    assert not {"--install-completion", "--show-completion"} & options(COMMANDS[name]), "only `amos` itself has it"


def test_exit_codes_are_documented() -> None:
    text = OPERATING.read_text()
    for code in Exit:
        assert f"| {code.value} |" in text, code


@pytest.mark.parametrize(
    "words",
    [
        ["vault", "list", "{}"],
        ["vault", "optout", "{}", "--artist", "x"],
        ["script", "check", "{}/none.aimi", "--vault", "{}"],
        ["pack", "show", "{}", "--publisher-key", "ab" * 32],
        ["render", "{}", "-o", "{}/x.wav", "--publisher-key", "ab" * 32, "--length", "1s"],
        ["provenance", "{}/x.wav"],
        ["boards", "no-such-board"],
        ["journal", "fsck", "{}/none"],
        ["courier", "status", "--spool", "{}"],
        ["ledger", "status", "{}"],
        ["pool", "show", "{}/none"],
        ["verify", "{}/none"],
        ["bench", "rendr"],
    ],
)
def test_a_refusal_is_one_json_object_too(words: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*(word.format(tmp_path) for word in words), "--json"])
    assert result.exit_code in (Exit.FINDING, Exit.USAGE), result.output
    found = json.loads(result.stdout)
    assert set(found["refusal"]) == {"name", "sentence", "hint"}
    assert "Traceback" not in result.output


def test_the_version_is_the_distributions() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.output == f"amos {importlib.metadata.version('amos')}\n" and result.exit_code == 0


def completed(shell: str, home: Path, script: str) -> str:
    """What the shell prints after `amos --install-completion`, started anew with its start file."""
    program = toolchain.zsh() if shell == "zsh" else shutil.which(shell)
    if program is None:
        missing(toolchain.explain(shell))
    commands_at = Path(sys.executable).parent
    environment = {"HOME": str(home), "PATH": f"{commands_at}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
    outputs = []
    for words in ("amos --install-completion; echo done", script):  # amos looks at who started it
        done = subprocess.run([program, "-c", words], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert f"{shell} completion installed" in outputs[0]
    return outputs[1]


BASH = """
source ~/.bashrc
complete_line() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
    $(complete -p amos | sed 's/.*-F \\([^ ]*\\).*/\\1/') amos "${@: -1}"
    echo "${COMPREPLY[@]}"
}
complete_line amos va
complete_line amos vault im
complete_line amos pack build --publ
"""


def test_tab_completes_in_bash(tmp_path: Path) -> None:
    assert completed("bash", tmp_path, BASH).split() == ["vault", "import", "--publisher-key-file"]


def test_tab_completes_in_zsh(tmp_path: Path) -> None:
    # zsh's widgets need a terminal, so its completion function is called with a `compadd` that prints.
    script = """
    fpath+=~/.zfunc
    _arguments() { print -r -- "$@" }
    _describe() { print -r -- "$@" }
    compdef() { : }
    words=(amos vault im); CURRENT=3
    source ~/.zfunc/_amos
    _amos_completion
    """
    assert "import" in completed("zsh", tmp_path, script)

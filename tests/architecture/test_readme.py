"""What README.md and the guides name exists: paths, `make` targets, `amos` commands and their options.

Every command that exists is in one of them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

PROJECT = Path(__file__).resolve().parents[2]
GUIDES = (
    *("README.md", "host_tools/OPERATING.md", "boards/README.md", "boards/mosquitto/README.md"),
    *("daemon/amos_ledger/RUNNING.md", "host_tools/amos_tools/device/PLAYERS.md"),
    "host_tools/amos_tools/pages/PAGES.md",
    *("host_tools/amos_tools/audit/AUDITING.md", "host_tools/amos_tools/script/REFERENCE.md"),
)
README_LINES_MAX = 90
"""Two screens."""
README = "\n".join((PROJECT / name).read_text() for name in GUIDES)
TOP_LEVEL = sorted(path.name for path in PROJECT.iterdir() if not path.name.startswith("."))


def code() -> list[str]:
    """Every line of fenced code, its continuation lines joined, and every inline code span."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", "").splitlines()] + re.findall(
        r"`([^`\n]+)`", prose
    )


def paths() -> list[str]:
    """Words that begin with a file or folder of the top level, such as firmware/amos/sound/SPEC.md."""
    start = "|".join(re.escape(name) for name in TOP_LEVEL)
    words = {
        word.rstrip(".,:;)") for line in code() for word in re.findall(rf"(?<![\w/.-])(?:{start})/[\w./*-]*", line)
    }
    return sorted(words)


def make_targets() -> list[str]:
    commands = [re.match(r"(?:\$ )?make((?: +[a-z][\w-]*)+)", line.strip()) for line in code()]
    return sorted({target for match in commands if match for target in match[1].split()})


def amos_commands() -> list[str]:
    """Command lines that begin with `amos`, up to a comment or a pipe."""
    lines = [re.match(r"(?:\$ )?(?:\.venv/bin/)?(amos [a-z][^#|>]*)", line.strip()) for line in code()]
    return sorted({match[1].strip() for match in lines if match})


def command_fault(line: str) -> str | None:
    """What is wrong with the first word or option that the command line interface does not know."""
    from amos_tools import cli

    command: Any = typer.main.get_command(cli.app)
    for word in line.split()[1:]:
        if word.startswith("-"):
            name = word.partition("=")[0]
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            if name not in known | {"--help"}:
                return f"{line}: no option {name}; have {sorted(known)}"
        elif hasattr(command, "get_command"):
            found = command.get_command(None, word)
            if found is None:
                return f"{line}: no command {word}; have {sorted(command.list_commands(None))}"
            command = found
    return None


def all_commands(command: Any, name: str = "amos") -> Iterator[str]:
    if hasattr(command, "list_commands"):
        for word in command.list_commands(None):
            yield from all_commands(command.get_command(None, word), f"{name} {word}")
    else:
        yield name


def links() -> list[str]:
    return re.findall(r"\]\((?!https?:)([^)#]+)\)", (PROJECT / "README.md").read_text())


def test_every_command_is_documented() -> None:
    from amos_tools import cli

    documented = [f"{line} " for line in code()]
    missing = [
        name
        for name in all_commands(typer.main.get_command(cli.app))
        if not any(re.search(rf"\b{name}[^\w-]", line) for line in documented)
    ]
    assert not missing


def test_readme_is_two_screens_and_its_links_lead_somewhere() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= README_LINES_MAX
    assert "CONTRIBUTING.md" in links()
    assert not [link for link in links() if not (PROJECT / link).exists()]


def test_paths_exist() -> None:
    assert not [path for path in paths() if not list(PROJECT.glob(path.rstrip("/")))]


def test_make_targets_exist_and_the_two_that_do_everything_are_shown() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    assert not [name for name in make_targets() if not re.search(rf"^{name}\b[^=]*:", makefile, re.MULTILINE)]
    assert {"demo", "test"} <= set(make_targets())


def test_amos_commands_and_their_options_exist() -> None:
    assert not [fault for line in amos_commands() if (fault := command_fault(line))]

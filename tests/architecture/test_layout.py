"""The top level holds what the layout names, and nothing lands beside it."""

import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile", "pyproject.toml"),
    *(".ci", ".gitignore", ".pre-commit-config.yaml"),
    *("boards", "firmware", "daemon", "host_tools", "tests"),
}
PACKAGES = {
    "firmware": {"amos", "boot.py", "main.py", "manifest.py", "package.json"},
    "daemon": {
        "DESIGN.md",
        "amos_batches",
        "amos_cli",
        "amos_inputs",
        "amos_metrics",
        "amos_mqtt",
        "amos_places",
        "amos_sync",
        "amos_ledger",
        "amos_web",
    },
    "host_tools": {"amos_player", "amos_tools", "OPERATING.md", "screenshots"},
}


def kept_files() -> list[str]:
    """Files that git has or would take; ignored ones are nobody's concern."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout, so nothing tells project files from others")
    return [name for name in done.stdout.split("\0") if name]


def test_top_level_holds_only_what_the_layout_names() -> None:
    assert {name.partition("/")[0] for name in kept_files()} <= TOP_LEVEL


@pytest.mark.parametrize("folder", sorted(PACKAGES))
def test_source_folder_holds_only_its_packages(folder: str) -> None:
    inside = {name.split("/")[1] for name in kept_files() if name.startswith(folder + "/")}
    assert inside <= PACKAGES[folder]

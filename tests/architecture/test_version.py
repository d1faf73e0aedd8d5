"""The version stands in one place, `firmware/amos/__init__.py`, and everything that tells a version tells that one."""

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

from amos import __version__
from amos_sync.courier import VERSION as COURIER_VERSION

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("firmware", "daemon", "host_tools")
PACKAGES = (
    "firmware/amos",
    "daemon/amos_cli",
    "daemon/amos_batches",
    "daemon/amos_mqtt",
    "daemon/amos_inputs",
    "daemon/amos_metrics",
    "daemon/amos_places",
    "daemon/amos_sync",
    "daemon/amos_ledger",
    "daemon/amos_web",
    "host_tools/amos_player",
    "host_tools/amos_tools",
)


def test_the_package_has_the_version_of_the_firmware() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"]["path"] == "firmware/amos/__init__.py"
    assert version("amos") == __version__


def test_boards_and_couriers_tell_it() -> None:
    assert json.loads((PROJECT / "firmware" / "package.json").read_text())["version"] == __version__
    assert __version__ == COURIER_VERSION


def test_no_source_repeats_it() -> None:
    text = re.compile(rf"[\"']{re.escape(__version__)}[\"']")
    found = {
        str(path.relative_to(PROJECT))
        for source in SOURCES
        for path in (PROJECT / source).rglob("*.py")
        if text.search(path.read_text())
    }
    assert found == {"firmware/amos/__init__.py"}


def test_the_changelog_begins_with_what_comes_and_has_this_version() -> None:
    headings = re.findall(r"^## (.*)$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].startswith(f"{__version__} ")


def test_every_package_says_that_it_is_typed() -> None:
    assert not [package for package in PACKAGES if not (PROJECT / package / "py.typed").is_file()]

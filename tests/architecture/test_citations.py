"""A comment that cites the design names a page of this repository, and a section that it has."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("firmware", "daemon", "host_tools", "boards")
CITATION = re.compile(r"([\w/]*)DESIGN(\.md)?(?: section)?((?: \d+)?)")
SHARED = "daemon/DESIGN.md"
LEDGER = "daemon/amos_ledger/"
"""Its files may call the page in their own folder by its short name."""


def citations() -> list[tuple[str, str, str]]:
    """Source file, page cited, section or nothing."""
    found = []
    for source in SOURCES:
        for path in sorted((PROJECT / source).rglob("*.py")):
            name = str(path.relative_to(PROJECT))
            for folder, suffix, section in CITATION.findall(path.read_text()):
                assert suffix, f"{name}: cites a design without naming its file"
                page = f"{LEDGER}DESIGN.md" if not folder and name.startswith(LEDGER) else f"{folder}DESIGN.md"
                found.append((name, page, section.strip()))
    return found


def test_something_is_cited() -> None:
    assert len(citations()) > 8


@pytest.mark.parametrize(("source", "page", "section"), sorted(set(citations())))
def test_the_page_and_its_section_exist(source: str, page: str, section: str) -> None:
    assert (PROJECT / page).is_file(), f"{source} cites {page}"
    if section:
        assert re.search(rf"^## {section}\. ", (PROJECT / page).read_text(), re.MULTILINE), (
            f"{source}: {page} {section}"
        )


def test_the_pages_that_the_design_names_exist() -> None:
    text = (PROJECT / SHARED).read_text()
    named = set(re.findall(r"`((?:daemon|firmware|host_tools|tests)/[\w./]+)`", text))
    assert len(named) > 5
    assert not [name for name in named if not (PROJECT / name).exists()]

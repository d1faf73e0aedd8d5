"""One small ledger with its pages for all tests of a file; its helper is imported by plain name."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from visitors import as_wide_as_a_phone

sys.path.append(str(Path(__file__).parent))

from pages_world import PagesWorld


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesWorld]:
    """One for all tests of a file."""
    with PagesWorld(tmp_path_factory.mktemp("pages")) as world:
        yield world


@pytest.fixture(scope="module")
def phone(chromium: tuple[Path, Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with as_wide_as_a_phone(chromium, tmp_path_factory.mktemp("profile")) as running:
        yield running

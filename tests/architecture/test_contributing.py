"""CONTRIBUTING.md names the places to change; each is there, has the symbol named, and the example went there too."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "CONTRIBUTING.md").read_text()
LINES_MAX = 10
RECIPES = {match[1]: match[2] for match in re.finditer(r"^## (Add .*)\n((?:(?!^## ).*\n?)*)", PAGE, re.MULTILINE)}
FILE = r"`((?:firmware|daemon|host_tools|boards|tests)/[\w./-]+\.\w+|CHANGELOG\.md)`"


def example_of(recipe: str) -> re.Pattern[str]:
    """The recipe's example as places write it: `set tier`, SET_TIER, set-tier, _set_tier."""
    match = re.search(r"^Example: `([^`]+)`", RECIPES[recipe], re.MULTILINE)
    assert match, f"{recipe}: names no example"
    return re.compile(re.sub(r"[ _]", "[ _.-]", match[1]), re.IGNORECASE)


def places() -> list[tuple[str, str]]:
    return [(recipe, path) for recipe, text in RECIPES.items() for path in dict.fromkeys(re.findall(FILE, text))]


def symbols() -> list[tuple[str, str]]:
    found = re.findall(FILE + r",\s+`(\w+)`", PAGE) + re.findall(FILE + r',\s+"([^"]+)"', PAGE)
    return sorted(set(found))


def test_there_is_a_recipe_for_each_thing_that_is_often_added() -> None:
    assert [recipe.split()[2] for recipe in RECIPES] == ["verb", "verdict", "setting", "board", "version"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_short(recipe: str) -> None:
    assert len(RECIPES[recipe].strip().splitlines()) <= LINES_MAX


@pytest.mark.parametrize(("recipe", "path"), places())
def test_the_place_exists_and_the_example_went_there(recipe: str, path: str) -> None:
    assert (PROJECT / path).is_file(), f"{recipe}: no {path}; if it moved, say where in CONTRIBUTING.md"
    # A board's file has its name outside.
    assert example_of(recipe).search(f"{path}\n{(PROJECT / path).read_text()}"), f"{recipe}: {path} lacks the example"


@pytest.mark.parametrize(("path", "symbol"), symbols())
def test_the_symbol_is_there(path: str, symbol: str) -> None:
    assert re.search(rf"\b{re.escape(symbol)}\b", (PROJECT / path).read_text()), f"{path} has no {symbol}"


def test_the_commands_of_the_page_exist() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake ([a-z][\w-]*)", PAGE))
    assert "lint" in targets
    assert not [name for name in targets if not re.search(rf"^[\w -]*\b{name}\b[\w -]*:", makefile, re.MULTILINE)]
    assert not [name for name in re.findall(r"pytest -q (\S+)", PAGE) if not (PROJECT / name).exists()]

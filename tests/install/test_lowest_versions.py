"""The constraints that tests/install/test_installed.py installs the lowest versions with."""

import pytest
from wheels import PROJECT, lowest_versions


def test_every_declared_package_has_a_lowest_version() -> None:
    found = lowest_versions((PROJECT / "pyproject.toml").read_text())
    assert len(found) >= 10 and all("==" in line for line in found)


def test_markers_stay_and_our_own_extras_are_no_packages() -> None:
    text = """
        [project]
        dependencies = ["a>=1.2", "b-c>=3,<5; sys_platform == 'linux'"]
        optional-dependencies = {x = ["d>=4.5"], y = ["amos[x]", "a>=1.2"], z = ["amos[x,y]"]}
    """
    assert lowest_versions(text) == ["a==1.2", "b-c==3; sys_platform == 'linux'", "d==4.5"]


@pytest.mark.parametrize("line", ["a", "a==1", "a~=1.2", "a<2", "a>=1,!=2"])
def test_a_line_without_a_lowest_version_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="expected a lowest version"):
        lowest_versions(f'[project]\ndependencies = ["{line}"]')

"""How venues appear: one policy, and pseudonyms that are stable for who holds the key and tell nothing to others."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos_ledger.settlement.venues import Venue, VenuePolicyError, Venues
from amos_tools.report.errors import BadVenueList
from amos_tools.report.venue_list import read_venues

KEY, OTHER = b"k" * 32, b"o" * 32
STATED = {"cafe": Venue("Café Blau", "DE-BE", "DE"), "harbour": Venue("", "", "SE")}


def test_by_name_region_and_pseudonym() -> None:
    by_name, by_region = Venues("name", stated=STATED), Venues("region", stated=STATED)
    assert [by_name.venue(site) for site in ("cafe", "harbour", "bar")] == ["Café Blau", "harbour", "bar"]
    assert [by_region.venue(site) for site in ("cafe", "harbour", "bar")] == ["DE-BE", "", ""]
    assert [by_name.territory(site, "NO") for site in ("cafe", "harbour", "bar")] == ["DE", "SE", "NO"]
    assert by_name.player(bytes(16)) == bytes(16).hex() and by_region.player(bytes(16)) == ""


def test_a_pseudonym_is_the_same_in_every_paper_of_an_operator() -> None:
    assert (
        Venues("pseudonym", KEY).venue("cafe") == Venues("pseudonym", KEY, STATED).venue("cafe") == "osw5gj3wjrqdueqr"
    )


@given(sites=st.sets(st.text("abcdefghij-_", min_size=1, max_size=8), min_size=2, max_size=20))
def test_pseudonyms_differ_by_site_and_by_key_and_hold_no_name(sites: set[str]) -> None:
    ours, theirs = Venues("pseudonym", KEY), Venues("pseudonym", OTHER)
    names = {site: ours.venue(site) for site in sites}
    assert len(set(names.values())) == len(sites)
    assert all(theirs.venue(site) != name and len(name) == 16 for site, name in names.items())
    assert ours.player(b"cafe") != ours.venue("cafe")


@pytest.mark.parametrize(("policy", "key"), [("pseudonym", None), ("pseudonym", b"short"), ("secret", KEY)])
def test_a_policy_that_lacks_what_it_needs_is_refused(policy: str, key: bytes | None) -> None:
    with pytest.raises(VenuePolicyError, match="venues: expected"):
        Venues(policy, key)


def test_the_list_is_read_as_far_as_it_states(tmp_path: Path) -> None:
    path = tmp_path / "venues.csv"
    path.write_text("\ufeffsite,territory,name\r\ncafe,DE,Café Blau\r\n\r\nharbour,,\r\n")
    assert read_venues(path) == {"cafe": Venue("Café Blau", "", "DE"), "harbour": Venue()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected the column site"),
        ("name\n", "expected the column site"),
        ("site,nmae\n", "the nearest is name"),
        ("site,site\n", "each once"),
        ("site\na\na\n", "line 3: expected a site that comes once, found 'a'"),
        ("site,name\na\n", "line 2: expected 2 cells, found 1"),
        ("site,name\n,x\n", "a site that comes once, found ''"),
        ("site,territory\na,de\n", "two capital letters"),
        ("site,name\na,be\x07ll\n", "printable"),
        ('site\n"a\n', "comma-separated values"),
    ],
)
def test_a_list_of_another_form_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "venues.csv").write_text(text)
    with pytest.raises(BadVenueList, match=said):
        read_venues(tmp_path / "venues.csv")


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "venues.csv").write_bytes(b"site\n\xff\n")
    with pytest.raises(BadVenueList, match="expected UTF-8"):
        read_venues(tmp_path / "venues.csv")

"""How venues appear in what a ledger writes: `venues.json` in its folder; without it, as pseudonyms.

The key for pseudonyms follows from the ledger's first one, which every operator keeps a copy of: a ledger that is
restored tells the same ones.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from amos.edges.durable_host import write_whole
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.own_json import read_json
from amos_ledger.settlement.venues import POLICIES, PSEUDONYM, Venue, Venues

_POLICY = "venues.json"


class VenuePolicyUnreadable(LedgerError):
    """The folder's policy is none that this program wrote."""


def read_policy(folder: Folder) -> Venues:
    """Raises `VenuePolicyUnreadable`, `OSError`."""
    policy, stated = _stated(folder.path / _POLICY)
    return Venues(policy, folder.derived_key(b"venues") if policy == PSEUDONYM else None, stated)


def write_policy(folder: Folder, policy: str, stated: Mapping[str, Venue]) -> None:
    """Durably. Raises `OSError`."""
    venues = {
        site: {"name": venue.name, "region": venue.region, "territory": venue.territory}
        for site, venue in stated.items()
    }
    text = json.dumps({"policy": policy, "venues": venues}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write_whole(folder.path / _POLICY, text.encode(), 0o600)


def _stated(path: Path) -> tuple[str, dict[str, Venue]]:
    if not path.exists():
        return PSEUDONYM, {}
    try:
        found = read_json(path)
        venues = found["venues"].items()
        stated = {site: Venue(**{name: str(text) for name, text in told.items()}) for site, told in venues}
        policy = found["policy"]
    except (ValueError, KeyError, TypeError, AttributeError):
        policy, stated = "", {}
    if policy not in POLICIES:
        raise VenuePolicyUnreadable(f"{path}: expected a policy for venues; write it again: amos pool venues")
    return policy, stated

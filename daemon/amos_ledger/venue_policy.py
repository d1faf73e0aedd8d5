"""How venues appear in what a ledger writes: `venues.json` in its folder, and `venues.key` for pseudonyms (mode 0600).

A folder without them tells pseudonyms, by a key that is made when it is asked for first.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from amos.edges.durable_host import write_whole
from amos_ledger.errors import LedgerError
from amos_ledger.settlement.venues import KEY_BYTES, POLICIES, PSEUDONYM, Venue, Venues

_POLICY, _KEY = "venues.json", "venues.key"


class VenuePolicyUnreadable(LedgerError):
    """The folder's policy is none that this program wrote."""


def read_policy(folder: Path) -> Venues:
    """Raises `VenuePolicyUnreadable`, `OSError`."""
    policy, stated = _stated(folder / _POLICY)
    return Venues(policy, _key(folder / _KEY) if policy == PSEUDONYM else None, stated)


def write_policy(folder: Path, policy: str, stated: Mapping[str, Venue]) -> None:
    """Durably. The key stays what it is, so pseudonyms do. Raises `OSError`."""
    venues = {
        site: {"name": venue.name, "region": venue.region, "territory": venue.territory}
        for site, venue in stated.items()
    }
    text = json.dumps({"policy": policy, "venues": venues}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write_whole(folder / _POLICY, text.encode(), 0o600)


def key_path(folder: Path) -> Path:
    """Where the key for pseudonyms is."""
    return folder / _KEY


def _key(path: Path) -> bytes:
    if not path.exists():
        write_whole(path, secrets.token_bytes(KEY_BYTES), 0o600)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise VenuePolicyUnreadable(f"{path}: expected a key of {KEY_BYTES} bytes, found {len(key)}")
    return key


def _stated(path: Path) -> tuple[str, dict[str, Venue]]:
    if not path.exists():
        return PSEUDONYM, {}
    try:
        found = json.loads(path.read_bytes())
        venues = found["venues"].items()
        stated = {site: Venue(**{name: str(text) for name, text in told.items()}) for site, told in venues}
        policy = found["policy"]
    except (ValueError, KeyError, TypeError, AttributeError):
        policy, stated = "", {}
    if policy not in POLICIES:
        raise VenuePolicyUnreadable(f"{path}: expected a policy for venues; write it again: amos pool venues")
    return policy, stated

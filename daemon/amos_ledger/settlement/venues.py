"""How venues appear to payees and societies: by name, by region, or by a pseudonym. The operator decides. Pure.

One policy for all that leaves the operator's house, so that no paper tells what another one hides. A pseudonym is a
keyed hash, and nobody without the key can try names. A payee's papers have pseudonyms of their own: the same from month
to month, and others than those of another payee, so that statements side by side do not name a venue alike.
"""

import hashlib
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, field

NAME, REGION, PSEUDONYM = "name", "region", "pseudonym"
POLICIES = (NAME, REGION, PSEUDONYM)

KEY_BYTES = 32
_HASH_BYTES = 10
"""As many as give 16 letters: among a million venues, two have the same pseudonym in one operator of a trillion."""


class VenuePolicyError(ValueError):
    """The policy lacks what it needs."""


@dataclass(frozen=True)
class Venue:
    """What an operator states of a site; empty where it is not stated. `territory`: ISO 3166-1, two letters."""

    name: str = ""
    region: str = ""
    territory: str = ""


@dataclass(frozen=True)
class Venues:
    """The policy, the operator's key for pseudonyms, and what is stated of sites. Raises `VenuePolicyError`."""

    policy: str
    key: bytes | None = None
    stated: Mapping[str, Venue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise VenuePolicyError(f"venues: expected one of {', '.join(POLICIES)}, found {self.policy!r}")
        if self.policy == PSEUDONYM and (self.key is None or len(self.key) != KEY_BYTES):
            raise VenuePolicyError(f"venues: expected a key of {KEY_BYTES} bytes for pseudonyms, found none")

    @property
    def merges(self) -> bool:
        """Whether several sites are told as one."""
        return self.policy == REGION

    def of_payee(self, payee: str | None) -> "Venues":
        """The same policy for what this payee reads; None: for what is no payee's."""
        if payee is None or self.key is None:
            return self
        key = hashlib.blake2b(payee.encode(), digest_size=KEY_BYTES, key=self.key, person=b"amos-payee").digest()
        return Venues(self.policy, key, self.stated)

    def venue(self, site: str) -> str:
        """How the site appears; an empty text where its region is asked for and not stated."""
        if self.policy == PSEUDONYM:
            return self._pseudonym(b"site", site.encode())
        stated = self.stated.get(site, Venue())
        return stated.region if self.policy == REGION else stated.name or site

    def player(self, device_id: bytes) -> str:
        """How a player appears where each is told apart; an empty text where only regions are told."""
        if self.policy == PSEUDONYM:
            return self._pseudonym(b"player", device_id)
        return device_id.hex() if self.policy == NAME else ""

    def territory(self, site: str, default: str = "") -> str:
        """Where the site is: as stated, else the default."""
        return self.stated.get(site, Venue()).territory or default

    def _pseudonym(self, kind: bytes, what: bytes) -> str:
        assert self.key is not None
        digest = hashlib.blake2b(what, digest_size=_HASH_BYTES, key=self.key, person=b"amos-" + kind).digest()
        return b32encode(digest).decode().lower()

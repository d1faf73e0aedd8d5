"""Which sites share a pool of their own: the operator's signed entry of the log (SPEC section 14).

What no entry places is in the communal pool. Of the entries in front of a segment that name its device's site and are
in force when it begins, the last one decides.
"""

from amos.protocol.closing import COMMUNAL
from amos.protocol.cose import open_typed, sign
from amos.protocol.ledger_limits import PLACED_SITES_MAX, POOL_BYTES_MAX, TITLE_BYTES_MAX
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U8, U63, UNIX_S_MAX, Record

TYP_POOL = "amos-pool+cose"

VERSION = 1

OPEN, PLACE = 1, 2


class PlacedSite(Record):
    """A site, as enrolments name it."""

    NAME = "placed-site"
    FIELDS = ((1, "site", "slug", SMALL_TEXT_BYTES_MAX),)

    site: str


class LicencePool(Record):
    """Payload. A pool is opened with these sites, or these sites go to one that is open, from `from_unix_s` on, but not
    before the minute of the last batch entry in front of it.

    `number` counts these entries of a log from 1, so that none of them can be brought again.
    """

    NAME = "licence-pool"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "number", "uint", U63),
        (3, "pool", "slug", SMALL_TEXT_BYTES_MAX),
        (4, "action", "uint", U8),
        (5, "sites", "records", (PlacedSite, PLACED_SITES_MAX)),
        (6, "from_unix_s", "uint", UNIX_S_MAX),
        (7, "reason", "text", TITLE_BYTES_MAX),
        (8, "unix_s", "uint", UNIX_S_MAX),
    )

    version: int
    number: int
    pool: str
    action: int
    sites: "list[PlacedSite]"
    from_unix_s: int
    reason: str
    unix_s: int

    @property
    def names(self) -> "list[str]":
        """Of the sites."""
        return [item.site for item in self.sites]

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        if not self.number:
            return "number: expected from 1, found 0"
        if self.action not in (OPEN, PLACE):
            return "action: expected %d or %d, found %d" % (OPEN, PLACE, self.action)
        if self.action == OPEN and self.pool == COMMUNAL:
            return "pool: expected another than %s, which is always open" % COMMUNAL
        if self.action == PLACE and not self.sites:
            return "sites: expected one or more"
        if sorted(set(self.names)) != self.names:
            return "sites: expected each once, ascending"
        return None


def sign_pool(pool: LicencePool, operator: bytes, sign_message) -> bytes:
    """The entry's bytes; `operator` is the key id of the operator's key."""
    return sign(pool.encode(), TYP_POOL, operator, sign_message)


def open_pool(data, operator_key: bytes, verify) -> LicencePool:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return LicencePool.decode(open_typed(data, TYP_POOL, POOL_BYTES_MAX, operator_key, verify))

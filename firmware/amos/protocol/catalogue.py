"""The published catalogue: whose each stem is and how its income is split, signed by the publisher (SPEC section 5)."""

from amos.protocol.cose import open_typed, sign
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX, PPM, SPLITS_MAX, TITLE_BYTES_MAX
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U8, U16, U63, Record

TYP_CATALOGUE = "amos-catalogue+cose"

VERSION = 1


class Share(Record):
    """`ppm` millionths of a stem's income go to `payee`, whose statement is published under this name."""

    NAME = "share"
    FIELDS = ((1, "payee", "slug", SMALL_TEXT_BYTES_MAX), (2, "ppm", "uint", PPM))

    payee: str
    ppm: int


class Work(Record):
    """One stem: title, artist, International Standard Recording Code (ISO 3901) if any, and splits."""

    NAME = "work"
    FIELDS = (
        (1, "stem_id", "bytes", 16),
        (2, "title", "text", TITLE_BYTES_MAX),
        (3, "artist", "text", TITLE_BYTES_MAX),
        (4, "isrc", "text?", 12),
        (5, "splits", "records", (Share, SPLITS_MAX)),
    )

    stem_id: bytes
    title: str
    artist: str
    isrc: "str | None"
    splits: "list[Share]"

    def fault(self) -> "str | None":
        total = sum(share.ppm for share in self.splits)
        if total != PPM:
            return "splits: expected a sum of %d ppm, found %d" % (PPM, total)
        if len({share.payee for share in self.splits}) != len(self.splits):
            return "splits: expected each payee once"
        return None


class Catalogue(Record):
    """All works a publisher offers; a later serial replaces an earlier one for periods not yet closed."""

    NAME = "catalogue"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "serial", "uint", U63),
        (3, "works", "records", (Work, U16)),
    )

    version: int
    serial: int
    works: "list[Work]"

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        if len({work.stem_id for work in self.works}) != len(self.works):
            return "works: expected each stem once"
        return None


def sign_catalogue(catalogue: Catalogue, publisher: bytes, sign_message) -> bytes:
    """The catalogue's bytes; `publisher` is the key id of the publisher's key."""
    return sign(catalogue.encode(), TYP_CATALOGUE, publisher, sign_message)


def open_catalogue(data, public_key: bytes, verify) -> Catalogue:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Catalogue.decode(open_typed(data, TYP_CATALOGUE, CATALOGUE_BYTES_MAX, public_key, verify))

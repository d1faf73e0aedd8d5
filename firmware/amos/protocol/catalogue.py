"""The published catalogue: whose each stem is and how its income is split, signed by the publisher (SPEC section 5)."""

from amos.protocol.cose import open_typed, sign
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX, COMPOSERS_MAX, PPM, SPLITS_MAX, TITLE_BYTES_MAX
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U8, U16, U63, Record

TYP_CATALOGUE = "amos-catalogue+cose"

VERSION = 2
VERSION_WITHOUT_CREDITS = 1
"""Written by vaults that knew title, artist, ISRC and splits alone; readers take both."""

AI_USES = ("none", "assisted", "generated")
"""How far a machine made the recording, as its artist declares it; a work's `ai_use` is an index into this."""

_CREDITS = ("iswc", "composers", "publisher", "label", "upc", "ai_use", "training")
"""Fields of a work since version 2. What nobody stated is absent."""


class Share(Record):
    """`ppm` millionths of a stem's income go to `payee`, whose statement is published under this name."""

    NAME = "share"
    FIELDS = ((1, "payee", "slug", SMALL_TEXT_BYTES_MAX), (2, "ppm", "uint", PPM))

    payee: str
    ppm: int


class Composer(Record):
    """Who wrote the music, with the Interested Parties Information name number if that is known."""

    NAME = "composer"
    FIELDS = ((1, "name", "text", TITLE_BYTES_MAX), (2, "ipi", "text?", 11))

    name: str
    ipi: "str | None"


class Work(Record):
    """One stem: title, artist, splits, and of codes and credits what somebody stated.

    isrc      International Standard Recording Code (ISO 3901)
    iswc      International Standard Musical Work Code (ISO 15707)
    upc       of the release: 8 to 14 digits (GS1)
    ai_use    index into `AI_USES`; None where it was never declared
    training  whether machines may be trained with it; None where it was never declared
    """

    NAME = "work"
    FIELDS = (
        (1, "stem_id", "bytes", 16),
        (2, "title", "text", TITLE_BYTES_MAX),
        (3, "artist", "text", TITLE_BYTES_MAX),
        (4, "isrc", "text?", 12),
        (5, "splits", "records", (Share, SPLITS_MAX)),
        (6, "iswc", "text?", 11),
        (7, "composers", "records?", (Composer, COMPOSERS_MAX)),
        (8, "publisher", "text?", TITLE_BYTES_MAX),
        (9, "label", "text?", TITLE_BYTES_MAX),
        (10, "upc", "text?", 14),
        (11, "ai_use", "uint?", len(AI_USES) - 1),
        (12, "training", "bool?", None),
    )

    stem_id: bytes
    title: str
    artist: str
    isrc: "str | None"
    splits: "list[Share]"
    iswc: "str | None"
    composers: "list[Composer] | None"
    publisher: "str | None"
    label: "str | None"
    upc: "str | None"
    ai_use: "int | None"
    training: "bool | None"

    def fault(self) -> "str | None":
        total = sum(share.ppm for share in self.splits)
        if total != PPM:
            return "splits: expected a sum of %d ppm, found %d" % (PPM, total)
        if len({share.payee for share in self.splits}) != len(self.splits):
            return "splits: expected each payee once"
        if self.composers is not None and not self.composers:
            return "composers: expected at least one, or no such field"
        return None

    def has_credits(self) -> bool:
        """Whether it holds what version 1 has no place for."""
        return any([getattr(self, name) is not None for name in _CREDITS])


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
        if not VERSION_WITHOUT_CREDITS <= self.version <= VERSION:
            return "version: expected %d or %d, found %d" % (VERSION_WITHOUT_CREDITS, VERSION, self.version)
        if self.version == VERSION_WITHOUT_CREDITS and any([work.has_credits() for work in self.works]):
            return "works: expected none with credits in version %d" % VERSION_WITHOUT_CREDITS
        if len({work.stem_id for work in self.works}) != len(self.works):
            return "works: expected each stem once"
        return None


def sign_catalogue(catalogue: Catalogue, publisher: bytes, sign_message) -> bytes:
    """The catalogue's bytes; `publisher` is the key id of the publisher's key."""
    return sign(catalogue.encode(), TYP_CATALOGUE, publisher, sign_message)


def open_catalogue(data, public_key: bytes, verify) -> Catalogue:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Catalogue.decode(open_typed(data, TYP_CATALOGUE, CATALOGUE_BYTES_MAX, public_key, verify))

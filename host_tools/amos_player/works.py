"""Titles and artists of a pack's stems, from the catalogue beside it."""

from pathlib import Path

from amos import crypto
from amos.protocol.catalogue import open_catalogue
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX

CATALOGUE_NAME = "catalogue.cose"


def works_of(pack: Path, publisher_key: bytes) -> dict[bytes, tuple[str, str]]:
    """(title, artist) by stem id; nothing where the folder has no catalogue that this key has signed."""
    try:
        with (pack / CATALOGUE_NAME).open("rb") as file:
            catalogue = open_catalogue(file.read(CATALOGUE_BYTES_MAX + 1), publisher_key, crypto.verify)
    except (OSError, ProtocolError):
        return {}
    return {work.stem_id: (work.title, work.artist) for work in catalogue.works}

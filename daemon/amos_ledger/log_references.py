"""Which documents a log's entries refer to by their hashes. Pure; nothing is verified here."""

from collections.abc import Iterable

from amos.protocol.closing import Closing
from amos.protocol.cose import HEADER_TYP, TYP_STATEMENT, TYP_USAGE, parse
from amos.protocol.errors import ProtocolError
from amos.protocol.segment import Usage
from amos_ledger.log.tiles import ENTRY_BYTES_MAX


def references(entries: Iterable[bytes]) -> tuple[set[bytes], set[bytes]]:
    """(SHA-256 of manifests that segments name, of catalogues that closings name)."""
    manifests: set[bytes] = set()
    catalogues: set[bytes] = set()
    for entry in entries:
        try:
            message = parse(entry, ENTRY_BYTES_MAX)
            typ = message.header.get(HEADER_TYP)
            if typ == TYP_USAGE:
                manifests.add(bytes(Usage.decode(message.payload).pack))
            elif typ == TYP_STATEMENT:
                catalogues.add(bytes(Closing.decode(message.payload).catalogue_sha256))
        except ProtocolError:
            continue  # a text entry, or one that will be refused by name where it is taken
    return manifests, catalogues

"""An entry of the log that names a document of the publisher's: a manifest or a catalogue (SPEC section 14).

The document itself may be larger than an entry may be. It is published beside the log under its SHA-256.
"""

from amos.protocol.errors import LocalError, MessageError
from amos.protocol.log_text import count_word, hex_word, words_of

PREFIX = b"amos-document/1 "

MANIFEST = "manifest"
CATALOGUE = "catalogue"
KINDS = (MANIFEST, CATALOGUE)


def document_entry(kind: str, serial: int, sha256: bytes) -> bytes:
    """The entry for a document whose signed bytes have this hash. Raises `LocalError`."""
    if kind not in KINDS or serial < 0 or len(sha256) != 32:
        raise LocalError("document: expected a manifest or a catalogue, its serial and 32 bytes of hash")
    return PREFIX + ("%s %d %s\n" % (kind, serial, sha256.hex())).encode()


def read_document(entry: bytes) -> "tuple[str, int, bytes] | None":
    """(kind, serial, SHA-256 of the signed bytes), None for an entry of another kind. Raises `MessageError`."""
    words = words_of(entry, PREFIX, 3)
    if words is None:
        return None
    if words[0] not in KINDS:
        raise MessageError("document: expected manifest or catalogue, found %s" % words[0][:80])
    return words[0], count_word(words[1], "document.serial"), hex_word(words[2], 32, "document.sha256")

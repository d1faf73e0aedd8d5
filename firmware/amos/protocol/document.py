"""An entry of the log that names a document of the publisher's: a manifest or a catalogue (SPEC section 14).

The document itself may be larger than an entry may be. It is published beside the log under its SHA-256.
"""

from amos.protocol.errors import LocalError, MessageError
from amos.protocol.log_text import count_word, hex_word, words_of
from amos.protocol.record import UNIX_S_MAX

PREFIX = b"amos-document/2 "
PREFIX_UNDATED = b"amos-document/1 "
"""Written by ledgers that did not say when the document came."""

MANIFEST = "manifest"
CATALOGUE = "catalogue"
KINDS = (MANIFEST, CATALOGUE)


def document_entry(kind: str, serial: int, sha256: bytes, unix_s: "int | None") -> bytes:
    """The entry for a document whose signed bytes have this hash, taken in at that moment; None: in version 1. Raises
    `LocalError`."""
    dated = unix_s is not None
    if kind not in KINDS or serial < 0 or len(sha256) != 32 or (dated and not 0 <= unix_s <= UNIX_S_MAX):
        raise LocalError("document: expected a manifest or a catalogue, its serial, 32 bytes of hash and Unix seconds")
    words = "%s %d %s" % (kind, serial, sha256.hex())
    if not dated:
        return PREFIX_UNDATED + (words + "\n").encode()
    return PREFIX + ("%s %d\n" % (words, unix_s)).encode()


def read_document(entry: bytes) -> "tuple[str, int, bytes, int | None] | None":
    """(kind, serial, SHA-256 of the signed bytes, when it was taken in), the last None in version 1; None for an entry
    of another kind. Raises `MessageError`."""
    words, unix_s = words_of(entry, PREFIX_UNDATED, 3), None
    if words is None:
        words = words_of(entry, PREFIX, 4)
        if words is None:
            return None
        unix_s = count_word(words[3], "document.unix_s")
        if unix_s > UNIX_S_MAX:
            raise MessageError("document.unix_s: expected at most %d, found %d" % (UNIX_S_MAX, unix_s))
    if words[0] not in KINDS:
        raise MessageError("document: expected manifest or catalogue, found %s" % words[0][:80])
    sha256 = hex_word(words[2], 32, "document.sha256")
    return words[0], count_word(words[1], "document.serial"), sha256, unix_s

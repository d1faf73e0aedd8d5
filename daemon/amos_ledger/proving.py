"""A proof that stands by itself: one segment, the path to a tree head, and who signed that (c2sp.org/tlog-proof).

The segment's bytes are the proof's extra data, so whoever gets the file needs the ledger's key and nothing else.
"""

from base64 import b64encode

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import open_head
from amos_ledger.errors import NoProof
from amos_ledger.folder import Folder
from amos_ledger.log import tree
from amos_ledger.public import CHECKPOINT, WITNESSED
from amos_ledger.store.store import Store

FORMAT = "c2sp.org/tlog-proof@v1"


def prove(folder: Folder, store: Store, device_id: bytes, sequence: int) -> bytes:
    """The proof for an accepted segment: under the head that witnesses cosigned where that has it, else under the
    published one. Raises `NoProof`."""
    index = store.chain.leaf_of(device_id, sequence)
    if index is None:
        raise NoProof(f"segment {sequence} of {device_id.hex()}: expected one in the log, found none")
    note = _head(folder, store, index)
    entry = store.log.entry(index)
    size = int(note.split(b"\n")[1])
    path = tree.inclusion_path(index, size, store.log.cached())
    lines = [FORMAT, f"extra {b64encode(entry).decode()}", f"index {index}"]
    lines += [b64encode(sibling).decode() for sibling in path]
    return "".join(f"{line}\n" for line in [*lines, ""]).encode() + note


def _head(folder: Folder, store: Store, index: int) -> bytes:
    """The best signed head that covers the leaf and that the log contains."""
    for name in (WITNESSED, CHECKPOINT):
        try:
            note = (folder.public / name).read_bytes()
            head = open_head(note, folder.line, verify)[0]
        except (OSError, ProtocolError):
            continue
        if index < head.size <= store.size() and store.root(head.size) == head.root:
            return note
    raise NoProof(f"{folder.public}: expected a checkpoint over entry {index}, found none; publish the log first")

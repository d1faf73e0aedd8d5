"""What others show a ledger of what it signed, read and verified: a tree head, or an entry with its receipt.

A tree head's signature binds its size. A receipt's does not, since only the root is signed: whoever has one may change
size and index to others that its path fits as well, without any key. So nothing but a guess rests on them.
"""

import hashlib
from dataclasses import dataclass

from amos.crypto import verify
from amos.protocol.cbor import loads
from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import MessageError, ProtocolError
from amos.protocol.key_line_host import KeyLine, open_head, open_proved
from amos.protocol.ledger_limits import RECEIPTED_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.receipt import Receipt, parse_receipt
from amos.protocol.rotation import LEDGER, OPERATOR, Rotation, read_rotation, split_appointment
from amos.protocol.segment import Usage
from amos_ledger.limits import FORGONE_LEAVES_MAX

_PAIR = b"\x82"
"""How a pair of receipt and envelope begins in CBOR; no text does."""


@dataclass(frozen=True)
class Claim:
    """What a receipt names: a root that is signed, and a size that is not."""

    size: int
    root: bytes
    least: int
    """The smallest tree that the path fits. The true one has as many leaves or more."""

    def believed(self, own_size: int) -> int:
        """The size for a log of `own_size` entries to reckon with: the one named, as far as it could be given up."""
        return self.size if self.size - own_size <= FORGONE_LEAVES_MAX else self.least


@dataclass(frozen=True)
class Receipted:
    """A segment that this ledger signed a receipt for."""

    claim: Claim
    device_id: bytes
    sequence: int
    sha256: bytes

    @property
    def digest(self) -> str:
        """A name that is the same for all that says the same."""
        return _digest(self.claim.root, self.sha256)


@dataclass(frozen=True)
class Appointed:
    """A rotation of the ledger's or the operator's key that is an entry of a log."""

    claim: Claim
    entry: bytes

    @property
    def digest(self) -> str:
        return _digest(self.claim.root, self.entry)


@dataclass(frozen=True)
class Signed:
    """A tree head."""

    head: Checkpoint

    @property
    def digest(self) -> str:
        """Without the signature lines, of which anybody may add some."""
        return _digest(self.head.text())


Shown = Signed | Receipted | Appointed


def open_shown(shown: bytes, line: KeyLine) -> tuple[Shown, bytes | None]:
    """(what it says, the key that signed it, None for a key that this log does not know and the present one appoints).
    Raises `ProtocolError`."""
    if not shown.startswith(_PAIR):
        head, key = open_head(shown, line, verify)
        return Signed(head), key
    if len(shown) > RECEIPTED_BYTES_MAX:
        raise MessageError(f"pair: expected at most {RECEIPTED_BYTES_MAX} bytes, found {len(shown)}")
    pair = loads(shown)
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(item, bytes) for item in pair):
        raise MessageError("pair: expected two byte strings")
    try:
        rotation = read_rotation(pair[0])
    except ProtocolError:
        return _open_receipted(pair, line)
    if (rotation.role, rotation.origin) == (OPERATOR, line.origin):
        return _open_operators(pair, rotation, line)
    if (rotation.role, rotation.origin) != (LEDGER, line.origin) or rotation.old_key not in line.keys:
        raise MessageError(f"rotation: expected one of a key of {line.origin}'s, found another")
    open_proved(pair[0], rotation.old_key, verify)
    receipt = parse_receipt(split_appointment(shown)[1])
    root = receipt.check(pair[0], rotation.new_key, verify)
    signer = None if rotation.old_key == line.present else rotation.old_key
    return Appointed(_claim(receipt, root), pair[0]), signer


def _open_operators(pair: list[bytes], rotation: Rotation, line: KeyLine) -> tuple[Appointed, bytes]:
    open_proved(pair[0], rotation.old_key, verify)
    receipt = parse_receipt(pair[1])
    key = line.by_id(receipt.message.kid)
    if key is None:
        raise MessageError("receipt: expected one by a key of this ledger's")
    return Appointed(_claim(receipt, receipt.check(pair[0], key, verify)), pair[0]), key


def _open_receipted(pair: list[bytes], line: KeyLine) -> tuple[Receipted, bytes]:
    receipt, segment = parse_receipt(pair[0]), unwrap(pair[1])
    key = line.by_id(receipt.message.kid)
    if key is None:
        raise MessageError("receipt: expected one by a key of this ledger's")
    root = receipt.check(segment, key, verify)
    usage: Usage = Usage.decode(parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload)
    sha256 = hashlib.sha256(segment).digest()
    return Receipted(_claim(receipt, root), usage.device_id, usage.sequence, sha256), key


def _claim(receipt: Receipt, root: bytes) -> Claim:
    return Claim(receipt.tree_size, root, least_size(receipt.leaf_index, receipt.tree_size))


def least_size(index: int, size: int) -> int:
    """The smallest tree with a leaf whose path has its hashes on the same sides as that of leaf `index` of `size`."""
    least, levels, edge = 0, 0, None
    position, last = index, size - 1
    while last:
        on_left = bool(position & 1) or position == last
        while on_left and not position & 1:
            position, last = position >> 1, last >> 1
        if on_left:
            least |= 1 << levels  # such a hash is a bit of the index
        else:
            edge = levels  # above the last of these, the leaf lies on the tree's right edge
        position, last, levels = position >> 1, last >> 1, levels + 1
    return least + 1 if edge is None else (((least >> edge) + 1) << edge) + 1


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]

"""The ledger's key as this player knows it: the one in its settings, or the one to which that gave way since.

A courier brings each rotation with a receipt for its entry of the log; the player follows from the key that it
believes, as often as there is a next one. From then on only the new key counts, for receipts and for time: whoever has
the old one may have stolen it. What is kept names the key in the settings, so that other settings begin anew.

    number u8 | key in the settings 32 | key in force 32 | the log's origin, UTF-8

The operator's key is followed in the same way (`operator_keys.py`), in a file of its own.

Hosts read a rotation with `protocol/rotation.py`. A board has no room for that while music plays, so here its payload
is a plain map, of which the old key's signature says that it is what it should be.
"""

from amos.compat import const
from amos.protocol.cbor import loads
from amos.protocol.cose import TYP_ROTATION, parse_typed
from amos.protocol.errors import MessageError
from amos.protocol.limits import ROTATION_BYTES_MAX, SMALL_TEXT_BYTES_MAX
from amos.protocol.receipt import parse_receipt

_VERSION = const(1)
_LEDGER = const(2)
_ROTATED_KEY = const(65)
KEPT_BYTES_MAX = 65 + SMALL_TEXT_BYTES_MAX


class LedgerKeys:
    """`key` is the one that counts. `kept` is a `TwoSlotFile` or its twin, or None where nothing is kept."""

    role = _LEDGER

    def __init__(self, pinned: bytes, kept=None):
        self.pinned = pinned
        self._kept = kept
        self.key = pinned
        self._number = 0  # of the last rotation; 0 until there was one, whatever number the key in the settings has
        self._origin = ""
        content = None if kept is None else kept.read()
        if content is not None and len(content) > _ROTATED_KEY and content[1:33] == pinned:
            self._number, self.key, self._origin = content[0], content[33:65], content[65:].decode()

    def take(self, data: bytes, verify) -> bool:
        """Believe the next key, durably; what is known already is no error. False for a rotation in another role, which
        is left alone. Raises `ProtocolError`."""
        rotation, receipt = _pair(data)
        message = parse_typed(rotation, TYP_ROTATION, ROTATION_BYTES_MAX)
        role, number, origin, old_key, new_key = _told(message.payload)
        if role != self.role:
            return False
        if new_key == self.key or number <= self._number:
            return True
        if old_key != self.key:
            raise MessageError("rotation.old_key: expected %s, found %s" % (self.key.hex(), old_key.hex()))
        if self._number and (number, origin) != (self._number + 1, self._origin):
            raise MessageError("rotation: expected number %d of %s" % (self._number + 1, self._origin))
        message.check(self.key, verify)
        parse_receipt(receipt).check(rotation, self._ledger_key(new_key), verify)
        if self._kept is not None:
            try:
                self._kept.write(bytes((number,)) + self.pinned + new_key + origin.encode())
            except OSError as error:
                raise MessageError("rotation: expected to be stored, found %s" % error)
        self.key, self._number, self._origin = new_key, number, origin
        return True

    def _ledger_key(self, new_key: bytes) -> bytes:
        """Whose receipt shows that the rotation to `new_key` is an entry of the log."""
        return new_key


def _pair(data: bytes) -> "tuple[bytes, bytes]":
    pair = loads(data)
    if not isinstance(pair, list) or len(pair) != 2:
        raise MessageError("rotation: expected one and a receipt for it")
    rotation, receipt = pair
    if not isinstance(rotation, bytes) or not isinstance(receipt, bytes):
        raise MessageError("rotation: expected one and a receipt for it, as byte strings")
    return rotation, receipt


def _told(payload) -> "tuple[int, int, str, bytes, bytes]":
    """(role, number, origin, old key, new key) of a rotation."""
    told = loads(payload)
    fields = [told.get(key) for key in range(1, 7)] if isinstance(told, dict) else [None] * 6
    version, role, origin, number, old_key, new_key = fields
    if version != _VERSION or role not in (1, _LEDGER) or not isinstance(origin, str) or not isinstance(number, int):
        raise MessageError("rotation: expected version 1, role 1 or 2, an origin and a number")
    if not 0 < number < 256 or not 0 < len(origin.encode()) <= SMALL_TEXT_BYTES_MAX:
        raise MessageError("rotation: expected a number from 1 to 255 and an origin of at most 64 bytes")
    if not isinstance(old_key, bytes) or not isinstance(new_key, bytes) or not len(old_key) == len(new_key) == 32:
        raise MessageError("rotation: expected keys of 32 bytes")
    return role, number, origin, old_key, new_key

"""The ledger's key as this player knows it: the one in its settings, or the one to which that gave way since.

A courier brings each rotation with a receipt for its entry of the log; the player follows from the key that it
believes, as often as there is a next one. From then on only the new key counts, for receipts and for time: whoever has
the old one may have stolen it. What is kept names the key in the settings, so that other settings begin anew.

    number u8 | key in the settings 32 | key in force 32 | the log's origin, UTF-8
"""

from amos.compat import const
from amos.protocol.errors import MessageError
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX

_KEYS_END = const(65)
KEPT_BYTES_MAX = 65 + SMALL_TEXT_BYTES_MAX


class LedgerKeys:
    """`key` is the one that counts. `kept` is a `TwoSlotFile` or its twin, or None where nothing is kept."""

    def __init__(self, pinned: bytes, kept=None):
        self._pinned = pinned
        self._kept = kept
        self.key = pinned
        self._number = 0  # of the last rotation; 0 until there was one, whatever number the key in the settings has
        self._origin = ""
        content = None if kept is None else kept.read()
        if content is not None and len(content) > _KEYS_END and content[1:33] == pinned:
            self._number, self.key, self._origin = content[0], content[33:_KEYS_END], content[_KEYS_END:].decode()

    def take(self, data: bytes, verify) -> None:
        """Believe the next key, durably; what is known already is no error. Raises `ProtocolError`."""
        # Imported only where there is a rotation: boards have no room for what they do not use.
        from amos.protocol.rotation import open_appointment, read_rotation, split_appointment

        told = read_rotation(split_appointment(data)[0])
        if told.new_key == self.key or told.number <= self._number:
            return
        if told.old_key != self.key:
            raise MessageError("rotation.old_key: expected %s, found %s" % (self.key.hex(), told.old_key.hex()))
        if self._number and (told.number, told.origin) != (self._number + 1, self._origin):
            raise MessageError("rotation: expected number %d of %s" % (self._number + 1, self._origin))
        rotation = open_appointment(data, self.key, verify)
        if self._kept is not None:
            numbers = bytes((rotation.number,))
            try:
                self._kept.write(numbers + self._pinned + rotation.new_key + rotation.origin.encode())
            except OSError as error:
                raise MessageError("rotation: expected to be stored, found %s" % error)
        self.key, self._number, self._origin = rotation.new_key, rotation.number, rotation.origin

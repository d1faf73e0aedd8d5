"""The rotations of the ledger's key on their way to players, and what this courier itself believes by them.

The broker retains each; the courier keeps them, since a player that was off may be behind by several, and brings them
in their order. It need not be believed: players follow from the key that they know. A courier that was told a key
(`--ledger-key`) follows in the same way, and then takes receipts and tree heads by any key of the line.
"""

from amos.crypto import verify
from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.errors import MessageError, ProofError
from amos.protocol.handover import key_id
from amos.protocol.key_line_host import KeyLine, open_head
from amos.protocol.limits import ROTATIONS_MAX
from amos.protocol.receipt import Receipt, parse_receipt
from amos.protocol.rotation import LEDGER, open_appointment, read_rotation, split_appointment
from amos_sync.spool import Spool


class LedgerLine:
    """What `spool` keeps. `pinned` is the key that this courier was told, or None."""

    def __init__(self, spool: Spool, pinned: bytes | None) -> None:
        self._spool = spool
        self._pinned = pinned
        self._kept: dict[int, bytes] = {}
        for number in range(1, ROTATIONS_MAX + 1):
            data = spool.rotation(number)
            if data is not None:
                self._kept[number] = data

    def came(self, data: bytes) -> bool:
        """The broker retains this one; whether it was not known. Raises `ProtocolError` for none.

        Where the pinned key does not lead to it, it is kept for players all the same, who may know another key.
        """
        rotation = read_rotation(split_appointment(data)[0])
        if rotation.role != LEDGER:
            raise MessageError(f"rotation.role: expected {LEDGER}, found {rotation.role}")
        open_appointment(data, rotation.old_key, verify)
        if self._kept.get(rotation.number) == data:
            return False
        self._kept[rotation.number] = data
        self._spool.stage_rotation(rotation.number, data)
        return True

    def to_bring(self) -> list[bytes]:
        """What players should hear, in its order."""
        return [self._kept[number] for number in sorted(self._kept)]

    def newest_after(self, taken: bytes) -> bytes:
        """The id of the key that a player believes who took this rotation."""
        return key_id(read_rotation(split_appointment(taken)[0]).new_key)

    def line(self, origin: str) -> KeyLine | None:
        """The line that the pinned key leads to, of the log of that name; None where none is pinned."""
        if self._pinned is None:
            return None
        line = KeyLine(LEDGER, origin, self._pinned)
        for data in self.to_bring():
            rotation = read_rotation(split_appointment(data)[0])
            if (rotation.old_key, rotation.origin) != (line.present, origin):
                continue
            # The pinned key may be a later one, whose number nobody said.
            line.rotations.append((parse_receipt(split_appointment(data)[1]).leaf_index, rotation))
            line.keys.append(rotation.new_key)
        return line

    def open_head(self, note: bytes) -> Checkpoint | None:
        """A tree head by the key in force after its entries; None where no key is pinned. Raises `ProtocolError`."""
        line = self.line(note.split(b"\n", 1)[0].decode(errors="replace"))
        return None if line is None else open_head(note, line, verify)[0]

    def check(self, receipt: Receipt, segment: bytes) -> None:
        """Raise `ProtocolError` for a receipt that no key of the pinned line signed; players decide in any case."""
        if self._pinned is None:
            return
        keys = [self._pinned]
        for data in self.to_bring():
            rotation = read_rotation(split_appointment(data)[0])
            if rotation.old_key == keys[-1]:
                keys.append(rotation.new_key)
        for key in keys:
            if key_id(key) == receipt.message.kid:
                receipt.check(segment, key, verify)
                return
        raise ProofError(f"receipt: expected one by the ledger's key, found one by {receipt.message.kid.hex()}")

"""One slot of the journal: a header with generation and salt, then records one after another."""

from amos.journal import record

MAGIC = b"AMOSJRN1"
HEADER_BYTES = 8 + 4 + record.SALT_BYTES + record.CRC_BYTES


class Slot:
    """Reads and appends records of one slot of a `LogStore`.

    damage   list of (start, end) offsets that held no whole record when read; end None for a torn tail
    """

    def __init__(self, store, index: int, generation: int, salt: bytes):
        self._store = store
        self.index = index
        self.generation = generation
        self.salt = salt
        self.size = store.size(index)
        self.damage: list = []
        self._next_number = 0

    @classmethod
    def create(cls, store, index: int, generation: int, salt: bytes):
        """An empty slot; whatever stood there is gone. Not synced yet."""
        store.erase(index)
        head = MAGIC + generation.to_bytes(4, "little") + salt
        store.append(index, head + record.checksum(head))
        return cls(store, index, generation, salt)

    @classmethod
    def load(cls, store, index: int):
        """The slot as stored, or None when its header is not whole."""
        head = store.read(index, 0, HEADER_BYTES)
        if len(head) < HEADER_BYTES or head[:8] != MAGIC or head[20:] != record.checksum(head[:20]):
            return None
        return cls(store, index, int.from_bytes(head[8:12], "little"), head[12:20])

    def read(self, offset: int, size: int) -> bytes:
        return self._store.read(self.index, offset, size)

    def records(self, offset: int = HEADER_BYTES):
        """Yield (kind, payload, offset) from `offset` on, stepping over damage and noting it."""
        self.damage = []
        while offset < self.size:
            found = record.decode_at(self.read, offset, self.salt)
            if found is None:
                onward = record.find_next(self.read, offset + 1, self.size, self.salt)
                self.damage.append((offset, onward))
                if onward is None:
                    return
                offset = onward
                continue
            number, kind, payload, end = found
            self._next_number = number + 1
            yield kind, payload, offset
            offset = end

    def is_complete(self) -> bool:
        """Whether the compaction that made this slot had come to its end."""
        return any([kind == record.COMPLETE for kind, _payload, _offset in self.records()])

    def append(self, kind: int, payload: bytes, sync: bool = True) -> int:
        """Append a record, durable on return if `sync`; its offset. Raises OSError when the storage fails."""
        offset = self.size
        data = record.encode(kind, self._next_number, payload, self.salt)
        self._store.append(self.index, data)
        if sync:
            self._store.sync(self.index)
        self.size += len(data)
        self._next_number += 1
        return offset


def newest(store):
    """The slot with the highest generation among those whose compaction was completed, or None."""
    best = None
    for index in (0, 1):
        slot = Slot.load(store, index)
        if slot and (best is None or slot.generation > best.generation) and slot.is_complete():
            best = slot
    return best

"""The twin of the journal's storage in memory, for tests on every runtime. `sector_device` has the contract."""


class MemorySectorDevice:
    """Keeps what is synced apart from what is not, and can fail or cut power at any operation.

    sectors             dict, sector -> bytes; those not in it are zeros
    operations          int, writes and syncs so far
    fail_at             int or None: the operations from that number (from 0) on raise OSError
    fail_until          int or None: those from that number on do not
    persist             bool, whether the failing operation does its work all the same
    sectors_read, sectors_written   int
    unsynced            list of (sector, bytes before, bytes), in the order of their writing
    """

    def __init__(self, sector_count: int = 2048, sector_bytes: int = 512, sectors=None):
        self.sector_bytes = sector_bytes
        self.sector_count = sector_count
        self.sectors: dict = dict(sectors or {})
        self.unsynced: list = []
        self._zeros = bytes(sector_bytes)
        self.operations = self.sectors_read = self.sectors_written = 0
        self.fail_at = self.fail_until = None
        self.persist = False
        self._dropped = 0  # of `unsynced`, so many from its beginning no sync stores any more

    def read(self, sector: int, count: int) -> bytes:
        self._check(sector, count)
        self.sectors_read += count
        if count == 1:
            return self.sectors.get(sector, self._zeros)
        return b"".join([self.sectors.get(sector + number, self._zeros) for number in range(count)])

    def _check(self, sector: int, count: int) -> None:
        if sector < 0 or count < 1 or sector + count > self.sector_count:
            raise ValueError("sectors %d to %d: expected 0 to %d" % (sector, sector + count, self.sector_count))

    def _fails(self) -> bool:
        self.operations += 1
        number = self.operations - 1
        return (
            self.fail_at is not None
            and number >= self.fail_at
            and (self.fail_until is None or number < self.fail_until)
        )

    def write(self, sector: int, data: bytes) -> None:
        size = self.sector_bytes
        if len(data) % size:
            raise ValueError("write: expected whole sectors, found %d bytes" % len(data))
        self._check(sector, len(data) // size)
        fails = self._fails()
        if not fails or self.persist:
            for number in range(len(data) // size):
                written = bytes(data[number * size : (number + 1) * size])
                self.unsynced.append((sector + number, self.sectors.get(sector + number, self._zeros), written))
                self.sectors[sector + number] = written
                self.sectors_written += 1
        if fails:
            raise OSError("write failed")

    def sync(self) -> None:
        fails = self._fails()
        if not fails or self.persist:
            self.unsynced = self.unsynced[: self._dropped]
        if fails:
            self._dropped = len(self.unsynced)
            raise OSError("sync failed")

    def reopen(self) -> None:
        for sector in sorted({sector for sector, _before, _written in self.unsynced}):
            self.write(sector, self.read(sector, 1))
        dropped, self._dropped = self._dropped, 0
        try:
            self.sync()
        except OSError:
            self._dropped = max(dropped, self._dropped)
            raise

    def grow(self, sector_count: int) -> None:
        self.sector_count = sector_count

    def regroup(self, sector_bytes: int) -> None:
        raise OSError("expected sectors of %d bytes, found %d" % (sector_bytes, self.sector_bytes))

    def close(self) -> None:
        return None

    def spoil(self, sector: int, offset: int) -> None:
        """Flip a bit of a byte."""
        data = bytearray(self.read(sector, 1))
        data[offset] ^= 1
        self.sectors[sector] = bytes(data)

    def find(self, data: bytes):
        """(sector, offset) of the first sector that holds `data`. Raises KeyError."""
        for sector in sorted(self.sectors):
            offset = self.sectors[sector].find(data)
            if offset >= 0:
                return sector, offset
        raise KeyError(data)

    def after_power_cut(self, outcome) -> "MemorySectorDevice":
        """What the next boot finds. `outcome(index)` says what became of each unsynced sector: True, as written; False,
        as it was; or bytes that stand there instead."""
        found = MemorySectorDevice(self.sector_count, self.sector_bytes, self.sectors)
        for sector, before, _written in reversed(self.unsynced):
            found.sectors[sector] = before
        for index in range(len(self.unsynced)):
            sector, _before, written = self.unsynced[index]
            became = outcome(index)
            if became:
                found.sectors[sector] = written if became is True else became
        return found

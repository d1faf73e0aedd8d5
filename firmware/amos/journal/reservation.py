"""What is kept beside the device's key, apart from the journal, so that no sequence number is ever used twice.

Somebody may swap a card, restore it from an image or wipe it, and the ring with it. The key stays, and a number that is
used twice under one key is a forked log. So the player reserves a number here, durably, before anyone can see the
segment that has it. It reserves one at a time where nobody hears a write, so that it skips none; elsewhere a block.

The medium: a SectorDevice of two sectors, written in turn. A blank one is that of a device that has sealed nothing.
"""

from amos.compat import const
from amos.journal import slot
from amos.journal.errors import JournalFault
from amos.journal.facts import Reserved
from amos.protocol.segment import FIRST_PREVIOUS

MAGIC = b"AMOSRSRV"
_SECTORS = const(2)


class Reservation:
    """Of the device whose id is `device_id`. Raises `JournalFault` where the medium is of another device; OSError.

    device_id   of the player
    lost        whether both sectors are damaged: what was reserved is not known
    last        Reserved as last written; zeros where nothing was
    """

    def __init__(self, medium, device_id: bytes, block: int = 1):
        if medium.sector_count < _SECTORS:
            raise JournalFault("reservation: expected %d sectors, found %d" % (_SECTORS, medium.sector_count))
        self._medium = medium
        self._block = block
        self.device_id = device_id
        self.last = Reserved(
            generation=0,
            device_id=device_id,
            salt=0,
            boot=0,
            session=0,
            sealed=0,
            sealed_sha256=FIRST_PREVIOUS,
            receipted=0,
            until=1,
        )
        medium.sync()
        sectors = [medium.read(sector, 1) for sector in range(_SECTORS)]
        for data in sectors:
            found = slot.decode(MAGIC, Reserved, data)
            if found is not None and found.generation > self.last.generation:
                self.last = found
        if self.last.device_id != device_id:
            told = (device_id.hex(), self.last.device_id.hex())
            raise JournalFault("reservation: expected device %s, found %s" % told)
        # Nobody relies on the first word before both sectors hold it; while one is blank, it does not count.
        self.lost = not self.last.generation and not any([slot.is_blank(data) for data in sectors])

    @property
    def salt(self):
        """The salt of the ring used last, or None."""
        return self.last.salt if self.last.generation else None

    @property
    def holds_anything(self) -> bool:
        """Whether the device has had a boot before, whatever became of its ring."""
        return self.lost or self.last.generation > 0

    def is_past(self, state) -> bool:
        """Whether a ring with these counters (State) is older than what was last written here.

        In blocks of 1 the number alone tells. In longer blocks a segment may have been sealed and not noted, so the
        boot counts too: each boot is noted before a segment is sealed in it.
        """
        last = self.last
        return state.last_sequence < last.sealed or (self._block > 1 and state.boot < last.boot)

    def has_to_note(self, journal) -> bool:
        """Whether the journal's counters have to be written here before the journal may go on."""
        last = self.last
        return (
            journal.last_sequence >= last.until
            or journal.session > last.session
            or journal.boot != last.boot
            or (self._block == 1 and journal.receipted > last.receipted)
        )

    def note(self, journal, salt: int) -> None:
        """Write the journal's counters, and reserve from there on; durable when this returns. Raises OSError."""
        for _sector in range(1 if self.last.generation else _SECTORS):
            self._write(journal, salt)

    def _write(self, journal, salt: int) -> None:
        last = self.last
        reserved = Reserved(
            generation=last.generation + 1,
            device_id=self.device_id,
            salt=salt,
            boot=journal.boot,
            session=max(journal.session + self._block - 1, last.session),
            sealed=journal.last_sequence,
            sealed_sha256=journal.last_sha256,
            receipted=journal.receipted,
            until=max(journal.last_sequence + self._block, last.until),
        )
        medium = self._medium
        medium.write(reserved.generation % _SECTORS, slot.encode(MAGIC, reserved, medium.sector_bytes))
        medium.sync()
        self.last, self.lost = reserved, False

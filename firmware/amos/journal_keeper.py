"""The journal of a player through failures of its storage."""

from amos.journal.errors import JournalFault
from amos.journal.journal import Journal
from amos.journal.reservation import Reservation


class JournalKeeper:
    """journal: the Journal on `store` and beside the key on `reserved` (SectorDevices); its boot is to be counted.

    ran_before  whether the device has had a boot before this one, as far as either medium tells

    `block` numbers are reserved at once; `random(n)` gives n fresh random bytes; `say(line)` is told what an operator
    should know. Construction raises `JournalError`, OSError.
    """

    def __init__(self, store, reserved, device_id: bytes, block: int, random, say):
        self._store = store
        self._reserved = reserved
        self._device_id = device_id
        self._block = block
        self._random = random
        self._say = say
        self.ran_before = False
        self.journal = self._read()

    def _read(self) -> Journal:
        reservation = Reservation(self._reserved, self._device_id, self._block)
        self.ran_before = reservation.holds_anything
        journal = Journal(self._store, self._random(8), reservation)
        for note in journal.notes:
            self._say("journal: " + note)
        self.ran_before = self.ran_before or journal.boot > 0
        return journal

    def begin_again(self) -> None:
        """After a failure: take up the media anew and go on as a boot does, which is counted. What was metered and not
        sealed is in the new journal's `unsealed`. Raises `JournalError`; `journal` is then the one that failed."""
        try:
            self._reserved.reopen()
            self._store.reopen()
            journal = self._read()
        except OSError as error:
            raise JournalFault("journal: storage failed (%s)" % error)
        before = self.journal
        for name in ("boot", "session", "last_sequence"):
            # What this life has used, no other medium makes unused.
            found, expected = getattr(journal, name), getattr(before, name)
            if found < expected:
                text = "journal: expected %s to be at least %d, found %d; put back the storage that was here"
                raise JournalFault(text % (name, expected, found))
        journal.begin_boot()
        journal.failed_writes += before.failed_writes
        self.journal = journal

    def close(self) -> None:
        """Release the media. What failed before has been said before."""
        for medium in (self._store, self._reserved):
            try:
                medium.close()
            except OSError:
                pass

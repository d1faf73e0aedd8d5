"""While nothing can be metered, and so nothing is played: the journal is full, or its storage fails."""

from amos.back_off import BackOff
from amos.heap import begin_work
from amos.journal.errors import JournalError, JournalFull
from amos.protocol.link import STATE_FAULT, STATE_FULL

AGAIN = "; tried again within a minute: look after the card or disk"


class Outage:
    """Waits with the courier served through `service`, a LinkService of `device`.

    keeper          the JournalKeeper that takes the storage up anew
    lingers         whether to wait for ever, since nobody in the venue would start the player again; else it leaves
    say             told what an operator should know
    stopping        `stopping()`: whether the player is to leave
    seal_leftover   `seal_leftover(after)`: seals what was metered before the failure; raises `JournalError`
    """

    def __init__(self, device, keeper, service, clock, lingers: bool, say, stopping, seal_leftover):
        self._device = device
        self._keeper = keeper
        self._service = service
        self._back_off = BackOff()
        self._clock = clock
        self._lingers = lingers
        self._say = say
        self._stopping = stopping
        self._seal_leftover = seal_leftover
        self._storage_fails = False

    def begin(self, error) -> None:
        """The journal refused with `error`: nothing plays until there is room or the storage works again."""
        full, text = isinstance(error, JournalFull), str(error)
        if not full:
            self._back_off.failed(self._clock.now_ms())
            text += AGAIN if self._lingers else ""
        self._storage_fails = not full
        state = self._device.player_state
        repeated = state.text == text
        state.set_state(STATE_FULL if full else STATE_FAULT, text)
        if not repeated:
            self._say("stopped: " + text)

    def is_over(self) -> bool:
        """Waits for the end of it; whether to try to play again, False also where nothing is out of order."""
        while self._lingers and not self._stopping():
            if self._storage_fails:
                if self._back_off.is_due(self._clock.now_ms()) and self._has_storage_again():
                    return True
            elif self._device.player_state.state != STATE_FULL:
                break
            elif self._device.journal.spare_segments:
                return True
            self._service.idle()
        return False

    def _has_storage_again(self) -> bool:
        """Take up the journal's storage anew, and seal what the failure left."""
        begin_work()
        try:
            self._keeper.begin_again()
            self._device.change_journal(self._keeper.journal)
            self._seal_leftover("its storage failed")
        except JournalError as error:
            self.begin(error)
            return False
        self._storage_fails = False
        self._say("journal: its storage works again")
        return True

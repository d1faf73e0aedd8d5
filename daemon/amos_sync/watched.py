"""What a courier asks a player while somebody looks on: what sounds, what its names are, who it is; and the inputs that
they give."""

from collections import deque
from collections.abc import Callable, Generator

from amos.crypto import verify
from amos.protocol.link import NOT_NOW, UNKNOWN_VERB, Response, Status
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_call import give_input, read_names, read_sounding
from amos.protocol.link_courier_proof import Proof, prove
from amos.protocol.link_courier_talk import Pause, RequestRefused
from amos.protocol.link_name import ANNOUNCEMENTS, SLIDERS, Name
from amos.protocol.link_sounding import Sounding
from amos_sync.limits import ACTS_WAITING_MAX

Steps = Generator[Ticket | Pause, Response | None, None]
Told = Callable[[str | None], None]
"""Takes the player's sentence when it refuses, else None."""

Proved = Callable[[Proof | None], None]
"""Takes None where the player did not prove that it is the device it names."""


class Watched:
    """Of one session. `sounding` is None while nothing plays; `sliders` and `announcements` are those of what plays.
    `is_older`: the player does not know how to tell. `acted`: an input was given, which the next look will show."""

    def __init__(self) -> None:
        self.sounding: Sounding | None = None
        self.sliders: list[Name] = []
        self.announcements: list[Name] = []
        self.is_older = False
        self.acted = False
        self._named: bytes | None = None
        self._acts: deque[tuple[int, int, Told]] = deque()
        self._proofs: deque[tuple[bytes, Proved]] = deque()

    def ask(self, kind: int, value: int, told: Told) -> bool:
        """Give the player this input, in its turn, and tell what became of it; whether there is room for one more."""
        if len(self._acts) >= ACTS_WAITING_MAX:
            return False
        self._acts.append((kind, value, told))
        return True

    def ask_proof(self, nonce: bytes, proved: Proved) -> None:
        """Have the player sign this nonce in its turn, as who it is."""
        self._proofs.append((nonce, proved))

    def end(self, sentence: str) -> None:
        """The session is over: nothing that waits is given."""
        while self._proofs:
            self._proofs.popleft()[1](None)
        while self._acts:
            self._acts.popleft()[2](sentence)

    def look(self, link: CourierLink, status: Status, nonce: Callable[[], bytes]) -> Steps:
        """Give the inputs that wait, then see what sounds."""
        self.acted = False
        while self._proofs:
            asked, proved = self._proofs.popleft()
            proved((yield from prove(link, asked, verify)))
        while self._acts:
            kind, value, told = self._acts.popleft()
            try:
                yield from give_input(link, nonce(), kind, value)
            except RequestRefused as error:
                told(error.sentence)
            else:
                told(None)
                self.acted = True
        if self.is_older:
            return
        try:
            sounding = yield from read_sounding(link)
            if self._named != status.pack:
                self.sliders = yield from read_names(link, SLIDERS)
                self.announcements = yield from read_names(link, ANNOUNCEMENTS)
                self._named = status.pack
            self.sounding = sounding
        except RequestRefused as error:
            if error.code not in (UNKNOWN_VERB, NOT_NOW):
                raise
            self.sounding, self.is_older = None, error.code == UNKNOWN_VERB

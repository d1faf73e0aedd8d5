"""An opt-out list in force on a player: verified, durable, and never an older one again."""

import hashlib

from amos.protocol.errors import ProtocolError
from amos.protocol.opt_outs import OptOuts, open_opt_outs


class OptOutsRefused(ProtocolError):
    """An opt-out list that would take the player back, or that it cannot keep."""


class OptOutList:
    """The list that `kept` (a `TwoSlotFile` or its twin) holds, and those that come. `open_list(data, publisher_key,
    verify)` verifies and decodes it.

    current   the list of this kind, an OptOuts, or None
    in_force  what of it withdraws stems: the same, or with that of another kind beside it (delegated_list.py)
    beside    what makes such an `in_force`, called when this list has changed; None without one
    publisher_key, verify   as given
    note      a sentence when what was kept is no list of this publisher's, else None

    What is kept was verified when it came, and is verified again: a card can be written elsewhere.
    """

    def __init__(self, kept, publisher_key: bytes, verify, open_list=open_opt_outs):
        self._kept = kept
        self._open_list = open_list
        self.publisher_key = publisher_key
        self.verify = verify
        self.current: OptOuts | None = None
        self.note: str | None = "opt-outs: expected a whole list, found damage" if kept.damaged else None
        self._sha256 = b""  # of what is kept: the list's bytes need not stay in memory
        content = kept.read()
        if content is not None:
            try:
                self.current = open_list(content, publisher_key, verify)
                self._sha256 = hashlib.sha256(content).digest()
            except ProtocolError as error:
                self.note = "opt-outs: kept list refused: %s" % error
        self.in_force: object | None = self.current
        self.beside = None

    def take(self, data: bytes) -> bool:
        """Take a list that came, durably; whether it says anything new. Raises `ProtocolError`.

        It is in force even when it cannot be stored; it is refused then, so that it comes again.
        """
        current = self.current
        sha256 = hashlib.sha256(data).digest()
        if sha256 == self._sha256:
            return False
        opt_outs = self._open_list(data, self.publisher_key, self.verify)
        if current is not None and opt_outs.serial < current.serial:
            raise OptOutsRefused("opt-outs.serial: expected %s or more, found %s" % (current.serial, opt_outs.serial))
        if current is not None and opt_outs.serial == current.serial and opt_outs.ids != current.ids:
            raise OptOutsRefused("opt-outs.serial: expected above %s for other stems" % (current.serial,))
        self.current = self.in_force = opt_outs
        if self.beside:
            self.beside()
        try:
            self._kept.write(data)
        except OSError as error:
            raise OptOutsRefused("opt-outs: in force, and expected to be stored, found %s" % error)
        self._sha256 = sha256
        return True

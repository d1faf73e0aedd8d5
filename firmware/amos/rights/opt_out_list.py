"""The opt-out list in force on a player: verified, durable, and never an older one again."""

import hashlib

from amos.protocol.errors import ProtocolError
from amos.protocol.opt_outs import OptOuts, open_opt_outs


class OptOutsRefused(ProtocolError):
    """An opt-out list that would take the player back, or that it cannot keep."""


class OptOutList:
    """The list that `kept` (a `TwoSlotFile` or its twin) holds, and those that come.

    current   OptOuts in force, or None
    note      a sentence when what was kept is no list of this publisher's, else None

    What is kept was verified when it came, and is verified again: a card can be written elsewhere.
    """

    def __init__(self, kept, publisher_key: bytes, verify):
        self._kept = kept
        self._publisher_key = publisher_key
        self._verify = verify
        self.current: OptOuts | None = None
        self.note: str | None = "opt-outs: expected a whole list, found damage" if kept.damaged else None
        self._sha256 = b""  # of what is kept: the list's bytes need not stay in memory
        content = kept.read()
        if content is not None:
            try:
                self.current = open_opt_outs(content, publisher_key, verify)
                self._sha256 = hashlib.sha256(content).digest()
            except ProtocolError as error:
                self.note = "opt-outs: kept list refused: %s" % error

    def take(self, data: bytes) -> bool:
        """Take a list that came, durably; whether it says anything new. Raises `ProtocolError`.

        It is in force even when it cannot be stored; it is refused then, so that it comes again.
        """
        current = self.current
        sha256 = hashlib.sha256(data).digest()
        if sha256 == self._sha256:
            return False
        opt_outs = open_opt_outs(data, self._publisher_key, self._verify)
        if current is not None and opt_outs.serial < current.serial:
            raise OptOutsRefused("opt-outs.serial: expected %d or more, found %d" % (current.serial, opt_outs.serial))
        if current is not None and opt_outs.serial == current.serial and opt_outs.to_map() != current.to_map():
            raise OptOutsRefused("opt-outs.serial: expected above %d for other stems" % current.serial)
        self.current = opt_outs
        try:
            self._kept.write(data)
        except OSError as error:
            raise OptOutsRefused("opt-outs: in force, and expected to be stored, found %s" % error)
        self._sha256 = sha256
        return True

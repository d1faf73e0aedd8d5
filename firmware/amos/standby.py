"""While nothing plays: waiting until something may."""

from amos.compat import const
from amos.packs.permission import refusal_of
from amos.protocol.link import STATE_STOPPED

_PERMIT_POLLS = const(20)
"""Idle polls until the player asks again whether it may play."""


class Standby:
    """Serves the courier through `service` (a LinkService of `device`) meanwhile.

    packs        the Repertoire whose pack is asked about
    lingers      whether to wait for ever; else a question that is answered no is not asked again
    say          told why nothing plays
    stopping     `stopping()`: whether the player is to leave
    """

    def __init__(self, device, packs, service, lingers: bool, say, stopping):
        self._device = device
        self._packs = packs
        self._service = service
        self._lingers = lingers
        self._say = say
        self._stopping = stopping

    def permitted(self):
        """The pack, if it may be played, else None. The status says why it may not. A player that lingers for ever
        waits here until this pack or another one may be played."""
        state, packs = self._device.player_state, self._packs
        while not self._stopping():
            reason = refusal_of(packs, self._device.rights)
            if reason is None:
                return packs.pack
            state.choose_pack(packs.pack_id)
            if state.text != reason:
                state.set_state(STATE_STOPPED, reason)
                self._say("stopped: " + reason)
            if not self._lingers:
                break
            for _poll in range(_PERMIT_POLLS):
                if not self._stopping() and not packs.waiting:
                    self._service.idle()
            if packs.waiting:
                packs.change()
        return None

"""May this pack be played? One answer from the score, the leases and the opt-out list."""

from amos.protocol.link import BAD_MANIFEST
from amos.protocol.link_pack_device import PackRefused
from amos.rights.licence import Licence
from amos.session.start import check_playable


def check_taken(pack, rights) -> None:
    """Raise a `ProtocolError` unless a session can begin with `pack` and `rights` let something of it be played."""
    check_playable(pack)
    reason = _over(Licence(pack.manifest, rights.opt_outs, rights.lease_clock))
    if reason:
        raise PackRefused(BAD_MANIFEST, reason)


def refusal_of(packs, rights) -> "str | None":
    """Why the open pack of `packs` (a Repertoire) may not be played, or that there is none; None if it may.

    A pack that waits to become the active one and may not be played is refused, and the one before is asked about.
    """
    while packs.pack is not None:
        reason = _over(rights.grant(packs.pack.manifest))
        if reason is None or not packs.pass_over(reason):
            return reason
    return packs.absence


def _over(licence) -> "str | None":
    """Why nothing may be played under a licence that has just been granted, or None."""
    licence.withdraw()
    return licence.over()

"""What may sound on this player: opt-out lists, and the leases of packs and stems (RIGHTS.md)."""

from amos.compat import const
from amos.edges.two_slot_file import TwoSlotFile
from amos.edges.worker import InlineWorker
from amos.protocol.limits import OPT_OUTS_BYTES_MAX
from amos.rights.lease_clock import KEPT_BYTES_MAX, LeaseClock
from amos.rights.licence import Licence
from amos.rights.opt_out_list import OptOutList

_HEADER_BYTES = const(96)
"""The type of what is signed stands in so many bytes from its beginning; what has none there is no delegated key's."""


class Rights:
    """`opt_outs` (the publisher's), `delegated` (a delegated key's, which holds beside it; None without one) and
    `lease_clock` of a player; `licence` for the pack that it plays, None before there is one.

    `worker` (edges/worker.py) writes while music goes on. `beside`, where delegated keys' lists are taken, is what
    keeps one, and the `LedgerKeys` of the ledger that it is for.
    """

    def __init__(self, opt_outs: OptOutList, lease_clock: LeaseClock, worker=None, beside=None):
        self._worker = worker or InlineWorker()
        self.opt_outs = opt_outs
        self.delegated: OptOutList | None = None
        self.lease_clock = lease_clock
        self.licence: Licence | None = None
        if opt_outs.current is not None:
            lease_clock.at_least(opt_outs.current.issued_unix_s * 1000)
        self.beside = beside

    def grant(self, manifest) -> Licence:
        """The licence to play a pack from here on."""
        self.licence = Licence(manifest, self.opt_outs, self.lease_clock)
        return self.licence

    def tick(self, now_ms: int, clock) -> None:
        """Time has gone on to `now_ms`, which may be the samples'; `clock` is an `AnchoredClock`. Saved when due."""
        self.lease_clock.tick(now_ms, clock.wall_unix_ms(), clock.trusted_unix_ms())
        if self.lease_clock.due and not self._worker.busy:
            self._worker.submit(self.lease_clock.save)

    def take_opt_outs(self, data: bytes) -> None:
        """An opt-out list came, the publisher's or a delegated key's. Raises `ProtocolError`."""
        if self.beside and b"amos-delegated-opt-outs+cose" in data[:_HEADER_BYTES]:
            from amos.rights.delegated_list import delegated_list  # a board holds no code that it does not need

            # It puts the lease clock to no time: whoever steals that key ends no lease with it.
            delegated_list(self).take(data)
        elif self.opt_outs.take(data) and self.opt_outs.current is not None:
            self.lease_clock.at_least(self.opt_outs.current.issued_unix_s * 1000)

    def lease_seconds_left(self) -> "int | None":
        """Seconds until the pack's lease ends, 0 when it has; None without a pack."""
        return None if self.licence is None else self.licence.seconds_left()


def open_rights(
    directory: str, publisher_key: bytes, verify, clock, worker=None, *, device_id: bytes, ran_before: bool, ledger_keys
) -> Rights:
    """The rights that the player `device_id` keeps in `directory`; counts the boot. `clock` is an `AnchoredClock`,
    `ran_before` as in `LeaseClock`, `ledger_keys` a `LedgerKeys`. Raises OSError."""
    opt_outs = OptOutList(TwoSlotFile(directory + "/opt-outs", OPT_OUTS_BYTES_MAX), publisher_key, verify)
    kept = TwoSlotFile(directory + "/time", KEPT_BYTES_MAX)
    lease_clock = LeaseClock(kept, clock.now_ms(), clock.wall_unix_ms(), device_id, ran_before)
    kept = TwoSlotFile(directory + "/delegated-opt-outs", OPT_OUTS_BYTES_MAX)
    rights = Rights(opt_outs, lease_clock, worker, (kept, ledger_keys))
    if kept.damaged or kept.read():
        from amos.rights.delegated_list import delegated_list

        delegated_list(rights)
    return rights

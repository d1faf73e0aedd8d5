"""What session seeds draw on besides public numbers: a root of the ledger's tree, the same for a whole boot."""

from amos.protocol.segment import NO_SEED_ROOT

ROOT_BYTES = 32


class SeedRoot:
    """`root` is that of the newest receipt of earlier boots; zeros where there was none, or what was kept is lost.

    `kept` is a `TwoSlotFile` or its twin, or None where nothing is kept. It is read once: a receipt that comes while
    the player runs counts from the next boot on, so that nobody picks a seed by handing one over at a chosen moment.
    """

    def __init__(self, kept=None):
        self._kept = kept
        found = None if kept is None else kept.read()
        self.root = found if found is not None and len(found) == ROOT_BYTES else NO_SEED_ROOT

    def keep(self, root: bytes) -> None:
        """Keep the root for the next boot. Where that cannot be stored the one before stays, and nothing is lost but
        that it is older."""
        if self._kept is None:
            return
        try:
            self._kept.write(root)
        except OSError:
            pass

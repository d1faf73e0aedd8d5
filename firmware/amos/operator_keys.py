"""The operator's key as this player knows it: the one in its settings, or the one to which that gave way since.

It is followed as the ledger's is (`ledger_keys.py`), with one difference. The old key alone could name any number of
next ones, and whoever has stolen it would; the log has one. So the receipt beside the rotation is by the ledger's key
that the player believes at that moment: after a rotation of that, the ledger signs the receipt anew.
"""

from amos.compat import const
from amos.ledger_keys import LedgerKeys

_OPERATOR = const(1)


class OperatorKeys(LedgerKeys):
    """`ledger_keys` is a `LedgerKeys`; the rest is as there. `pinned` is the key in the settings."""

    role = _OPERATOR

    def __init__(self, pinned: bytes, ledger_keys: LedgerKeys, kept=None):
        LedgerKeys.__init__(self, pinned, kept)
        self._ledger_keys = ledger_keys

    def _ledger_key(self, new_key: bytes) -> bytes:
        return self._ledger_keys.key

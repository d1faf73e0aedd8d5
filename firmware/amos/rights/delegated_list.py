"""A delegated key's opt-out list on a player. Imported once there is one: a board holds no code it does not need."""

from amos.protocol.delegated import open_kept
from amos.rights.opt_out_list import OptOutList


class Both:
    """What the publisher's list and that of a delegated key withdraw together. Never changes."""

    def __init__(self, lists):
        self._lists = lists

    def __contains__(self, stem_id: bytes) -> bool:
        one, other = self._lists
        return (one is not None and stem_id in one) or (other is not None and stem_id in other)


def open_delegated_list(kept, publisher: OptOutList, ledger_keys) -> OptOutList:
    """The list that `kept` holds beside the publisher's, which is in force together with it and gets its note. It is
    for the ledger of these `ledger_keys` (LedgerKeys): of the key in the settings, or of the one in force. What is kept
    may be of one between them."""
    found = None

    def open_list(data, publisher_key, verify):
        keys = (ledger_keys.pinned, ledger_keys.key)
        return open_kept(data, publisher_key, verify, keys if found or keys[0] == keys[1] else None)

    found = OptOutList(kept, publisher.publisher_key, publisher.verify, open_list)

    def both():
        publisher.in_force = Both((publisher.current, found.current))

    publisher.beside = found.beside = both  # pyright: ignore[reportAttributeAccessIssue]
    both()
    publisher.note = publisher.note or found.note
    return found


def delegated_list(rights) -> OptOutList:
    """That of a player's `Rights`, opened once."""
    if rights.delegated is None:
        kept, ledger_keys = rights.beside
        rights.delegated = open_delegated_list(kept, rights.opt_outs, ledger_keys)
    return rights.delegated

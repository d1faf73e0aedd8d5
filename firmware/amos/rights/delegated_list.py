"""A delegated key's opt-out list on a player. Imported once there is one: a board holds no code it does not need."""

from amos.protocol.delegated import open_kept
from amos.rights.opt_out_list import OptOutList


def open_delegated_list(opt_outs: OptOutList, beside) -> OptOutList:
    """The list beside the publisher's `opt_outs`, which also get its note. `beside` is what keeps it, and the
    `LedgerKeys` of the ledger that it is for: of the key in the settings, or of the one in force."""
    kept, ledger_keys = beside

    def open_list(data, publisher_key, verify):
        return open_kept(data, publisher_key, verify, (ledger_keys.pinned, ledger_keys.key))

    found = OptOutList(kept, opt_outs.publisher_key, opt_outs.verify, open_list)
    opt_outs.note = opt_outs.note or found.note
    return found

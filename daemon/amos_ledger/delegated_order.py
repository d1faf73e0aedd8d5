"""Since when a delegated key's list may be dated, by the lists and batch entries before it (SPEC section 14). Pure."""

from amos.protocol.delegated import DelegatedOptOuts

BACK_S_MAX = 86_400
"""Nobody dates a withdrawal back by more, against the times at which the ledger received play."""


def earliest_issue_s(last: DelegatedOptOuts | None, delegation_serial: int, newest_batch_s: int) -> int:
    """The first second of which a list under this delegation may be, behind the list `last`. `newest_batch_s` is the
    latest minute of the batch entries since the delegation's first list, 0 without one. Another delegation begins anew:
    its own time bounds it, so that a clock that ran ahead binds nobody for ever."""
    if last is None or last.delegation_serial != delegation_serial:
        return 0
    return max(last.issued_unix_s, newest_batch_s - BACK_S_MAX)

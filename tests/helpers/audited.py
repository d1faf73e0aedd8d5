"""The audit folder of a ledger, which follows the public one at its own pace."""

from pathlib import Path

from amos_ledger.audit import follow_now
from amos_ledger.folder import Folder


def audited(folder: Folder) -> Path:
    """The audit folder, with all that the public one covers."""
    with folder.open_store() as store:
        follow_now(folder, store)
    return folder.path / folder.trust.audit

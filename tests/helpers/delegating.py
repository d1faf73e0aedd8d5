"""Delegations of opt-outs in a small world: the publisher's, to the ledger's opt-out key."""

from hashlib import sha256
from typing import Any

from amos.protocol.delegated import Delegation
from amos.protocol.signing import sign_delegation
from amos_ledger.delegated import made_key

STEM = [sha256(b"stem %d" % number).digest()[:16] for number in range(4)]
NOW = 1_800_000_000


def delegation(world: Any, serial: int = 1, stems: list[bytes] = STEM[:3], **changes: Any) -> bytes:
    """Of these stems, for a thousand seconds from `NOW`, by `signer` to `key` unless told otherwise."""
    signer = changes.pop("signer", world.publisher)
    keys = {"key": made_key(world.folder), "ledger": world.folder.public_key}
    facts = {**keys, "since_unix_s": NOW, "until_unix_s": NOW + 1000} | changes
    made = Delegation(version=1, serial=serial, ids=b"".join(sorted(stems)) or None, **facts)
    return bytes(sign_delegation(made, signer.id, signer.sign))

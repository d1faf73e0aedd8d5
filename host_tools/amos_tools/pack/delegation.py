"""The publisher's delegation: a key that may silence certain stems, signed for a ledger's pages."""

from collections.abc import Sequence

from amos.crypto import key_id, public_key, sign
from amos.protocol.delegated import DELEGATED_MAX, Delegation
from amos.protocol.errors import LocalError
from amos.protocol.signing import sign_delegation
from amos_tools.pack.errors import NotRepresentable
from amos_tools.stems import StemFacts


def make_delegation(
    stems: Sequence[StemFacts],
    publisher_seed: bytes,
    key: bytes,
    ledger: bytes,
    serial: int,
    since_unix_s: int,
    until_unix_s: int,
    batches_from: int | None = None,
) -> bytes:
    """The signed delegation to `key` at the ledger whose public key is `ledger`, of no stems to end what was delegated;
    `batches_from`: the leaf of its log before which batch entries bound no list, by a clock that ran ahead. The same
    arguments give the same bytes. Raises `NotRepresentable`."""
    if len(stems) > DELEGATED_MAX:
        raise NotRepresentable(f"delegation: expected at most {DELEGATED_MAX} stems, found {len(stems)}; name them")
    ids = b"".join(sorted(stem.stem_id for stem in stems)) or None
    times = {"since_unix_s": since_unix_s, "until_unix_s": until_unix_s}
    try:
        made = Delegation(version=1, serial=serial, key=key, ledger=ledger, ids=ids, batches_from=batches_from, **times)
        return bytes(
            sign_delegation(made, key_id(public_key(publisher_seed)), lambda message: sign(publisher_seed, message))
        )
    except LocalError as error:
        raise NotRepresentable(str(error)) from None

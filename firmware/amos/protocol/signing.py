"""What ledger and publisher sign and players read; a player signs none of it, so its code is on no board."""

from amos.protocol.anchor import Anchor
from amos.protocol.cbor import Tag, dumps
from amos.protocol.cose import (
    ALG_ED25519,
    HEADER_ALG,
    HEADER_KID,
    HEADER_VDP,
    HEADER_VDS,
    KID_BYTES,
    TAG_SIGN1,
    TYP_ANCHOR,
    TYP_MANIFEST,
    TYP_OPT_OUTS,
    sign,
    signature_input,
)
from amos.protocol.delegated import TYP_DELEGATED_OPT_OUTS, TYP_DELEGATION, DelegatedOptOuts, Delegation
from amos.protocol.manifest import Manifest
from amos.protocol.opt_outs import VERSION as OPT_OUTS_VERSION
from amos.protocol.opt_outs import OptOuts
from amos.protocol.receipt import INCLUSION_PROOFS, VDS_RFC9162_SHA256


def sign_anchor(anchor: Anchor, ledger: bytes, sign_message) -> bytes:
    """The anchor's bytes; `ledger` is the key id of the ledger's key."""
    return sign(anchor.encode(), TYP_ANCHOR, ledger, sign_message)


def sign_manifest(manifest: Manifest, publisher: bytes, sign_message) -> bytes:
    """The manifest's bytes; `publisher` is the key id of the publisher's key."""
    assert len(publisher) == KID_BYTES
    return sign(manifest.encode(), TYP_MANIFEST, publisher, sign_message)


def list_opt_outs(serial: int, issued_unix_s: int, stem_ids) -> OptOuts:
    """The list of these stems, given in any order."""
    return OptOuts(
        version=OPT_OUTS_VERSION,
        serial=serial,
        issued_unix_s=issued_unix_s,
        ids=b"".join(sorted(set(stem_ids))) or None,
    )


def sign_opt_outs(opt_outs: OptOuts, publisher: bytes, sign_message) -> bytes:
    """The list's bytes; `publisher` is the key id of the publisher's key."""
    return sign(opt_outs.encode(), TYP_OPT_OUTS, publisher, sign_message)


def sign_delegation(delegation: Delegation, publisher: bytes, sign_message) -> bytes:
    """The delegation's bytes; `publisher` is the key id of the publisher's key."""
    return sign(delegation.encode(), TYP_DELEGATION, publisher, sign_message)


def list_delegated(serial: int, issued_unix_s: int, stem_ids, delegation: bytes, payee=None) -> DelegatedOptOuts:
    """A delegated key's list of these stems, given in any order; `delegation` is the signed one, `payee` who changed
    what the list before names."""
    return DelegatedOptOuts(
        version=OPT_OUTS_VERSION,
        serial=serial,
        issued_unix_s=issued_unix_s,
        ids=b"".join(sorted(set(stem_ids))) or None,
        delegation=delegation,
        payee=payee,
    )


def sign_delegated(opt_outs: DelegatedOptOuts, key: bytes, sign_message) -> bytes:
    """The list's bytes; `key` is the key id of the delegated key."""
    return sign(opt_outs.encode(), TYP_DELEGATED_OPT_OUTS, key, sign_message)


def sign_receipt(tree_size: int, leaf_index: int, path, root: bytes, ledger: bytes, sign_message) -> bytes:
    """The receipt's bytes; `ledger` is the key id of the ledger's key. The root is signed, but not carried."""
    protected = dumps({HEADER_ALG: ALG_ED25519, HEADER_KID: ledger, HEADER_VDS: VDS_RFC9162_SHA256})
    proof = dumps([tree_size, leaf_index, list(path)])
    signature = sign_message(signature_input(protected, root))
    return dumps(Tag(TAG_SIGN1, [protected, {HEADER_VDP: {INCLUSION_PROOFS: [proof]}}, None, signature]))

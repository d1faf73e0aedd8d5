"""Opt-outs by a delegated key: one that the publisher lets silence certain stems, and nothing else (SPEC section 10).

Such a list holds beside the publisher's own. The key may take back what it itself silenced, and no stem that the
publisher's list names.
"""

from amos.compat import const
from amos.protocol.cose import HEADER_TYP, open_typed, parse, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import OPT_OUTS_BYTES_MAX, SMALL_TEXT_BYTES_MAX
from amos.protocol.opt_outs import OptOuts
from amos.protocol.record import U8, U63, UNIX_S_MAX

TYP_DELEGATED_OPT_OUTS = "amos-delegated-opt-outs+cose"
TYP_DELEGATION = "amos-delegation+cose"

DELEGATED_MAX = 256
"""Stems that one delegated opt-out key may silence: a list of them all with its delegation is half of the largest list
of the publisher's, so that a board holds both."""

DELEGATION_BYTES_MAX = 16 * DELEGATED_MAX + 512
"""Ids of 16 bytes, two keys and the envelope."""

DELEGATED_OPT_OUTS_BYTES_MAX = 16 * DELEGATED_MAX + DELEGATION_BYTES_MAX + 512
"""Ids, the delegation, a payee and the envelope."""

_KEY_BYTES = const(32)
_STEM_ID_BYTES = const(16)
_IDS_SIZE = 16 * DELEGATED_MAX


class DelegationRefused(ProtocolError):
    """A delegation that is not the publisher's, or does not let its key say what the list says."""


class Delegation(OptOuts):
    """What the publisher lets a key do: silence the stems of `ids` (None: no stems any more), in lists issued from
    `since_unix_s` up to `until_unix_s`, in the log of the ledger whose key `ledger` is or was, and at its players.
    `batches_from`: the batch entries of the log before this leaf, which a clock that ran ahead made, bound no list."""

    NAME = "delegation"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "serial", "uint", U63),
        (3, "key", "bytes", _KEY_BYTES),
        (4, "since_unix_s", "uint", UNIX_S_MAX),
        (5, "until_unix_s", "uint", UNIX_S_MAX),
        (6, "ids", "blob?", _IDS_SIZE),
        (7, "ledger", "bytes", _KEY_BYTES),
        (8, "batches_from", "uint?", U63),
    )

    key: bytes
    ledger: bytes
    since_unix_s: int
    until_unix_s: int
    batches_from: "int | None"

    def fault(self) -> "str | None":
        if self.until_unix_s < self.since_unix_s:
            return "until_unix_s: expected %d or later, found %d" % (self.since_unix_s, self.until_unix_s)
        return super().fault()


class DelegatedOptOuts(OptOuts):
    """Payload of a delegated key's list; `delegation` is the signed one. `payee` is who withdrew the stems that the
    list before did not name, or brought back those that this one does not; None where a delegation alone makes it.

    Once it was opened, the list of a newer delegation replaces every list of an older one.
    """

    NAME = "delegated-opt-outs"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "serial", "uint", U63),
        (3, "issued_unix_s", "uint", UNIX_S_MAX),
        (4, "ids", "blob?", _IDS_SIZE),
        (5, "delegation", "blob", DELEGATION_BYTES_MAX),
        (6, "payee", "slug?", SMALL_TEXT_BYTES_MAX),
    )

    delegation: "bytes | None"
    payee: "str | None"
    delegation_serial = 0
    batches_from = 0

    @property
    def rank(self) -> tuple:
        """The higher replaces the lower."""
        return (self.delegation_serial, self.serial)


def is_delegated(data) -> bool:
    """Whether it says to be a delegated key's list. Raises `CoseError`, `CborError`."""
    return parse(data, OPT_OUTS_BYTES_MAX).header.get(HEADER_TYP) == TYP_DELEGATED_OPT_OUTS


def stem_ids_of(record: OptOuts):
    """Each stem id of a list or a delegation, ascending."""
    ids = record.ids or b""
    for at in range(0, len(ids), _STEM_ID_BYTES):
        yield ids[at : at + _STEM_ID_BYTES]


def open_delegation(data, public_key: bytes, verify) -> Delegation:
    """Verify by the publisher's key, then decode. Raises `DelegationRefused`."""
    try:
        return Delegation.decode(open_typed(data, TYP_DELEGATION, DELEGATION_BYTES_MAX, public_key, verify))
    except ProtocolError as error:
        raise DelegationRefused("delegation: %s" % error)


def open_delegated(data, public_key: bytes, verify, ledger_keys) -> DelegatedOptOuts:
    """The list, whose delegation is by the publisher's key `public_key`, for a ledger of which `ledger_keys` are known;
    for any without them. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`, `DelegationRefused`."""
    message = parse_typed(data, TYP_DELEGATED_OPT_OUTS, DELEGATED_OPT_OUTS_BYTES_MAX)
    opt_outs = DelegatedOptOuts.decode(message.payload)
    delegation = open_delegation(opt_outs.delegation, public_key, verify)
    message.check(delegation.key, verify)
    if ledger_keys and delegation.ledger not in ledger_keys:
        raise DelegationRefused(
            "delegation.ledger: expected %s, found %s" % (ledger_keys[-1].hex(), delegation.ledger.hex())
        )
    since_s, until_s = delegation.since_unix_s, delegation.until_unix_s
    if not since_s <= opt_outs.issued_unix_s <= until_s:
        raise DelegationRefused(
            "delegation: expected a list issued from %d to %d, found %d" % (since_s, until_s, opt_outs.issued_unix_s)
        )
    for stem_id in stem_ids_of(opt_outs):
        if stem_id not in delegation:
            raise DelegationRefused("delegation: expected only stems that it names, found %s" % stem_id.hex())
    opt_outs.delegation_serial = delegation.serial
    if delegation.batches_from:
        opt_outs.batches_from = delegation.batches_from
    return opt_outs


def open_kept(data, public_key: bytes, verify, ledger_keys) -> DelegatedOptOuts:
    """As `open_delegated`, without the delegation: what a board has to keep in memory. Its rank is its `serial`."""
    opt_outs = open_delegated(data, public_key, verify, ledger_keys)
    opt_outs.serial = opt_outs.rank  # pyright: ignore[reportAttributeAccessIssue] (compared with its own kind alone)
    opt_outs.delegation = opt_outs.payee = None
    return opt_outs

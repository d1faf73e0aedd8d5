"""The operator rules on a quarantine: an entry of the log, and what was kept as evidence is decided anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amos.crypto import key_id, public_key, sign
from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.ledger_limits import RULING_BYTES_MAX
from amos.protocol.quarantine import LIFT, REJECT, TYP_RULING, VERSION, Ruling, open_ruling, sign_ruling
from amos_ledger import clerk
from amos_ledger.clerk import Outcome
from amos_ledger.errors import RulingRefused
from amos_ledger.folder import Folder
from amos_ledger.operators_word import device_named, open_word
from amos_ledger.records import Evidence
from amos_ledger.store.store import Store

DIGITS_MIN = 8
"""Of a segment's hash, to name it by."""


@dataclass(frozen=True)
class Ruled:
    """A ruling in the log at `leaf_index`; `outcomes` of what was decided anew, and whether that began another
    quarantine, and why."""

    ruling: Ruling
    leaf_index: int
    outcomes: tuple[Outcome, ...]
    again: str | None


def rule(folder: Folder, store: Store, data: bytes) -> Ruled:
    """Take a ruling into the log and do what it says, in one transaction.

    Raises `RulingRefused`, and has changed nothing then.
    """
    try:
        named = device_named(data, Ruling, TYP_RULING, RULING_BYTES_MAX)
    except ProtocolError as error:
        raise RulingRefused(f"ruling: {error}") from None
    with store.transaction([named]):
        try:
            ruling: Ruling = open_word(folder, store, data, open_ruling)
        except ProtocolError as error:
            raise RulingRefused(f"ruling: {error}") from None
        begun = store.quarantines.in_force(ruling.device_id)
        if begun != ruling.quarantine:
            found = "none" if begun is None else f"the one of entry {begun}"
            raise RulingRefused(
                f"ruling.quarantine: expected the one in force, found {ruling.quarantine}; in force is {found}"
            )
        kept = {item.sha256 for item in store.quarantines.evidence(ruling.device_id)}
        for sha256 in ruling.rejected:
            if sha256 not in kept:
                raise RulingRefused(f"ruling.rejected: expected segments kept as evidence, found {sha256.hex()}")
        index = store.append([data])
        store.quarantines.rule(ruling, index)
        outcomes = clerk.reconsider(store, ruling.device_id) if ruling.action == LIFT else []
        device = store.chain.device(ruling.device_id)
        assert device is not None
        again = device.quarantine if ruling.action == LIFT else None
    return Ruled(ruling, index, tuple(outcomes), again)


def ruling_on(
    store: Store, device_id: bytes, named: Sequence[str] | None, reason: str, seed: bytes, now: Callable[[], float]
) -> bytes:
    """The operator's signed ruling on the device's present quarantine: lifted when `named` is None, else those
    segments, named by the first digits of their hashes, are rejected. Raises `RulingRefused`."""
    begun = store.quarantines.in_force(device_id)
    if begun is None:
        raise RulingRefused(f"device: expected one in quarantine, found {device_id.hex()}, which is not")
    rejected = [] if named is None else _named(store.quarantines.evidence(device_id), named)
    try:
        ruling = Ruling(
            version=VERSION,
            device_id=device_id,
            quarantine=begun,
            action=LIFT if named is None else REJECT,
            rejected=rejected,
            reason=reason,
            unix_s=int(now()),
        )
        return sign_ruling(ruling, key_id(public_key(seed)), lambda message: sign(seed, message))
    except LocalError as error:
        raise RulingRefused(str(error)) from None


def _named(evidence: Sequence[Evidence], named: Sequence[str]) -> list[bytes]:
    found = set()
    for digits in named:
        fits = [item.sha256 for item in evidence if item.sha256.hex().startswith(digits.lower())]
        if len(digits) < DIGITS_MIN or len(fits) != 1:
            raise RulingRefused(
                f"segment: expected the first {DIGITS_MIN} or more digits of the hash of one that is kept as evidence,"
                f" found {digits[:80]!r}, which {len(fits)} have"
            )
        found.add(fits[0])
    return sorted(found)

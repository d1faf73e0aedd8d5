"""Rotations of keys with a receipt for each, as a courier brings them."""

from amos.protocol.merkle import leaf_hash
from amos.protocol.rotation import LEDGER, Rotation, appointment, sign_rotation
from amos.protocol.signing import sign_receipt

ORIGIN = "ledger.example"


def appointed(old, new, number, origin=ORIGIN, role=LEDGER, receipt_by=None, signed_by=None):
    """What a courier brings: a log of that one entry is enough for a receipt."""
    facts = {"version": 1, "role": role, "origin": origin, "number": number, "unix_s": 1000}
    facts["until_unix_s"] = 1000 if role == LEDGER else None
    draft = Rotation(possession=bytes(64), old_key=old.public_key, new_key=new.public_key, **facts)
    proof = new.sign(draft.possession_message())
    signed = Rotation(possession=proof, old_key=old.public_key, new_key=new.public_key, **facts)
    entry = sign_rotation(signed, (signed_by or old).sign)
    by = receipt_by or new
    return appointment(entry, sign_receipt(1, 0, [], leaf_hash(entry), by.id, by.sign))

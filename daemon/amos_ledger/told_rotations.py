"""What players are told of changed keys: each rotation, with a receipt that shows it to be an entry of the log.

The ledger's own is receipted by the key that it appoints (`rotating.appointments`). The operator's is receipted by the
key of the ledger's that is in force, since players take no other, and so anew after each rotation of that. A crash in
between leaves the receipt of before; whoever tells the rotations next finds it stale and makes the next one.
"""

from functools import partial

from amos.crypto import key_id, verify
from amos.protocol import topics
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import APPOINTMENT_BYTES_MAX
from amos.protocol.receipt import parse_receipt
from amos.protocol.rotation import OPERATOR, appointment, read_rotation, split_appointment
from amos.protocol.signing import sign_receipt
from amos_ledger.folder import OPERATOR_ROTATION_NAME, Folder
from amos_ledger.public import Public
from amos_ledger.rotating import appointments
from amos_ledger.store.store import Store


def rotations_to_tell(folder: Folder, store: Store) -> dict[str, bytes]:
    """Topic → message, in the order in which players take them. What is not published yet is. Raises `OSError`,
    `DATABASE_ERRORS`."""
    ledgers = {topics.rotation_topic(number): data for number, data in appointments(folder, store).items()}
    operators = operator_appointments(folder, store)
    return ledgers | {topics.operator_rotation_topic(number): data for number, data in operators.items()}


def operator_appointments(folder: Folder, store: Store) -> dict[int, bytes]:
    """Number → rotation of the operator's key, with the receipt of the ledger's key in force. Raises `OSError`,
    `DATABASE_ERRORS`."""
    found = {}
    for index, entry in store.rotations.entries(OPERATOR):
        number = read_rotation(entry).number
        name = OPERATOR_ROTATION_NAME.format(number)
        path = folder.public / name
        data = path.read_bytes()[: APPOINTMENT_BYTES_MAX + 1] if path.exists() else b""
        sound = _is_receipted(data, index, entry, folder, store)
        if not sound and folder.line.present in folder.own_keys:
            data = _receipted(index, entry, folder, store)
            Public(folder).write(name, data)
            sound = True
        if sound:
            found[number] = data
    return found


def _is_receipted(data: bytes, index: int, entry: bytes, folder: Folder, store: Store) -> bool:
    try:
        rotation, receipted = split_appointment(data)
        receipt = parse_receipt(receipted)
        if rotation != entry or receipt.leaf_index != index or receipt.tree_size > store.size():
            return False
        return receipt.check(entry, folder.line.present, verify) == store.root(receipt.tree_size)
    except ProtocolError:
        return False


def _receipted(index: int, entry: bytes, folder: Folder, store: Store) -> bytes:
    size, key = store.size(), folder.line.present
    path, root = store.inclusion_path(index, size), store.root(size)
    return appointment(entry, sign_receipt(size, index, path, root, key_id(key), partial(folder.sign_by, key)))

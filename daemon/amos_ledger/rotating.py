"""A key of the operator's gives way to the next one: an entry of the log, signed by the key that is in force."""

from pathlib import Path

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import ROTATION_BYTES_MAX
from amos.protocol.rotation import OPERATOR, Rotation, open_rotation, read_rotation
from amos_ledger import registry
from amos_ledger.errors import RotationRefused
from amos_ledger.folder import Folder
from amos_ledger.store.store import Store


def rotate_operator(folder: Folder, store: Store, data: bytes) -> tuple[Rotation, bool]:
    """(rotation, whether it was not in the log before). From the next entry on only the new key counts. Works while the
    ledger serves. Raises `RotationRefused`, and has changed nothing then."""
    with store.transaction():
        if data in (entry for _index, entry in store.rotations.entries(OPERATOR)):
            return read_rotation(data), False
        line = folder.operator_line(store)
        try:
            rotation: Rotation = line.open_at(store.size(), data, open_rotation, verify)
            line.add(store.size(), rotation)
        except ProtocolError as error:
            raise RotationRefused(f"rotation: {error}") from None
        store.rotations.note(store.append([data]), rotation)
    return rotation, True


def read_file(path: Path) -> bytes:
    """A file's bytes, capped. Raises `RotationRefused`."""
    return registry.read_capped(path, ROTATION_BYTES_MAX, RotationRefused)

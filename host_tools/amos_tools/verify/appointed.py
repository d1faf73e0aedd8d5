"""Which keys follow a pinned key of the ledger's, by the rotations that a ledger publishes, without the log itself.

Each rotation is signed by the key that gives way, and the next key's receipt for it says that it is an entry of the
log. At which entry, only the log tells, so what the old key signed before is good and stays good here.
"""

from pathlib import Path

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import open_proved
from amos.protocol.limits import APPOINTMENT_BYTES_MAX, ROTATIONS_MAX
from amos.protocol.rotation import Rotation, open_appointment, read_rotation, split_appointment
from amos_tools.verify.errors import Difference, Unreadable
from amos_tools.verify.published import read_file

Appointed = dict[str, Rotation]
"""File → what stands in it."""


def read_appointed(folder: Path) -> Appointed:
    """The rotations in `folder`, as a ledger has them in `public/rotations`, each verified by both of its keys. Raises
    `Unreadable`, `Difference`."""
    found: Appointed = {}
    for number in range(1, ROTATIONS_MAX + 1):
        path = folder / f"ledger-{number}.cbor"
        if path.exists():
            found[str(path)] = _opened(path)
    if not found:
        raise Unreadable(f"{folder}: expected rotations of a ledger's key, ledger-1.cbor and so on; found none")
    return found


def _opened(path: Path) -> Rotation:
    data = read_file(path, APPOINTMENT_BYTES_MAX)
    try:
        rotation = open_appointment(data, read_rotation(split_appointment(data)[0]).old_key, verify)
        return open_proved(split_appointment(data)[0], rotation.old_key, verify)
    except ProtocolError as error:
        raise Difference(str(path), "a rotation by both of its keys", f"another ({error})") from None


def keys_after(origin: str | None, key: bytes, appointed: Appointed) -> list[tuple[str, bytes]]:
    """(the log's name, key) of those that follow `key` one after the other, in the log called `origin`, of any name
    where that is None. Raises `Difference` for one that is not the next in its line."""
    found: list[tuple[str, bytes]] = []
    before: Rotation | None = None
    for path, rotation in appointed.items():
        if rotation.old_key != key or origin not in (None, rotation.origin):
            continue
        if before is not None and rotation.number != before.number + 1:
            raise Difference(f"{path}: rotation.number", before.number + 1, rotation.number)
        key, origin, before = rotation.new_key, rotation.origin, rotation
        found.append((rotation.origin, key))
    return found

"""A key of the operator's or the ledger's gives way to the next one: an entry of the log, signed by the one in force.

The ledger's, and what a crash leaves:

    1  the next key's file is made   the old key in force; the file is used by the next attempt
    2  the rotation is committed     the new key in force: which one is follows from the store, and from nothing else
    3  the log is published          the same, under a tree head of the new key
    4  the appointment is published  all of it; until then it is made as soon as the ledger serves
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from amos.crypto import key_id, public_key, sign, verify
from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.key_line_host import open_proved
from amos.protocol.limits import APPOINTMENT_BYTES_MAX, ROTATION_BYTES_MAX
from amos.protocol.receipt import parse_receipt
from amos.protocol.rotation import (
    LEDGER,
    OPERATOR,
    VERSION,
    Rotation,
    appointment,
    open_appointment,
    read_rotation,
    sign_rotation,
    split_appointment,
)
from amos.protocol.signing import sign_receipt
from amos_ledger import registry
from amos_ledger.audit import follow_now
from amos_ledger.errors import RotationRefused
from amos_ledger.folder import ROTATION_NAME, Folder
from amos_ledger.heads import checked_store
from amos_ledger.public import Public
from amos_ledger.store.store import Store


def rotate_operator(folder: Folder, store: Store, data: bytes) -> tuple[Rotation, bool]:
    """(rotation, whether it was not in the log before). From the next entry on only the new key counts. Works while the
    ledger serves. Raises `RotationRefused`, and has changed nothing then."""
    with store.transaction():
        if data in (entry for _index, entry in store.rotations.entries(OPERATOR)):
            return read_rotation(data), False
        line = folder.operator_line(store)
        try:
            rotation: Rotation = line.open_at(store.size(), data, open_proved, verify)
            line.add(store.size(), rotation)
        except ProtocolError as error:
            raise RotationRefused(f"rotation: {error}") from None
        store.rotations.note(store.append([data]), rotation)
    return rotation, True


def rotate_ledger(
    folder: Folder,
    transition_s: int,
    number: int | None = None,
    now: Callable[[], float] = time.time,
    at: Callable[[str], None] = lambda step: None,
) -> tuple[Rotation, bool]:
    """(the ledger's last rotation, whether it was not in the log before). Nobody may serve meanwhile.

    `number` is that of the rotation that is wanted, so that the same again is no error; without it, it is the next one,
    and none is made while the transition of the last lasts. `at` is told of each step. Raises `RotationRefused`,
    `AlreadyServing`, `ClockWrong`, `RolledBack`, `StorageFailed`.
    """
    with folder.serving(), checked_store(folder, now) as store:
        unix_s = int(now())
        if number == len(folder.line.rotations) and number:
            rotation, fresh = folder.line.rotations[-1][1], False
        else:
            _check_next(folder, number, unix_s)
            rotation, fresh = _rotate(folder, store, unix_s, transition_s, at), True
        registry.publish(folder, store)
        at("published")
        appointments(folder, store)
        follow_now(folder, store)
    return rotation, fresh


def _check_next(folder: Folder, number: int | None, unix_s: int) -> None:
    expected = len(folder.line.keys)
    if number is not None and number != expected:
        raise RotationRefused(f"number: expected {expected}, or {expected - 1}, which is in the log, found {number}")
    if number is None and folder.line.rotations:
        until = folder.line.rotations[-1][1].until_unix_s or 0
        if unix_s < until:
            raise RotationRefused(
                f"rotation: expected after the transition of the last, in {until - unix_s} s, or --number {expected}"
            )


def _rotate(folder: Folder, store: Store, unix_s: int, transition_s: int, at: Callable[[str], None]) -> Rotation:
    seed = folder.make_next_seed()
    at("key made")
    with folder.publishing(), store.transaction():
        line = store.rotations.line(LEDGER, store.public_key)
        facts = {"version": VERSION, "role": LEDGER, "origin": store.origin, "number": len(line.keys)}
        facts |= {"old_key": line.present, "new_key": public_key(seed), "unix_s": unix_s}
        facts["until_unix_s"] = unix_s + transition_s
        try:
            proof = sign(seed, Rotation(possession=bytes(64), **facts).possession_message())
            rotation = Rotation(possession=proof, **facts)
            data = sign_rotation(rotation, partial(folder.sign_by, line.present))
            line.add(store.size(), rotation)
        except (LocalError, ProtocolError) as error:
            raise RotationRefused(f"rotation: {error}") from None
        store.rotations.note(store.append([data]), rotation)
        at("before the commit")
    folder.take_line(store)
    at("committed")
    return rotation


def appointments(folder: Folder, store: Store) -> dict[int, bytes]:
    """Number → rotation with the new key's receipt for its entry, of each rotation of the ledger's key. What is not
    published yet is, if the key is here. Raises `OSError`, `DATABASE_ERRORS`."""
    found = {}
    for index, entry in store.rotations.entries(LEDGER):
        rotation = read_rotation(entry)
        path = folder.public / ROTATION_NAME.format(rotation.number)
        data = path.read_bytes()[: APPOINTMENT_BYTES_MAX + 1] if path.exists() else b""
        sound = is_appointment(data, index, entry, store)
        if not sound and rotation.new_key in folder.own_keys:
            size = store.size()
            path_hashes = store.inclusion_path(index, size)
            by = partial(folder.sign_by, rotation.new_key)
            receipt = sign_receipt(size, index, path_hashes, store.root(size), key_id(rotation.new_key), by)
            data = appointment(entry, receipt)
            Public(folder).write(ROTATION_NAME.format(rotation.number), data)
            sound = True
        if sound:
            found[rotation.number] = data
    return found


def is_appointment(data: bytes, index: int, entry: bytes, store: Store) -> bool:
    """Whether the bytes are this rotation, the entry at `index`, with a sound receipt for it that names its place. A
    mirror may have one with another: no signature binds that."""
    try:
        rotation = open_appointment(data, read_rotation(entry).old_key, verify)
        receipt = parse_receipt(split_appointment(data)[1])
        if split_appointment(data)[0] != entry or receipt.leaf_index != index or receipt.tree_size > store.size():
            return False
        return receipt.check(entry, rotation.new_key, verify) == store.root(receipt.tree_size)
    except ProtocolError:
        return False


def read_file(path: Path) -> bytes:
    """A file's bytes, capped. Raises `RotationRefused`."""
    return registry.read_capped(path, ROTATION_BYTES_MAX, RotationRefused)

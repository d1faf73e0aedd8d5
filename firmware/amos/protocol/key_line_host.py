"""The keys of a role in the order of the log, and from which entry on each is in force (SPEC section 15). Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from amos.protocol.checkpoint_host import Checkpoint, open_checkpoint
from amos.protocol.cose import HEADER_TYP, TYP_ROTATION, parse
from amos.protocol.errors import MessageError, ProtocolError, SignatureError
from amos.protocol.handover import key_id
from amos.protocol.rotation import (
    LEDGER,
    OPERATOR,
    Rotation,
    check_possession,
    open_rotation,
    read_rotation,
)

ROLE_NAMES = {OPERATOR: "operator", LEDGER: "ledger"}

Verify = Callable[[bytes, bytes, bytes], bool]
Opened = TypeVar("Opened")


class KeyLine:
    """Begins with `first_key`; `add` appends. `rotations` are (leaf index, rotation)."""

    def __init__(self, role: int, origin: str, first_key: bytes) -> None:
        self.role = role
        self.origin = origin
        self.keys = [first_key]
        self.rotations: list[tuple[int, Rotation]] = []

    @property
    def present(self) -> bytes:
        """The key in force after all of the log."""
        return self.keys[-1]

    def at(self, index: int) -> bytes:
        """The key in force for the entry at this leaf, and for a tree of that many leaves."""
        return self.keys[sum(leaf < index for leaf, _rotation in self.rotations)]

    def by_id(self, kid: bytes) -> bytes | None:
        """The key of the line with this key id."""
        return next((key for key in self.keys if key_id(key) == kid), None)

    def fault(self, rotation: Rotation) -> str | None:
        """Why this cannot go on the line, though both of its keys say so; else None."""
        if rotation.role != self.role:
            return f"role: expected {self.role}, the {ROLE_NAMES[self.role]}'s, found {rotation.role}"
        if rotation.origin != self.origin:
            return f"origin: expected {self.origin}, found {rotation.origin}"
        if rotation.number != len(self.keys):
            return f"number: expected {len(self.keys)}, found {rotation.number}"
        if rotation.old_key != self.present:
            return f"old_key: expected the one in force, {self.present.hex()}, found {rotation.old_key.hex()}"
        if rotation.new_key in self.keys:
            return "new_key: expected one that was never in force, found one again"
        return None

    def add(self, index: int, rotation: Rotation) -> None:
        """The entry at `index` appoints the next key. Raises `MessageError`."""
        fault = self.fault(rotation)
        if fault is not None:
            raise MessageError(f"rotation.{fault}")
        self.rotations.append((index, rotation))
        self.keys.append(rotation.new_key)

    def open_at(
        self, index: int, data: bytes, open_message: Callable[[bytes, bytes, Verify], Opened], verify: Verify
    ) -> Opened:
        """Open a message of this role as the entry at `index`. Raises `ProtocolError`; `SignatureError` says by name
        when another key of the line signed it."""
        return open_by(self.at(index), self.keys, data, open_message, verify)


def open_by(
    key: bytes,
    line: Iterable[bytes],
    data: bytes,
    open_message: Callable[[bytes, bytes, Verify], Opened],
    verify: Verify,
) -> Opened:
    """Open with `key`; one that another key of the line signed is refused by that key's name."""
    try:
        return open_message(data, key, verify)
    except SignatureError:
        for other in line:
            if other != key and _opens(other, data, open_message, verify):
                raise SignatureError(
                    f"signature: expected one by key {key_id(key).hex()}, which is in force, found one by"
                    f" {key_id(other).hex()}, of the same line"
                ) from None
        raise


def _opens(key: bytes, data: bytes, open_message: Callable[[bytes, bytes, Verify], Opened], verify: Verify) -> bool:
    try:
        open_message(data, key, verify)
    except ProtocolError:
        return False
    return True


def open_proved(data: bytes, old_key: bytes, verify: Verify) -> Rotation:
    """A rotation that both of its keys signed. Raises `ProtocolError`."""
    rotation: Rotation = open_rotation(data, old_key, verify)
    check_possession(rotation, verify)
    return rotation


def open_head(note: bytes, line: KeyLine, verify: Verify) -> tuple[Checkpoint, bytes]:
    """(tree head, the key that signed it): by the ledger's key in force after its entries, or a later one. An earlier
    one cannot have signed it. Raises `MessageError`, `SignatureError`."""
    refusal: ProtocolError | None = None
    for place, key in reversed(list(enumerate(line.keys))):
        try:
            head = open_checkpoint(note, line.origin, key, verify)
        except SignatureError as error:
            refusal = refusal or error
            continue
        if place == len(line.rotations) or head.size <= line.rotations[place][0]:
            return head, key
        refusal = SignatureError(
            f"checkpoint: expected a signature by {key_id(line.at(head.size)).hex()}, which is in force since entry"
            f" {line.rotations[place][0]}, found one by {key_id(key).hex()}"
        )
    assert refusal is not None
    raise refusal


def rotation_of(entry: bytes, verify: Verify) -> Rotation | None:
    """The rotation that an entry of the log is, None for another entry. Raises `ProtocolError` for one that says it is
    one and is not, also for one that is too long."""
    if TYP_ROTATION.encode() not in entry:
        return None
    try:
        typ = parse(entry, len(entry)).header.get(HEADER_TYP)
    except ProtocolError:
        return None
    return open_proved(entry, read_rotation(entry).old_key, verify) if typ == TYP_ROTATION else None


class LinesOfLog:
    """The lines of keys that a log has, found by taking its entries in order; `pinned` is role → a key of its line."""

    def __init__(self, origin: str, pinned: Mapping[int, bytes], verify: Verify) -> None:
        self._origin = origin
        self._pinned = pinned
        self._verify = verify
        self._found: dict[int, KeyLine] = {}

    def take(self, index: int, entry: bytes) -> Rotation | None:
        """The rotation that the entry at `index` is, None for another entry. Raises `ProtocolError` for one that
        goes on no line."""
        rotation = rotation_of(entry, self._verify)
        if rotation is not None:
            line = self._found.setdefault(rotation.role, KeyLine(rotation.role, self._origin, rotation.old_key))
            line.add(index, rotation)
        return rotation

    def line(self, role: int, key: bytes | None = None) -> KeyLine:
        """The whole line in this role. Raises `MessageError` when the pinned key, or this one, is not of it."""
        pinned = key or self._pinned[role]
        line = self._found.get(role) or KeyLine(role, self._origin, pinned)
        if pinned not in line.keys:
            keys = ", ".join(key.hex() for key in line.keys)
            raise MessageError(f"{ROLE_NAMES[role]}: expected a key of the log's line ({keys}), found {pinned.hex()}")
        return line

"""The rotations of the operator's key on their way to players, and whose directives this courier itself acts on.

Each comes with a receipt by the ledger's key in force, so the same rotation comes again after that key was changed. A
courier that was told the ledger's key knows the true ones by it. One that was not keeps several of each number, and
brings them all: players decide.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from amos.crypto import verify
from amos.protocol.errors import MessageError, ProtocolError
from amos.protocol.key_line_host import open_proved
from amos.protocol.receipt import parse_receipt
from amos.protocol.rotation import OPERATOR, Rotation, read_rotation, split_appointment
from amos_sync.ledger_line import LedgerLine
from amos_sync.limits import ROTATIONS_OF_A_NUMBER_MAX
from amos_sync.spool_facts import OPERATORS

UNPROVED = -1


@dataclass(frozen=True)
class _Kept:
    turn: int
    data: bytes
    rotation: Rotation


class Rotations(Protocol):
    """Where rotations are kept; a spool does."""

    def rotations(self, whose: str) -> Iterable[tuple[int, bytes]]:
        """Turn and data of each."""

    def stage_rotation(self, number: int, turn: int, data: bytes, whose: str) -> None:
        """Keep it."""

    def stage_no_rotation(self, number: int, turn: int, whose: str) -> None:
        """Let it go."""


class OperatorLine:
    """What `spool` keeps. `ledger` tells the true ones; `pinned` is the operator's key that this courier was told, or
    None."""

    def __init__(self, spool: Rotations, ledger: LedgerLine, pinned: bytes | None) -> None:
        self._spool = spool
        self._ledger = ledger
        self._pinned = pinned
        self._kept = [_Kept(turn, data, _opened(data)) for turn, data in spool.rotations(OPERATORS)]
        self._places: dict[bytes, int] = {}
        self._keys: list[bytes] = []

    def came(self, data: bytes) -> bool:
        """The broker retains this one; whether it was not known, and is kept. Raises `ProtocolError` for none."""
        rotation = _opened(data)
        parse_receipt(split_appointment(data)[1])
        others = [kept for kept in self._kept if kept.rotation.number == rotation.number]
        if any(kept.data == data for kept in others):
            return False
        new = _Kept(max((kept.turn + 1 for kept in others), default=0), data, rotation)
        self._kept.append(new)
        self._spool.stage_rotation(rotation.number, new.turn, data, OPERATORS)
        if len(others) >= ROTATIONS_OF_A_NUMBER_MAX:
            # As with the ledger's: of those that nothing vouches for, what came early stays and what comes late is
            # heard.
            gone = min([*others, new], key=lambda kept: (self._place(kept), kept is new, -kept.turn))
            self._kept.remove(gone)
            self._spool.stage_no_rotation(rotation.number, gone.turn, OPERATORS)
        return new in self._kept

    def to_bring(self) -> list[bytes]:
        """What players should hear, in the order of the numbers: the true one, or all where none is known to be."""
        found = sorted(self._kept, key=lambda kept: (kept.rotation.number, -self._place(kept), kept.turn))
        proved: set[int] = set()
        brought = []
        for kept in found:
            number = kept.rotation.number
            if number not in proved:
                brought.append(kept.data)
            if self._place(kept) != UNPROVED:
                proved.add(number)
        return brought

    def keys(self) -> list[bytes]:
        """Whose directives count here: the pinned key, or what follows it. More than one only where the ledger's key is
        not known, and somebody appoints beside the operator. Empty where no key is pinned."""
        if self._pinned is None:
            return []
        counts = [kept for kept in self._kept if not self._ledger.keys() or self._place(kept) != UNPROVED]
        last, follow = set(), [(self._pinned, 0)]
        while follow:
            key, number = follow.pop()
            after = [each.rotation for each in counts if each.rotation.old_key == key and each.rotation.number > number]
            follow += [(rotation.new_key, rotation.number) for rotation in after]
            last |= set() if after else {key}
        return sorted(last)

    def _place(self, kept: _Kept) -> int:
        """Of the ledger's key that vouches for it, on its line from the pinned one on; the later, the better."""
        keys = self._ledger.keys()
        if keys != self._keys:
            self._keys, self._places = keys, {}
        if kept.data not in self._places:
            rotation, receipt = split_appointment(kept.data)
            places = [place for place, key in enumerate(keys) if _vouches(key, receipt, rotation)]
            self._places[kept.data] = max(places, default=UNPROVED)
        return self._places[kept.data]


def is_operators(data: bytes) -> bool:
    """Whether this rotation, which was verified before, is of the operator's key."""
    return bool(read_rotation(split_appointment(data)[0]).role == OPERATOR)


def _opened(data: bytes) -> Rotation:
    entry = split_appointment(data)[0]
    rotation = open_proved(entry, read_rotation(entry).old_key, verify)
    if rotation.role != OPERATOR:
        raise MessageError(f"rotation.role: expected {OPERATOR}, found {rotation.role}")
    return rotation


def _vouches(key: bytes, receipt: bytes, rotation: bytes) -> bool:
    try:
        parse_receipt(receipt).check(rotation, key, verify)
    except ProtocolError:
        return False
    return True

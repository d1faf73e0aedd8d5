"""The rotations of the ledger's key on their way to players, and what this courier itself believes by them.

The broker retains each; the courier keeps them, since a player that was off may be behind by several, and brings them
in their order. It need not be believed: players follow from the key that they know. A courier that was told a key
(`--ledger-key`) follows in the same way, and then takes receipts and tree heads by any key of the line.

Whoever writes to the broker can make rotations from keys of his own. So there is room for several of one number, and
none that the pinned key leads to, or that leads to it, gives way to another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from amos.crypto import verify
from amos.protocol.checkpoint_host import Checkpoint, open_checkpoint
from amos.protocol.cose import Sign1
from amos.protocol.errors import MessageError, ProofError, ProtocolError
from amos.protocol.handover import key_id
from amos.protocol.receipt import Receipt
from amos.protocol.rotation import LEDGER, Rotation, open_appointment, read_rotation, split_appointment
from amos_sync.limits import ROTATIONS_OF_A_NUMBER_MAX, SIGNATURES_KNOWN_MAX


@dataclass(frozen=True)
class _Kept:
    """A rotation with a receipt for it, and the turn in which it came among those of its number."""

    turn: int
    data: bytes
    entry: bytes
    rotation: Rotation


class Rotations(Protocol):
    """Where rotations are kept; a spool does."""

    def rotations(self) -> Iterable[tuple[int, bytes]]:
        """Turn and data of each."""

    def stage_rotation(self, number: int, turn: int, data: bytes) -> None:
        """Keep it."""

    def stage_no_rotation(self, number: int, turn: int) -> None:
        """Let it go."""


class LedgerLine:
    """What `spool` keeps. `pinned` is the key that this courier was told, or None."""

    def __init__(self, spool: Rotations, pinned: bytes | None) -> None:
        self._spool = spool
        self._pinned = pinned
        self._kept = sorted((_kept(turn, data) for turn, data in spool.rotations()), key=_order)

    def came(self, data: bytes) -> bool:
        """The broker retains this one; whether it was not known, and is kept. Raises `ProtocolError` for none.

        Where the pinned key does not lead to it, it is kept for players all the same, who may know another key.
        """
        new = _kept(0, data)
        if new.rotation.role != LEDGER:
            raise MessageError(f"rotation.role: expected {LEDGER}, found {new.rotation.role}")
        open_appointment(data, new.rotation.old_key, verify)
        others = [kept for kept in self._kept if kept.rotation.number == new.rotation.number]
        # The receipt beside it may be any of many, also one that somebody made unlike the first.
        if any(kept.entry == new.entry for kept in others):
            return False
        new = _kept(max((kept.turn + 1 for kept in others), default=0), data)
        self._kept = sorted([*self._kept, new], key=_order)
        self._spool.stage_rotation(new.rotation.number, new.turn, data)
        if len(others) >= ROTATIONS_OF_A_NUMBER_MAX:
            self._let_go(others, new)
        return new in self._kept

    def _let_go(self, others: list[_Kept], new: _Kept) -> None:
        """Of the last that came before and that the pinned key does not vouch for; of the new one where it does for
        all of them. So what came early stays, and what comes late is heard."""
        proved = self._proved()
        gone = next((kept for kept in reversed(others) if kept not in proved), new)
        self._kept.remove(gone)
        self._spool.stage_no_rotation(gone.rotation.number, gone.turn)

    def to_bring(self) -> list[bytes]:
        """What players should hear, in the order of the numbers; of one number that on the pinned key's line first."""
        proved = self._proved()
        order = sorted(self._kept, key=lambda kept: (kept.rotation.number, kept not in proved, kept.turn))
        return [kept.data for kept in order]

    def keys(self) -> list[bytes]:
        """The pinned key and those that follow it; none where none is pinned."""
        return [] if self._pinned is None else [self._pinned, *(kept.rotation.new_key for kept in self._after())]

    def open_head(self, note: bytes) -> tuple[Checkpoint, int] | None:
        """A tree head, and the place of its key on the line, the latest that signed it; None where no key is pinned.

        An old key's heads are no error, whatever their size: which entry the rotation is, only the log tells, since a
        receipt does not bind the index that it names. Raises `ProtocolError`.
        """
        if self._pinned is None:
            return None
        origin = note.split(b"\n", 1)[0].decode(errors="replace")
        refusal: ProtocolError | None = None
        for place, key in reversed(list(enumerate(self.keys()))):
            try:
                return open_checkpoint(note, origin, key, verify), place
            except ProtocolError as error:
                refusal = error
        assert refusal is not None
        raise refusal

    def signed(self, message: Sign1) -> bool:
        """Whether a key of the pinned line signed it; also where none is pinned."""
        if self._pinned is None:
            return True
        for key in self.keys():
            if key_id(key) == message.kid:
                try:
                    message.check(key, verify)
                except ProtocolError:
                    return False
                return True
        return False

    @property
    def checks(self) -> bool:
        """Whether a key is pinned; where none is, every receipt passes."""
        return self._pinned is not None

    def check(self, receipt: Receipt, segment: bytes) -> None:
        """Raise `ProtocolError` for a receipt that no key of the pinned line signed; players decide in any case."""
        if self._pinned is None:
            return
        for key in self.keys():
            if key_id(key) == receipt.message.kid:
                receipt.check(segment, key, _verified_once)
                return
        raise ProofError(f"receipt: expected one by the ledger's key, found one by {receipt.message.kid.hex()}")

    def _proved(self) -> list[_Kept]:
        """Those on the pinned key's line, both ways: each is signed by the key before it and by the one after it."""
        return [*self._before(), *self._after()]

    def _after(self) -> Iterator[_Kept]:
        """From the pinned key on; a key has one successor, which is the one that came first."""
        key, number = self._pinned, 0
        while True:
            found = [kept for kept in self._kept if kept.rotation.old_key == key and kept.rotation.number > number]
            if not found:
                return
            yield found[0]
            key, number = found[0].rotation.new_key, found[0].rotation.number

    def _before(self) -> Iterator[_Kept]:
        key, number = self._pinned, None
        while True:
            found = [
                kept
                for kept in self._kept
                if kept.rotation.new_key == key and (number is None or kept.rotation.number < number)
            ]
            if not found:
                return
            yield found[0]
            key, number = found[0].rotation.old_key, found[0].rotation.number


@lru_cache(SIGNATURES_KNOWN_MAX)
def _verified_once(key: bytes, message: bytes, signature: bytes) -> bool:
    """One signature is in all receipts for the same root: those of a backlog come by the hundred."""
    return bool(verify(key, message, signature))


def keys_of(data: bytes) -> tuple[bytes, bytes]:
    """The ids of the keys that this rotation is from and to."""
    rotation = read_rotation(split_appointment(data)[0])
    return key_id(rotation.old_key), key_id(rotation.new_key)


def _kept(turn: int, data: bytes) -> _Kept:
    entry = split_appointment(data)[0]
    return _Kept(turn, data, entry, read_rotation(entry))


def _order(kept: _Kept) -> tuple[int, int]:
    return kept.rotation.number, kept.turn

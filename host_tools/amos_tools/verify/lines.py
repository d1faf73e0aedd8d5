"""Which keys of ledger and operator are in force where in the log: the pinned ones, or those of their lines."""

from dataclasses import dataclass

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import KeyLine, LinesOfLog
from amos.protocol.rotation import LEDGER, OPERATOR
from amos_tools.verify.errors import Difference
from amos_tools.verify.keys import Keys
from amos_tools.verify.note import Checkpoint, Note, check_note


@dataclass(frozen=True)
class Lines:
    """The lines of a log whose pinned keys are of them."""

    ledger: KeyLine
    operator: KeyLine

    def check_note(self, label: str, note: Note) -> Checkpoint:
        """A tree head is by the ledger's key in force after its entries, or by a later one: an earlier one had no say
        any more. Raises `Unreadable` or `Difference`."""
        key = self.ledger.at(note.says.size)
        refusal: Difference | None = None
        for good in self.ledger.keys[self.ledger.keys.index(key) :]:
            try:
                return check_note(label, note, good)
            except Difference as error:
                refusal = refusal or error
        assert refusal is not None
        if key == self.ledger.keys[0]:
            raise refusal
        rotation = max(leaf for leaf, _rotation in self.ledger.rotations if leaf < note.says.size)
        expected = f"one by the ledger's key since entry {rotation}, {key.hex()}, or a later one"
        raise Difference(f"{label}.signature", expected, "none that verifies")

    def check_of(self, index: int) -> None:
        """Raise `Difference` unless the entry at `index`, which says that it is a rotation, is one of these lines."""
        if all(leaf != index for line in (self.ledger, self.operator) for leaf, _rotation in line.rotations):
            raise Difference(f"entry {index}", "a rotation that goes on its line", "one that does not")

    def said(self) -> tuple[str, ...]:
        """What was followed, in a line for each role that has a line."""
        found = []
        for name, line in (("ledger", self.ledger), ("operator", self.operator)):
            if line.rotations:
                entries = ", ".join(str(leaf) for leaf, _rotation in line.rotations)
                found.append(f"the {name}'s key followed through entry {entries} to {line.present.hex()}")
        return tuple(found)


class LineReader:
    """Finds the lines while the entries are read."""

    def __init__(self, origin: str, keys: Keys) -> None:
        self._lines = LinesOfLog(origin, {LEDGER: keys.ledger, OPERATOR: keys.operator}, verify)
        self.followed = False
        """Whether the ledger's key was found to give way to another."""

    def take(self, index: int, entry: bytes) -> None:
        """Raises `Difference` for a rotation that is not the next one of its line."""
        try:
            taken = self._lines.take(index, entry)
        except ProtocolError as error:
            raise Difference(f"entry {index}", "the next rotation of its line", f"another ({error})") from None
        self.followed |= taken is not None and taken.role == LEDGER

    def lines(self) -> Lines:
        """Raises `Difference` where a pinned key is not of the log's line."""
        try:
            return Lines(self._lines.line(LEDGER), self._lines.line(OPERATOR))
        except ProtocolError as error:
            raise Difference("keys", "pinned ones that the log's lines have", f"another ({error})") from None

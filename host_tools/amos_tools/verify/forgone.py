"""Tree heads that the operator gave up, as the log tells it: what the ledger signed once and has lost for good."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from amos.crypto import verify
from amos.protocol.cose import HEADER_TYP, parse
from amos.protocol.errors import ProtocolError
from amos.protocol.forgone import FORGONE_LEAF, TYP_FORGONE, Forgone, open_forgone
from amos.protocol.key_line_host import KeyLine
from amos_tools.verify.errors import Difference
from amos_tools.verify.tree import ENTRY_BYTES_MAX


@dataclass
class GivenUp:
    """What was given up so far, by the index of its entry; `leaves_due` entries that say nothing must follow."""

    by_index: dict[int, Forgone] = field(default_factory=dict)
    leaves_due: int = 0

    def take_leaf(self, index: int, entry: bytes) -> bool:
        """Whether the entry is one that says nothing; it stands where one is due, and nothing else does."""
        if (entry == FORGONE_LEAF) != (self.leaves_due > 0):
            expected = FORGONE_LEAF.decode().strip() if self.leaves_due else "an entry that says something"
            raise Difference(f"entry {index}", expected, entry[:40].decode(errors="replace").strip())
        self.leaves_due -= entry == FORGONE_LEAF
        return entry == FORGONE_LEAF

    def take(self, index: int, forgone: Forgone) -> None:
        """The log has what it says to have kept, so that nobody can give up what follows."""
        if forgone.kept_size > index:
            raise Difference(f"entry {index}: forgone.kept_size", f"at most {index}", forgone.kept_size)
        self.by_index[index] = forgone
        self.leaves_due = forgone.leaves()


def given_up_in(entries: Iterable[bytes], operator: KeyLine, size: int, root: bytes) -> int | None:
    """Index of the operator's entry that gives up this tree head, None where there is none."""
    for index, entry in enumerate(entries):
        try:
            if parse(entry, ENTRY_BYTES_MAX).header.get(HEADER_TYP) != TYP_FORGONE:
                continue
            if open_forgone(entry, operator.at(index), verify).covers(size, root):
                return index
        except ProtocolError:
            continue  # text, or what the walk through the log refuses by name
    return None

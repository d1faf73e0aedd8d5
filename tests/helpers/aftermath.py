"""What follows where a ledger was cut short: it is judged as it lies there, and a fresh process lives the day on it.

That depends on the bytes of the folder alone, so it is worked out once for each state, however many cuts leave it;
what the world had seen before is judged for each of them.
"""

from dataclasses import dataclass, field

from crash_script import Witness
from folder_state import State, digest, read_state, write_state
from ledger_check import Check, Seen

CHECKPOINT = "public/checkpoint"


@dataclass(frozen=True)
class _Found:
    """A state as it lay there, with its checkpoint; what a fresh process told when it recovered, and what it left."""

    check: Check
    shown: bytes
    told: Seen
    recovered: bytes


@dataclass
class Aftermaths:
    """Those of one script. `cuts` were followed up."""

    cuts: int = 0
    _found: dict[bytes, _Found] = field(default_factory=dict)
    _ended: dict[bytes, tuple[Check, Seen]] = field(default_factory=dict)

    def follow(self, witness: Witness, state: State) -> None:
        """The world saw what the witness did, and then the folder is found in this state. Judges what follows."""
        self.cuts += 1
        key = digest(state)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._recover(witness.copy(), state)
        else:
            _judge(found.check, witness.seen, Seen(set(), {found.shown}))
        check, told = self._ended[found.recovered]
        _judge(check, witness.seen, found.told, told)

    def _recover(self, after: Witness, state: State) -> _Found:
        path = after.script.world.path
        write_state(path, state)
        shown = state[CHECKPOINT]
        assert shown is not None
        check = after.judge()
        after.recover()
        left = read_state(path)
        key = digest(left)
        if key not in self._ended:
            self._ended[key] = after.live_on(), after.seen
        return _Found(check, shown, after.seen, key)

    def __str__(self) -> str:
        return f"{self.cuts} cuts, {len(self._found)} different states, {len(self._ended)} when recovered"


def _judge(check: Check, *seen: Seen) -> None:
    """All that was seen is of the log that was found then."""
    check.receipts(set().union(*(some.receipts for some in seen)))
    check.history(set().union(*(some.checkpoints for some in seen)))

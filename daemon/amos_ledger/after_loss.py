"""What an operator does next when the ledger has lost something that it signed, as lines to copy."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from amos.protocol.answer import GAP
from amos.protocol.checkpoint_host import Checkpoint
from amos_ledger.records import Waiting


def next_steps(folder: Path, size: int, ahead: Checkpoint) -> list[str]:
    """For a log of `size` entries that lacks the tree `ahead`. A log that is as long has gone on since it was put back,
    and where is nowhere written: an N that is too high would lose play, so the operator says it."""
    kept = str(size) if size < ahead.size else "N"
    why = "where it" if size < ahead.size else "it"
    return [
        f"  what a mirror has comes back with: amos ledger recover {folder} --from FOLDER|URL",
        "  what no mirror has is given up by the operator, and couriers send again what they returned of it:",
        f"    amos device forgo --kept-size {kept} --lost-size {ahead.size} --lost-root {ahead.root.hex()}"
        " --operator-key-file FILE --out forgone.cose",
        f"    amos ledger forgo {folder} forgone.cose",
        f"  {why} served since the copy was put back, N of --kept-size is what the copy had, below {ahead.size}: what"
        " came since is no part of that tree",
    ]


def holes(waiting: Sequence[Waiting]) -> Iterator[tuple[bytes, int, int]]:
    """(device, first, last) of the numbers for which held segments wait: one hole each device, its first."""
    first: dict[bytes, int] = {}
    for item in waiting:
        if item.verdict == GAP:
            first[item.device_id] = min(item.waits_for, first.get(item.device_id, item.waits_for))
    for device_id, missing in first.items():
        after = [item.sequence for item in waiting if item.device_id == device_id and item.sequence > missing]
        if after:
            yield device_id, missing, min(after) - 1


def hole_steps(waiting: Sequence[Waiting]) -> list[str]:
    """What to do where the segments of such holes will never come."""
    steps = [
        f"    amos device lost {device_id.hex()} {first} {last} --operator-key-file FILE --out loss.cose"
        for device_id, first, last in holes(waiting)
    ]
    heading = "where neither player nor courier has what is waited for, it is declared lost, for amos ledger lost:"
    return [f"  {heading}", *steps] if steps else []

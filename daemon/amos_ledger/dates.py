"""When entries were played, as it is stored beside them, held against what they say themselves.

What costs most, the decoding of the entry, is a pure function over batches.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from amos_batches.runner import Runner
from amos_ledger.entry_batches import BATCH
from amos_ledger.intake.clocks import dated_ms
from amos_ledger.intake.segment_parse import decode_usage, parse_segment


@dataclass(frozen=True, slots=True)
class Dated:
    """An entry, and when it was played as is stored: from and to, in Unix ms."""

    index: int
    entry: bytes
    dated_ms: tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class Wrong:
    """The entry at `index` was played at another time than is stored; None: it says none."""

    index: int
    said_ms: tuple[int, int] | None


def wrong_of(batch: tuple[Dated, ...]) -> list[Wrong]:
    """Those that are stored wrong."""
    said = ((item, dated_ms(decode_usage(parse_segment(item.entry).payload))) for item in batch)
    return [Wrong(item.index, times) for item, times in said if times != item.dated_ms]


def wrong_dates(items: Iterable[Dated], runner: Runner) -> Iterator[Wrong]:
    """Those that are stored wrong, in their order."""
    rest = iter(items)
    batches = iter(lambda: tuple(islice(rest, BATCH)), ())
    for _batch, found in runner.pairs(wrong_of, batches):
        yield from found

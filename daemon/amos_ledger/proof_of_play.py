"""Proof of play by site and day: what the ledger accepted, so that its sums are those of the receipts. Pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from amos_ledger.totals import SiteDay

COLUMNS = ("site", "day", "segments", "without_receipt", "frames", "lasted_ms")
DAY_S = 86_400


@dataclass(frozen=True)
class ProofOfPlay:
    """Of one period. `rows` are by site and day; `total` is all of them."""

    period: str
    rows: tuple[SiteDay, ...]
    total: SiteDay

    def facts(self) -> dict[str, Any]:
        """As programs read it."""
        return {"period": self.period, "rows": [_facts(row) for row in self.rows], "total": _facts(self.total)}


def proof_of_play(period: str, rows: Iterable[SiteDay]) -> ProofOfPlay:
    """Of the rows of that period."""
    kept = tuple(rows)
    total = SiteDay("", None, 0, 0, 0, 0)
    for row in kept:
        total = replace(
            total,
            segments=total.segments + row.segments,
            unreceipted=total.unreceipted + row.unreceipted,
            frames=total.frames + row.frames,
            lasted_ms=total.lasted_ms + row.lasted_ms,
        )
    return ProofOfPlay(period, kept, total)


def day_text(day: int | None) -> str:
    """The date, in UTC; empty for one that is not known."""
    return "" if day is None else datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()


def _facts(row: SiteDay) -> dict[str, Any]:
    facts = asdict(row) | {"day": day_text(row.day), "without_receipt": row.unreceipted}
    return {name: facts[name] for name in COLUMNS}

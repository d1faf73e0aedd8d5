"""A period with earlier ones is recomputed in one reading of the log behind the first, whatever their count."""

from typing import Any

from settled_world import World

from amos_ledger.settle_period import settle_period
from amos_tools.verify import audit


def test_each_entry_is_read_once(november: World, dates: Any, monkeypatch: Any) -> None:
    months = ["2026-11", "2026-12", "2027-01"]
    for number, month in enumerate(months):
        if number:
            played = dates(*map(int, month.split("-")), 3)
            november.play(0, [(0, 44_100), (1, 17)], played, played + 86_400)
        settle_period(november.folder, month, 1_000_000_000 + number, "EUR")
    walks = []
    read_log = audit.read_log

    def counted(*words: Any) -> Any:
        walks.append(words)
        return read_log(*words)

    monkeypatch.setattr(audit, "read_log", counted)
    assert november.verify("ann", months[-1]).period == months[-1]
    assert len(walks) == 1

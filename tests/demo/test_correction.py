"""Between its months the demo corrects a payment: of what the payee has, however little was taken in."""

from pathlib import Path
from typing import Any

import pytest

from amos_tools.demo import withdrawal
from amos_tools.demo.withdrawal import between_months
from amos_tools.demo.workdir import Workdir

STEM = {"title": "Tide", "stem_id": "00"}


@pytest.mark.parametrize(
    ("amounts", "moved"),
    [([5_000_000, 1, 2], "1.000000"), ([250_000, 9_000_000], "0.250000"), ([0, 7, 8], "0.000007"), ([5, 0, 0], None)],
)
def test_it_takes_no_more_than_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amounts: list[int], moved: str | None
) -> None:
    asked: list[tuple[str, ...]] = []

    def noted(*words: str) -> str:
        asked.append(words)
        return "{}"

    monkeypatch.setattr(withdrawal, "run_amos", noted)
    monkeypatch.setattr(withdrawal, "_withdrawn", lambda _work, _settled: STEM)
    payees = [{"payee": f"p{number}", "amount_micro": amount} for number, amount in enumerate(amounts)]
    settled: dict[str, Any] = {"payees": payees, "currency": "EUR", "period": "2026-11"}
    between_months(Workdir(tmp_path), settled)
    corrected = [words for words in asked if words[:2] == ("pool", "correct")]
    assert [word for words in corrected for word in words if "--amount" in word] == [f"--amount={moved}"] * bool(moved)

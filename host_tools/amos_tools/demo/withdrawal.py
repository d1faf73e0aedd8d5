"""Between the demo's two months: an artist withdraws a stem, and the operator puts a payment right."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amos_ledger.settlement.money import decimal
from amos_tools.demo.processes import run_amos
from amos_tools.demo.workdir import PUBLISHER, Workdir
from amos_tools.verify.statement_file import read_statement_file, statement_files

CORRECTED_MICRO = 1_000_000
"""Less where the payee has less."""

FROZEN = ("earned_micro", "frozen_late_micro")


@dataclass(frozen=True)
class Between:
    """What happened: the stem that was withdrawn with what it has earned, and the transfer that was made, None where
    nobody earned."""

    stem: dict[str, Any]
    transfer: dict[str, Any] | None

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {"withdrawn": self.stem, "corrected": self.transfer}


def between_months(work: Workdir, settled: dict[str, Any]) -> Between:
    """Withdraw a stem that earned, sign the list of all that are, and correct what its first payee got."""
    stem = _withdrawn(work, settled)
    serial = 1 + len(list(work.root.glob("opt-outs-*.cose")))
    signed = work.root / f"opt-outs-{serial}.cose"
    words = [f"--serial={serial}", f"--publisher-key-file={work.key(PUBLISHER)}", f"--out={signed}"]
    run_amos("pack", "optouts", f"--vault={work.vault}", *words)
    run_amos("ledger", "optouts", str(work.ledger), str(signed), "--unasked")  # the last month's broker has ended
    payees = {item["payee"]: item["amount_micro"] for item in settled["payees"] if item["amount_micro"]}
    if len(payees) < 2:
        return Between(stem, None)
    (first, has_micro), (other, _micro), *_rest = payees.items()
    amount = decimal(min(CORRECTED_MICRO, has_micro))
    words = [f"--from={first}", f"--to={other}", f"--amount={amount}", f"--currency={settled['currency']}"]
    reason = f"--reason=a split of {stem['title']} was wrong"
    moved = run_amos(
        "pool",
        "correct",
        *words,
        reason,
        f"--period={settled['period']}",
        f"--ledger={work.ledger}",
        "--unasked",
        "--json",
    )
    return Between(stem, json.loads(moved))


def _withdrawn(work: Workdir, settled: dict[str, Any]) -> dict[str, Any]:
    """The stem whose line earned least: any would do."""
    lines = [
        line
        for item in settled["payees"]
        for line in json.loads(read_statement_file(Path(item["statement"])))["core"]["lines"]
    ]
    line = min(lines, key=lambda item: (item["amount_micro"], item["stem"]))
    told = json.loads(run_amos("vault", "optout", str(work.vault), line["stem"], f"--ledger={work.ledger}", "--json"))
    (ended,) = told["opted_out"]
    frozen = [{name: item[name] for name in ("payee", "currency", *FROZEN)} for item in told["frozen"]]
    return {"stem_id": line["stem"], "title": ended["title"], "artist": ended["artist"], "frozen": frozen}


def play_of(statements: Path, stem_id: str) -> dict[str, Any]:
    """What a month's statements, which lie there, say of the stem: milliseconds that earn, and that do not."""
    earning, unpaid = 0, 0
    for path in statement_files(statements):
        core = json.loads(read_statement_file(path))["core"]
        found = [(kind, line) for kind in ("lines", "unpaid") for line in core[kind] if line["stem"] == stem_id]
        if found:  # all payees of a stem are told the same
            earning = sum(_ms(line) for kind, line in found if kind == "lines")
            unpaid = sum(_ms(line) for kind, line in found if kind == "unpaid")
    return {"earning_ms": earning, "unpaid_ms": unpaid}


def _ms(line: dict[str, Any]) -> int:
    numerator, denominator = map(int, line["play_ms"].split("/"))
    return numerator // denominator

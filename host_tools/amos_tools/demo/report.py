"""The demo's figures, as data and as the tables a person reads."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from amos_tools.demo.players import DemoPlayer
from amos_tools.demo.workdir import Workdir

SUMMED = ("frames", "placements", "segments", "rows", "played_frames", "segment_bytes", "trimmed")


def player_facts(work: Workdir, players: list[DemoPlayer], spool: dict[str, Any]) -> list[dict[str, Any]]:
    """Per player: what its own lives say, and what the courier sent for it."""
    sent = {device["device"]: device for device in spool["devices"]}
    facts = []
    for player in players:
        lives = work.lives(player.name)
        device = lives[-1]["device"]
        sums = {name: sum(life[name] for life in lives) for name in SUMMED}
        facts.append(
            {"name": player.name, "runtime": player.runtime, "device": device, "sessions": len(lives)}
            | sums
            | {"receipted": lives[-1]["receipted"], "wire_bytes": sent[device]["message_bytes"]}
            | {"sends": sent[device]["sends"], "sent_bytes": sent[device]["sent_bytes"]}
        )
    return facts


def print_report(facts: dict[str, Any], work: Workdir) -> None:
    """The way of the stem with this run's figures, the payout, and where things are."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=110)
    console.print(_way_table(facts))
    console.print(_payout_table(facts["settlement"]))
    totals = facts["totals"]
    agree = "=" if totals["frames_agree"] else "≠"
    print(f"frames metered by players {totals['player_frames']:,} {agree} {totals['ledger_frames']:,} in the ledger")
    print(f"statements verified from published data and pinned keys: {'yes' if facts['verified'] else 'no'}")
    print(f"{facts['seconds']} s in all; everything is in {work.root}")
    print(f"  listen     {_shown(work, work.audio)}/*.wav")
    print(f"  statements {_shown(work, Path(facts['settlement']['statements']))}")
    print(f"  logs       {_shown(work, work.logs)}")
    print(f"  check one  amos verify {facts['settlement']['statements']} --published {work.ledger}/public \\")
    print(f"                 --keys {facts['keys']}")


def _shown(work: Workdir, path: Path) -> str:
    return str(path.relative_to(work.root)) if path.is_relative_to(work.root) else str(path)


def _way_table(facts: dict[str, Any]) -> Table:
    table = Table("player", "runtime", title="The way of the stem", title_justify="left")
    heads = ("frames", "placements", "rows", "segments", "wire bytes", "B/row", "receipted", "trimmed")
    for head in heads:
        table.add_column(head, justify="right")
    for player in facts["players"]:
        per_row = player["wire_bytes"] / player["rows"] if player["rows"] else 0
        table.add_row(
            player["name"],
            player["runtime"],
            *(f"{player[name]:,}" for name in ("frames", "placements", "rows", "segments", "wire_bytes")),
            f"{per_row:.1f}",
            *(f"{player[name]:,}" for name in ("receipted", "trimmed")),
        )
    ledger = facts["ledger"]
    table.caption = (
        f"ledger: {ledger['accepted']} accepted, {ledger['duplicates']} duplicates, {ledger['held']} held, "
        f"{sum(ledger['refused'].values())} refused; {ledger['log_size']} entries in the log"
    )
    return table


def _payout_table(settled: dict[str, Any]) -> Table:
    table = Table("payee", title=f"Payout of {settled['period']}", title_justify="left")
    table.add_column(settled["currency"], justify="right")
    table.add_column("share", justify="right")
    for payee in settled["payees"]:
        share = 100 * payee["amount_micro"] / settled["pool_micro"] if settled["pool_micro"] else 0
        table.add_row(payee["payee"], _decimal(payee["amount_micro"]), f"{share:.2f} %")
    table.add_section()
    table.add_row("pool", _decimal(settled["pool_micro"]), "")
    return table


def _decimal(micro: int) -> str:
    return f"{micro // 1_000_000:,}.{micro % 1_000_000:06}"

"""The demo's figures, as data and as the tables a person reads."""

from pathlib import Path
from typing import Any

from rich.table import Table

from amos_cli.table import print_table
from amos_tools.demo.players import DemoPlayer
from amos_tools.demo.workdir import Workdir

SUMMED = ("frames", "took_ms", "placements", "segments", "rows", "played_frames", "segment_bytes", "trimmed")


def player_facts(work: Workdir, players: list[DemoPlayer], spool: dict[str, Any]) -> list[dict[str, Any]]:
    """Per player: what its own lives say, and what the courier sent for it."""
    sent = {device["device_id"]: device for device in spool["devices"]}
    facts = []
    for player in players:
        lives = work.lives(player.name)
        device_id = lives[-1]["device_id"]
        sums = {name: sum(life[name] for life in lives) for name in SUMMED}
        facts.append(
            {"name": player.name, "runtime": player.runtime, "line": player.line, "device_id": device_id}
            # A killed player has metered, but not said what.
            | {"untold_sessions": lives[-1]["session"] - len(lives)}
            | {"sessions": len(lives), "music_s": sum(life["frames"] // max(life["rate_hz"], 1) for life in lives)}
            | sums
            | {"receipted": lives[-1]["receipted"], "wire_bytes": sent[device_id]["message_bytes"]}
            | {"sends": sent[device_id]["sends"], "sent_bytes": sent[device_id]["sent_bytes"]}
        )
    return facts


def print_report(facts: dict[str, Any], work: Workdir) -> None:
    """The way of the stem with this run's figures, the payout, and where things are."""
    print("\nThe way of a stem")
    for number, (step, figures) in enumerate(_way(facts), 1):
        print(f"  {number:2}  {step:<9} {figures}")
        if step == "settled":
            for happened, what in _between(facts):
                print(f"      {happened:<9} {what}")
    print()
    print_table(_payout_table(facts["settlement"]))
    print(f"{facts['seconds']} s in all; everything is in {work.root}")
    print(f"  listen      {_shown(work, work.audio)}/*.wav")
    print(f"  statements  {_shown(work, Path(facts['settlement']['statements']))}/*.json.gz")
    page = _shown(work, Path(facts["page"]["file"]))
    print(f"  check       {page}: open it in a browser, and drop a statement in")
    print(f"  logs        {_shown(work, work.logs)}/*.log")
    pages = facts["pages"]
    print("Three pages, open until Ctrl-C:" if pages["opened"] else "Three pages, which --serve opens and keeps open:")
    print(f"  venue       {pages['venue']}" + (f"  (token {pages['token']})" if pages["token"] else ""))
    print(f"  operator    {pages['operator']}")
    print(f"  payee       {pages['payee']}" + (f"  ({pages['payee_name']})" if pages["payee_name"] else ""))


def _way(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """(step, figures) in the order of the way."""
    players, ledger, pack, totals = facts["players"], facts["ledger"], facts["pack"], facts["totals"]
    total = {name: sum(player[name] for player in players) for name in (*SUMMED, "wire_bytes", "sends", "receipted")}
    content = facts["content"]
    played = " · ".join(
        f"{player['name']} ({player['runtime']}) {player['music_s']:,} s in {player['took_ms'] / 1000:.1f} s"
        for player in players
    )
    per_row = total["wire_bytes"] / total["rows"] if total["rows"] else 0
    refused = sum(ledger["refused"].values())
    currency = facts["settlement"]["currency"]
    months = " and ".join(settled["period"] for settled in facts["months"])
    same = f"NOT the {totals['player_frames']:,} of the players"
    if totals["frames_agree"]:
        same = "the same"
        if totals["untold_sessions"]:
            same = f"{totals['player_frames']:,} of them told by players, {totals['untold_sessions']} sessions untold"
    return [
        ("imported", f"{content['stems']} stems, {content['opted_in']} opted in"),
        ("scripted", f"{content['script']}: {content['sections']} sections, {content['voices']} voices at most"),
        ("packed", f"{pack['stems']} stems, {pack['bytes'] / 1e6:.1f} MB, serial {pack['serial']}, {pack['id'][:12]}"),
        ("played", played),
        ("metered", f"{total['placements']:,} placements, {total['rows']:,} rows, {total['played_frames']:,} frames"),
        ("signed", f"{total['segments']} segments, {total['segment_bytes']:,} bytes"),
        ("pulled", f"by one courier over {' and '.join(sorted({player['line'] for player in players}))}"),
        (
            "sent",
            f"{total['wire_bytes']:,} bytes over MQTT ({facts['broker']}), {per_row:.1f} a row; {total['sends']} sends",
        ),
        (
            "proven",
            f"{ledger['accepted']} accepted, {ledger['duplicates']} duplicates, {ledger['held']} held, "
            f"{refused} refused; {ledger['frames']:,} frames, {same}",
        ),
        ("receipted", f"{total['receipted']} segments, {total['trimmed']} trimmed on the players"),
        ("settled", f"{_decimal(totals['paid_micro'])} of {_decimal(totals['pool_micro'])} {currency} in {months}"),
        ("verified", _verified(facts["verified"], facts["page"])),
        ("audited", _audited(facts["audited"])),
    ]


def _verified(agrees: bool, page: dict[str, Any]) -> str:
    if not agrees:
        return f"no; the page says {page['refused']}" if page["refused"] else "no"
    asked = f"{page['verified']} statements in the page too"
    if page["left_out"]:
        asked = f"the page was left out ({page['left_out']})"
    return f"yes, from published data and pinned keys; {asked}"


def _audited(sums: dict[str, Any]) -> str:
    replayed = f"{sums['agree']} of {sums['segments']} segments as their scores decide"
    return f"{'yes' if sums['agrees'] else 'no'}, {replayed}, {sums['pcm_compared']} as rendered again"


def _between(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """What happened between two months, if there were two."""
    between = facts["between"]
    if between is None:
        return []
    stem, since, moved = between["withdrawn"], between["since"], between["corrected"]
    heard = f"since then {since['earning_ms']:,} ms that earn, and {since['unpaid_ms']:,} that do not"
    if not since["earning_ms"] + since["unpaid_ms"]:
        heard = "not heard since"
    # A second run in the same folder may be in another currency.
    currency = facts["settlement"]["currency"]
    micro = sum(
        item["earned_micro"] + item["frozen_late_micro"] for item in stem["frozen"] if item["currency"] == currency
    )
    kept = f"{_decimal(micro)} {currency} are frozen"
    steps = [("withdrawn", f"{stem['title']} by {stem['artist']}; {kept}; {heard}")]
    if moved is not None:
        amount = f"{_decimal(moved['amount_micro'])} {moved['currency']}"
        steps.append(("corrected", f"{amount} from {moved['debit']} to {moved['credit']}, in their next statements"))
    return steps


def _shown(work: Workdir, path: Path) -> str:
    return str(path.relative_to(work.root)) if path.is_relative_to(work.root) else str(path)


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

"""`amos ledger quarantine` and `amos ledger held`: what waits for an operator or for something else, and why."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.answer import GAP
from amos.protocol.ledger_limits import TITLE_BYTES_MAX
from amos_cli.durations import in_words
from amos_cli.key_files import KeyFileError, read_key
from amos_cli.output import AsJson, UsageError, print_json
from amos_cli.paths import file_option
from amos_cli.text import shown_line
from amos_ledger import registry
from amos_ledger.after_loss import hole_steps
from amos_ledger.command import LedgerFolder, Unasked, one_line_errors, utc
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.outside import ask_served
from amos_ledger.records import Evidence, Quarantined, Waiting, verdict_name
from amos_ledger.rulings import Ruled, rule, ruling_on

app = typer.Typer(help="Devices of which nothing counts until an operator rules.", no_args_is_help=True)

DeviceId = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's 32 digits (amos ledger status).")]
Reason = Annotated[str, typer.Option(help="Why, for whoever reads the log.")]
OperatorKey = Annotated[Path, file_option(help="The operator's key file.")]

DEVICE_DIGITS = 32


@app.command("list")
def list_(folder: LedgerFolder, as_json: AsJson = False) -> None:
    """Say which devices are in quarantine, and why; works while the ledger serves."""
    with one_line_errors(folder, as_json), Folder(folder).open_store() as store:
        devices = store.quarantines.devices()
    if as_json:
        return print_json({"quarantines": [device_facts(device) for device in devices]})
    for device in devices:
        typer.echo(
            f"{device.device_id.hex()} {device.name} at {device.site}, since entry {device.leaf_index}:"
            f" {device.reason}; {device.evidence} segments kept, {device.rejected} of them rejected"
        )
    if not devices:
        typer.echo("no device is in quarantine")


@app.command()
def show(folder: LedgerFolder, device: DeviceId, as_json: AsJson = False) -> None:
    """Say what is kept as evidence of a device, and what was decided about it."""
    with one_line_errors(folder, as_json), Folder(folder).open_store() as store:
        device_id = device_id_of(device)
        evidence, history = store.quarantines.evidence(device_id), store.quarantines.history(device_id)
        reason = next((item.reason for item in store.quarantines.devices() if item.device_id == device_id), None)
    if as_json:
        periods = [{"leaf_index": begun, "lifted_leaf_index": lifted} for begun, lifted in history]
        facts = {"device_id": device_id.hex(), "reason": reason, "quarantines": periods}
        return print_json(facts | {"evidence": [evidence_facts(item) for item in evidence]})
    typer.echo(f"{device_id.hex()} is in quarantine: {reason}" if reason else f"{device_id.hex()} is in no quarantine")
    for begun, lifted in history:
        typer.echo(f"  from entry {begun} " + ("on" if lifted is None else f"to entry {lifted}"))
    for item in evidence:
        state = f"rejected by entry {item.ruling}" if item.ruling is not None else verdict_name(item.verdict)
        detail = f": {item.detail}" if item.detail else ""
        typer.echo(f"  {item.sha256.hex()[:16]} sequence {item.sequence}, {utc(item.received_unix_s)}, {state}{detail}")


@app.command()
def lift(
    folder: LedgerFolder,
    device: DeviceId,
    reason: Reason,
    operator_key_file: OperatorKey,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """End a device's quarantine: what is kept and not rejected is decided anew. It is an entry of the log."""
    _rule(folder, device, None, reason, operator_key_file, unasked, as_json)


@app.command()
def reject(
    folder: LedgerFolder,
    device: DeviceId,
    segments: Annotated[list[str], typer.Argument(metavar="SEGMENT...", help="First digits of their hashes (show).")],
    reason: Reason,
    operator_key_file: OperatorKey,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Say that segments kept as evidence never count. It is an entry of the log, and final."""
    _rule(folder, device, segments, reason, operator_key_file, unasked, as_json)


def _rule(
    folder: Path,
    device: str,
    segments: Sequence[str] | None,
    reason: str,
    key_file: Path,
    unasked: bool,
    as_json: bool,
) -> None:
    with one_line_errors(folder, as_json, usage=(KeyFileError,)):
        shown_line("reason", reason, TITLE_BYTES_MAX)
        ledger = Folder(folder)
        seed = read_key(key_file)
        ask_served(ledger, unasked)
        with checked_store(ledger) as store:
            data = ruling_on(store, device_id_of(device), segments, reason, seed, time.time)
            ruled = rule(ledger, store, data)
            registry.publish(ledger, store)
    if as_json:
        return print_json(_ruled_facts(ruled))
    device_id, rejected = ruled.ruling.device_id.hex(), len(ruled.ruling.rejected)
    if segments is not None:
        return typer.echo(f"{device_id}: {rejected} segments rejected for good, entry {ruled.leaf_index} of the log")
    typer.echo(f"{device_id}: lifted, entry {ruled.leaf_index} of the log")
    for name, count in sorted(_decided(ruled).items()):
        typer.echo(f"  decided anew as {name}: {count}")
    if ruled.again is not None:
        typer.echo(f"  in quarantine again: {ruled.again}; reject that segment, then lift")


def _decided(ruled: Ruled) -> Counter[str]:
    return Counter(verdict_name(outcome.verdict) for outcome in ruled.outcomes)


def _ruled_facts(ruled: Ruled) -> dict[str, object]:
    return {
        "device_id": ruled.ruling.device_id.hex(),
        "leaf_index": ruled.leaf_index,
        "rejected": [sha256.hex() for sha256 in ruled.ruling.rejected],
        "decided": dict(_decided(ruled)),
        "quarantine": ruled.again,
    }


def held(folder: LedgerFolder, as_json: AsJson = False) -> None:
    """Say which segments wait, since when and for what; works while the ledger serves."""
    now_s = int(time.time())
    with one_line_errors(folder, as_json), Folder(folder).open_store() as store:
        waiting = store.chain.waiting()
    if as_json:
        return print_json({"held": [waiting_facts(item, now_s) for item in waiting]})
    for item in waiting:
        for_what = f"sequence {item.waits_for}" if item.verdict == GAP else f"pack {item.pack.hex()}"
        typer.echo(
            f"{item.device_id.hex()} {item.name} at {item.site}: sequence {item.sequence} waits for {for_what},"
            f" since {utc(item.received_unix_s)}, {in_words(now_s - item.received_unix_s)}"
        )
    for line in hole_steps(waiting):
        typer.echo(line)
    if not waiting:
        typer.echo("nothing waits")


def device_id_of(text: str) -> bytes:
    """The device id in exactly 32 hexadecimal digits. Raises `UsageError`."""
    if len(text) != DEVICE_DIGITS or not set(text) <= set("0123456789abcdefABCDEF"):
        raise UsageError(f"DEVICE: expected its {DEVICE_DIGITS} hexadecimal digits, found {text[:80]!r}")
    return bytes.fromhex(text)


def device_facts(device: Quarantined) -> dict[str, object]:
    """A device in quarantine, as programs read it."""
    return asdict(device) | {"device_id": device.device_id.hex()}


def evidence_facts(item: Evidence) -> dict[str, object]:
    """A segment that is kept and does not count, as programs read it."""
    return {
        "sha256": item.sha256.hex(),
        "sequence": item.sequence,
        "verdict": verdict_name(item.verdict),
        "detail": item.detail,
        "finding": item.finding,
        "received_unix_s": item.received_unix_s,
        "ruling_leaf_index": item.ruling,
    }


def waiting_facts(item: Waiting, now_s: int) -> dict[str, object]:
    """A segment that waits for another or for a pack, as programs read it."""
    return {
        "device_id": item.device_id.hex(),
        "name": item.name,
        "site": item.site,
        "sequence": item.sequence,
        "verdict": verdict_name(item.verdict),
        "waits_for_sequence": item.waits_for if item.verdict == GAP else None,
        "waits_for_pack": None if item.verdict == GAP else item.pack.hex(),
        "received_unix_s": item.received_unix_s,
        "waited_s": now_s - item.received_unix_s,
    }

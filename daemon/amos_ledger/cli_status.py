"""`amos ledger status`: what the ledger holds, for one device or ten thousand. Writes nothing."""

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from amos.protocol.checkpoint_host import verifier_key
from amos.protocol.forgone import read_forgone
from amos.protocol.printable_host import printable
from amos_cli.durations import in_words, seconds_of
from amos_cli.output import AsJson, print_json
from amos_ledger.after_loss import next_steps
from amos_ledger.command import LedgerFolder, one_line_errors, utc
from amos_ledger.delegation_told import delegation_facts, delegation_lines
from amos_ledger.folder import Folder
from amos_ledger.heads import Heads
from amos_ledger.totals import DeviceTotals, Totals


def status(
    folder: LedgerFolder,
    silent: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only devices not heard of for so long, e.g. 3d.")
    ] = None,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="Only devices of this site.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the ledger holds; works while it serves, and on a disk that cannot be written."""
    now_s = int(time.time())
    with one_line_errors(folder, as_json):
        silent_s = seconds_of(silent, "--silent") if silent is not None else None
        ledger = Folder(folder)
        with ledger.open_store_to_read() as store:
            totals = store.totals()
            operator_key = ledger.operator_line(store).present
            forgone = [read_forgone(entry) for entry in store.forgone()]
            ahead = Heads(ledger).highest(store)
            delegation, delegated = delegation_facts(ledger, store), delegation_lines(ledger, store, now_s)
    devices = [device for device in totals.devices if _selected(device, silent_s, site, now_s)]
    if as_json:
        lost = None if ahead is None else {"size": ahead.size, "root": ahead.root.hex()}
        given_up = [{"kept_size": each.kept_size, "lost_size": each.lost_size} for each in forgone]
        more = {"ahead": lost, "forgone": given_up, "operator_key": operator_key.hex()}
        more["delegation"] = delegation
        return print_json(_facts(ledger, totals, devices) | more)
    typer.echo(f"{ledger.trust.origin}, key {ledger.public_key.hex()}, {totals.log_size} entries in the log")
    if ahead is not None:
        typer.echo(f"signs nothing: it signed a tree of {ahead.size} entries before, root {ahead.root.hex()}")
        typer.echo("\n".join(next_steps(folder, totals.log_size, ahead)))
    for each in forgone:
        typer.echo(
            f"given up by the operator at {utc(each.unix_s)}: a tree of {each.lost_size} entries, from {each.kept_size}"
            " on"
        )
    for line in delegated:
        typer.echo(line)
    refused = sum(totals.refused.values())
    typer.echo(
        f"{totals.accepted} accepted, {totals.duplicates} duplicates, {totals.held} held, {refused} refused,"
        f" {len(totals.quarantined)} devices in quarantine, {totals.frames} frames"
    )
    for name, count in totals.refused.items():
        typer.echo(f"  refused as {name}: {count}")
    typer.echo("\n".join([_selection(devices, len(totals.devices)), *_lines(devices, now_s)]))


def _selected(device: DeviceTotals, silent_s: int | None, site: str | None, now_s: int) -> bool:
    """A device that was retired is not missed: nobody waits for it."""
    if site is not None and device.site != site:
        return False
    return silent_s is None or (device.retired_unix_s is None and device.silent_s(now_s) >= silent_s)


def _selection(devices: list[DeviceTotals], count: int) -> str:
    segments, frames = sum(device.segments for device in devices), sum(device.frames for device in devices)
    sites = len({device.site for device in devices})
    return f"{len(devices)} of {count} devices, at {sites} sites: {segments} segments, {frames} frames"


def _lines(devices: list[DeviceTotals], now_s: int) -> Iterator[str]:
    for device in devices:
        yield from _device_lines(device, now_s)


def _device_lines(device: DeviceTotals, now_s: int) -> Iterator[str]:
    seen = device.last_seen_unix_s
    yield (
        f"  {device.device_id} {printable(device.name)} at {printable(device.site)}:"
        f" {device.segments} segments, {device.frames} frames"
        + (", never heard of" if seen is None else f", last heard of {in_words(now_s - seen)} ago")
        + (", renderer" if device.renderer else "")
        + (f", {device.held} held" if device.held else "")
        + (f", quarantined: {device.quarantine}" if device.quarantine else "")
        + (f", replaced by {device.successor}" if device.successor else "")
        + (f", retired at {utc(device.retired_unix_s)}" if device.retired_unix_s is not None else "")
    )
    if device.sessions:
        without = f"{device.sessions_without_play} of them without play"
        yield f"    {device.sessions} sessions in {device.boots} boots, {without}"
    for flag, flagged in device.flags.items():
        yield f"    {flag}: {flagged.segments} segments, {flagged.frames} frames"
    for finding, count in device.findings.items():
        yield f"    evidence, {finding}: {count}"
    if device.predecessor:
        place = f"{device.place_segments} segments, {device.place_frames} frames"
        yield f"    in the place of {device.predecessor}: {place} in all"


def _facts(folder: Folder, totals: Totals, devices: list[DeviceTotals]) -> dict[str, Any]:
    origin, public_key = folder.trust.origin, folder.public_key
    named = {"origin": origin, "public_key": public_key.hex(), "verifier_key": verifier_key(origin, public_key)}
    counted = {"devices_enrolled": len(totals.devices), "sites": len({device.site for device in devices})}
    listed = {"devices": [asdict(device) for device in devices]}
    everything = asdict(replace(totals, devices=[]))
    return named | everything | counted | listed | {"quarantined": [device.device_id for device in totals.quarantined]}

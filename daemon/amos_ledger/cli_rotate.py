"""`amos ledger rotate-operator` and `rotate-key`: another key of the operator's, or of the ledger's, from here on."""

import time
from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.limits import ROTATIONS_MAX, TRANSITION_S_MAX
from amos_cli.durations import seconds_of
from amos_cli.output import AsJson, UsageError, print_json
from amos_cli.paths import file_argument
from amos_ledger import registry, rotating
from amos_ledger.command import LedgerFolder, Unasked, one_line_errors, utc
from amos_ledger.delegation_told import delegation_due
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.outside import ask_served
from amos_ledger.told_rotations import operator_appointments


def rotate_operator(
    folder: LedgerFolder,
    file: Annotated[Path, file_argument("FILE", help="From amos device rotate-operator.")],
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Let another key of the operator's count, and the old one no longer. The same again is no error."""
    with one_line_errors(folder, as_json):
        ledger = Folder(folder)
        data = rotating.read_file(file)
        ask_served(ledger, unasked)
        with checked_store(ledger) as store:
            rotation, fresh = rotating.rotate_operator(ledger, store, data)
            registry.publish(ledger, store)
            operator_appointments(ledger, store)
    key = rotation.new_key.hex()
    if as_json:
        return print_json({"number": rotation.number, "operator_key": key, "fresh": fresh})
    state = "counts from here on" if fresh else "was brought before"
    print(f"key {rotation.number} of the operator's {state}: {key}")


def rotate_key(
    folder: LedgerFolder,
    transition: Annotated[
        str, typer.Option(metavar="TIME", help="So long the old key signs beside, e.g. 90d; 0d where it was stolen.")
    ] = "90d",
    number: Annotated[
        int | None,
        typer.Option(min=1, max=ROTATIONS_MAX, help="Which change it is to be, counted from 1; again is no error."),
    ] = None,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Make another key of the ledger's own and sign with it from here on. Not while the ledger serves."""
    with one_line_errors(folder, as_json):
        transition_s = 0 if transition == "0d" else seconds_of(transition, "--transition")
        if transition_s > TRANSITION_S_MAX:
            raise UsageError(f"--transition: expected at most {TRANSITION_S_MAX // 86_400}d, found {transition}")
        ledger = Folder(folder)
        ask_served(ledger, unasked)
        rotation, fresh = rotating.rotate_ledger(ledger, transition_s, number)
        with ledger.open_store_to_read() as store:
            due = delegation_due(ledger, store, int(time.time()))
    key, until_unix_s = rotation.new_key.hex(), rotation.until_unix_s or 0
    if as_json:
        facts = {"number": rotation.number, "public_key": key, "old_key": rotation.old_key.hex()}
        return print_json(facts | {"until_unix_s": until_unix_s, "fresh": fresh})
    state = "signs from here on" if fresh else "signs already"
    print(f"key {rotation.number} of the ledger's {state}: {key}")
    print(f"  the one before signs beside it until {utc(until_unix_s)}: {rotation.old_key.hex()}")
    for line in due:
        print(line)

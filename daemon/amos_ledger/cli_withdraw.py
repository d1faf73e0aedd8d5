"""`amos ledger opt-out-key`, `delegation` and `withdraw`: opt-outs by a delegated key, as on the payee's page."""

import time
from pathlib import Path
from typing import Annotated

import typer

from amos_cli.output import AsJson, UsageError, print_json
from amos_cli.paths import file_argument
from amos_ledger.command import LedgerFolder, Unasked, one_line_errors, utc
from amos_ledger.delegated import desk_of, made_key, read_delegation, take_delegation, withdraw_for, works_of
from amos_ledger.delegation_told import delegation_due
from amos_ledger.folder import Folder
from amos_ledger.outside import ask_served

DIGITS_MIN = 8


def opt_out_key(
    folder: LedgerFolder,
    new: Annotated[bool, typer.Option("--new", help="The next one, for another delegation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the public key that the publisher delegates opt-outs to (amos pack delegate); made where there is none. The
    next one takes its place with the delegation that names it."""
    with one_line_errors(folder, as_json):
        found = made_key(Folder(folder), new).hex()
    if as_json:
        return print_json({"public_key": found})
    typer.echo(found)


def delegation(
    folder: LedgerFolder,
    file: Annotated[Path, file_argument("FILE", help="From amos pack delegate.")],
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Let payees withdraw the stems that it names. The same delegation again is no error."""
    with one_line_errors(folder, as_json):
        ledger, data = Folder(folder), read_delegation(file)
        ask_served(ledger, unasked)
        taken, fresh = take_delegation(ledger, data, int(time.time()))
    if as_json:
        facts = {"serial": taken.serial, "stems": len(taken), "until_unix_s": taken.until_unix_s}
        return print_json(facts | {"fresh": fresh})
    state = "in force" if fresh else "was in force before"
    typer.echo(f"delegation {taken.serial} {state}: {len(taken)} stems, until {utc(taken.until_unix_s)}")


def withdraw(
    folder: LedgerFolder,
    stems: Annotated[list[str], typer.Argument(metavar="STEM...", help="Ids, or their first 8 digits.")],
    payee: Annotated[str, typer.Option(help="Who wants it, of those whom the stems pay.")],
    back: Annotated[bool, typer.Option("--back", help="Bring stems back that were withdrawn so.")] = False,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Silence a payee's stems at every connected player at once, or bring back those that they silenced; as their page
    does."""
    with one_line_errors(folder, as_json):
        ledger = Folder(folder)
        ask_served(ledger, unasked)
        now_s = int(time.time())
        with ledger.open_store_to_read() as store:
            ids = [_id_of(text, [work.stem_id for work in works_of(store, payee)], payee) for text in stems]
            before, due = desk_of(ledger, store).withdrawn, delegation_due(ledger, store, now_s)
        changed = withdraw_for(ledger, payee, ids, now_s, back=back)
    if as_json:
        return print_json({"stems": [stem_id.hex() for stem_id in ids], "withdrawn": not back, "changed": changed})
    for stem_id in ids:
        if back:
            typer.echo(f"{stem_id.hex()} {'brought back' if stem_id in before else 'was not withdrawn'}")
        else:
            typer.echo(f"{stem_id.hex()} withdrawn{' before' if stem_id in before else ''}")
    for line in due:
        typer.echo(line)


def _id_of(text: str, own: list[bytes], payee: str) -> bytes:
    found = [stem_id for stem_id in own if len(text) >= DIGITS_MIN and stem_id.hex().startswith(text.lower())]
    if len(found) != 1:
        count = "none" if not found else f"{len(found)}"
        raise UsageError(f"{text[:64]}: expected the id of one stem that pays {payee}, found {count}")
    return found[0]

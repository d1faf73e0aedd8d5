"""`amos ledger`: keep a ledger. Every error is one line that names it; nobody is shown a traceback."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.errors import MessageError
from amos_cli.interrupted import saying_interrupted
from amos_cli.keys import public_key_of
from amos_cli.output import AsJson, print_json
from amos_cli.paths import file_argument, folder_argument
from amos_ledger import forgoing, losing, recovery, registry
from amos_ledger.cli_fsck import fsck
from amos_ledger.cli_played import played
from amos_ledger.cli_quarantine import app as quarantine_app
from amos_ledger.cli_quarantine import held
from amos_ledger.cli_rotate import rotate_key, rotate_operator
from amos_ledger.cli_serve import serve
from amos_ledger.cli_status import status
from amos_ledger.cli_trust import cosign, prove
from amos_ledger.cli_watch import alerts, snooze, watch
from amos_ledger.cli_withdraw import delegation, opt_out_key, withdraw
from amos_ledger.cli_work import Database, checked_database, work
from amos_ledger.command import LedgerFolder, Unasked, one_line_errors, utc
from amos_ledger.errors import AuditUnusable
from amos_ledger.folder import Folder, init_folder
from amos_ledger.folder_files import AUDIT, OPEN_AUDIT
from amos_ledger.heads import checked_store
from amos_ledger.opt_outs import add_opt_outs, read_opt_outs
from amos_ledger.outside import ask_served

app = typer.Typer(help="Keep the ledger: enrol devices, publish packs, serve couriers.", no_args_is_help=True)

NewFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The ledger's folder; made when absent.")]

app.command()(fsck)
app.command()(work)
app.command()(held)
app.command()(prove)
app.command()(cosign)
app.command()(rotate_operator)
app.command()(rotate_key)
app.add_typer(quarantine_app, name="quarantine")


@app.command()
def init(
    folder: NewFolder,
    origin: Annotated[str, typer.Option(metavar="NAME", help="The log's name for all time, e.g. ledger.example/amos.")],
    operator_key: Annotated[str, typer.Option(metavar="HEX", help="Public key whose enrolments count.")],
    publisher_key: Annotated[str, typer.Option(metavar="HEX", help="Public key whose packs and catalogues count.")],
    database: Database = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Let anybody read the entries too: the audit folder is in the public one.")
    ] = False,
    audit: Annotated[
        str, typer.Option(metavar="FOLDER|URL", help="Where the audit folder is: within DIR, or any URL of fsspec.")
    ] = AUDIT,
    as_json: AsJson = False,
) -> None:
    """Make a ledger with a key of its own, and print its public key."""
    usage = MessageError, AuditUnusable  # the only message that it makes is the origin
    with one_line_errors(folder, as_json, usage=usage):
        keys = public_key_of(operator_key, "--operator-key"), public_key_of(publisher_key, "--publisher-key")
        made = init_folder(folder, origin, *keys, checked_database(database), OPEN_AUDIT if open_ else audit)
        with made.open_store() as store:
            registry.publish(made, store)
    if as_json:
        return print_json({"origin": made.trust.origin, "public_key": made.public_key.hex()})
    typer.echo(made.public_key.hex())


@app.command()
def enrol(
    folder: LedgerFolder,
    file: Annotated[Path, file_argument("FILE", help="The signed enrolment.")],
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Let a device's segments count. The same enrolment again is no error."""
    with one_line_errors(folder, as_json):
        ledger = Folder(folder)
        data = registry.read_enrolment(file)
        ask_served(ledger, unasked)
        with checked_store(ledger) as store:
            enrolment, fresh = registry.enrol(ledger, store, data, now_s=int(time.time()))
            registry.publish(ledger, store)
    predecessor = enrolment.predecessor.hex() if enrolment.predecessor else None
    if as_json:
        named = {"device_id": enrolment.device_id.hex(), "name": enrolment.name, "site": enrolment.site}
        return print_json(named | {"predecessor": predecessor, "fresh": fresh})
    state = "enrolled" if fresh else "was enrolled before"
    place = f" in the place of {predecessor}" if predecessor else ""
    typer.echo(f"{enrolment.device_id.hex()} {state}: {enrolment.name} at {enrolment.site}{place}")


@app.command()
def revoke(
    folder: LedgerFolder,
    file: Annotated[Path, file_argument("FILE", help="From amos device revoke.")],
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Let what a device plays from an instant on count no longer. The same revocation again is no error."""
    with one_line_errors(folder, as_json):
        ledger = Folder(folder)
        data = registry.read_revocation(file)
        ask_served(ledger, unasked)
        with checked_store(ledger) as store:
            revocation, fresh = registry.revoke(ledger, store, data)
            registry.publish(ledger, store)
    if as_json:
        device_id = revocation.device_id.hex()
        return print_json({"device_id": device_id, "unix_s": revocation.unix_s, "fresh": fresh})
    state = "revoked" if fresh else "was revoked before"
    typer.echo(f"{revocation.device_id.hex()} {state}: what it plays after {utc(revocation.unix_s)} does not count")


@app.command()
def publish(
    folder: LedgerFolder,
    pack_folder: Annotated[Path, folder_argument("PACKDIR", help="Holds manifest.cose and catalogue.cose.")],
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Let play of a pack's stems count. The same pack again is no error."""
    with one_line_errors(folder, as_json):
        ledger = Folder(folder)
        files = registry.read_pack(pack_folder)
        ask_served(ledger, unasked)
        with checked_store(ledger) as store:
            pack, manifest, fresh = registry.add_pack(ledger, store, *files)
            registry.publish(ledger, store)
    if as_json:
        facts = {"pack": pack.hex(), "name": manifest.name, "stems": len(manifest.stems), "fresh": fresh}
        return print_json(facts)
    state = "published" if fresh else "was published before"
    typer.echo(f"{pack.hex()} {state}: {manifest.name}, {len(manifest.stems)} stems")


@app.command()
def optouts(
    folder: LedgerFolder,
    file: Annotated[Path, file_argument("FILE", help="From amos pack optouts.")],
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Hand the publisher's opt-out list to every courier. The same list again is no error."""
    with one_line_errors(folder, as_json):
        ledger, data = Folder(folder), read_opt_outs(file)
        ask_served(ledger, unasked)
        opt_outs, fresh = add_opt_outs(ledger, data)
    if as_json:
        return print_json({"serial": opt_outs.serial, "stems": len(opt_outs), "fresh": fresh})
    state = "in force" if fresh else "was in force before"
    typer.echo(f"opt-outs {opt_outs.serial} {state}: {len(opt_outs)} stems")


app.command("opt-out-key")(opt_out_key)
app.command()(delegation)
app.command()(withdraw)
app.command()(serve)
app.command()(status)
app.command()(played)
app.command()(watch)
app.command()(alerts)
app.command()(snooze)


@app.command()
def recover(
    folder: LedgerFolder,
    mirrors: Annotated[
        list[str],
        typer.Option("--from", metavar="FOLDER|URL", help="A copy of the audit folder; may be given again."),
    ],
    as_json: AsJson = False,
) -> None:
    """Make the log and all that follows from it again from what was published. Needs the ledger's key in its folder."""
    with one_line_errors(folder, as_json):
        recovered = recovery.recover(Folder(folder, recovered=True), mirrors, lambda line: typer.echo(line, err=True))
    if as_json:
        return print_json(asdict(recovered))
    typer.echo(f"{recovered.entries} entries are in the log; {recovered.before} were there before")
    for failure in recovered.failures:
        typer.echo(f"  no help: {failure}")
    if recovered.missing:
        typer.echo(
            f"  {recovered.missing} more were signed, as others show; amos ledger status {folder} says what to do next"
        )


@app.command()
def forgo(
    folder: LedgerFolder,
    file: Annotated[Path, file_argument("FILE", help="From amos device forgo.")],
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Go on without what was signed and cannot be recovered; couriers are asked for it. The same again is no error."""
    with one_line_errors(folder, as_json):
        ledger, data = Folder(folder), forgoing.read_file(file)
        ask_served(ledger, unasked)
        forgone, fresh = forgoing.forgo(ledger, data)
    if as_json:
        return print_json({"kept_size": forgone.kept_size, "lost_size": forgone.lost_size, "fresh": fresh})
    state = "given up" if fresh else "was given up before"
    typer.echo(f"the tree of {forgone.lost_size} entries {state}; the log goes on after {forgone.kept_size}")
    typer.echo("  when it serves, couriers send again what they returned from there")


@app.command()
def lost(
    folder: LedgerFolder,
    file: Annotated[Path, file_argument("FILE", help="From amos device lost.")],
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Let what waits for segments that are gone go on. The same again is no error."""
    with one_line_errors(folder, as_json):
        ledger, data = Folder(folder), losing.read_file(file)
        ask_served(ledger, unasked)
        loss, released, fresh = losing.declare_loss(ledger, data)
    if as_json:
        named = {"device_id": loss.device_id.hex(), "first": loss.first, "last": loss.last}
        return print_json(named | {"released": released, "fresh": fresh})
    state = "are declared lost" if fresh else "were declared lost before"
    typer.echo(f"segments {loss.first} to {loss.last} of {loss.device_id.hex()} {state}; {released} went on")


@app.command()
def restored(
    folder: LedgerFolder,
    as_json: AsJson = False,
) -> None:
    """Say that the folder is a copy put back: time anchors signed until this moment are not judged."""
    now_ms = time.time_ns() // 1_000_000
    with one_line_errors(folder, as_json), Folder(folder).open_store() as store, store.transaction():
        store.chain.anchors.forget(now_ms)
    if as_json:
        return print_json({"anchors_since_unix_ms": now_ms})
    typer.echo("anchors signed until now are not judged")


@app.command()
def clock(
    folder: LedgerFolder,
    as_json: AsJson = False,
) -> None:
    """Say that this machine's clock is right, though it is before what the ledger has stored, or years after."""
    now_ms = time.time_ns() // 1_000_000
    with one_line_errors(folder, as_json), Folder(folder).open_store() as store, store.transaction():
        store.chain.anchors.accept_clock(now_ms)
    if as_json:
        return print_json({"clock_unix_ms": now_ms})
    typer.echo(f"the ledger's clock is {utc(now_ms // 1000)}")


@app.command()
def plausibility(
    folder: LedgerFolder,
    as_json: AsJson = False,
) -> None:
    """Say what is odd about devices' play, and how odd; works while the ledger serves."""
    with one_line_errors(folder, as_json), Folder(folder).open_store() as store:
        oddities = store.oddities()
    if as_json:
        return print_json({"oddities": [asdict(odd) | {"share": round(odd.share, 6)} for odd in oddities]})
    for odd in oddities:
        typer.echo(f"{odd.device_id} {odd.name}: {odd.oddity}: {odd.count} of {odd.whole} {odd.unit} ({odd.share:.1%})")
    if not oddities:
        typer.echo("nothing odd")


if __name__ == "__main__":
    with saying_interrupted("ledger"):
        app()

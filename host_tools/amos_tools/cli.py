"""The command `amos`: one door to every part."""

from pathlib import Path
from typing import Annotated

import typer

from amos_ledger.cli import app as ledger_app
from amos_sync.cli import app as courier_app
from amos_tools.bench.cli import bench
from amos_tools.demo.cli import demo
from amos_tools.device.cli import app as device_app
from amos_tools.device.run import player
from amos_tools.pack.cli import app as pack_app
from amos_tools.pool.cli import app as pool_app
from amos_tools.render.cli import provenance, render
from amos_tools.script.cli import app as script_app
from amos_tools.vault.cli import app as vault_app
from amos_tools.verify.cli import verify

app = typer.Typer(
    help="An electricity meter for music: signed play time, from the loudspeaker to the payout.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(player)
app.command()(verify)
app.command()(render)
app.command()(provenance)
app.command()(bench)
app.add_typer(vault_app, name="vault")
app.add_typer(script_app, name="script")
app.add_typer(pack_app, name="pack")
app.add_typer(device_app, name="device")
app.add_typer(courier_app, name="courier", help="Sync signed segments from players to the ledger.")
app.add_typer(ledger_app, name="ledger", help="Prove, receipt and keep usage.")
app.add_typer(pool_app, name="pool")


@app.command()
def key(file: Annotated[Path, typer.Argument(metavar="FILE", help="32 bytes, readable by its owner only.")]) -> None:
    """Print the public key of a key file; make the file first when there is none."""
    from amos.crypto import public_key
    from amos.edges.key_store import KeyFault, load_or_make_seed

    try:
        print(public_key(load_or_make_seed(str(file))).hex())
    except (KeyFault, OSError) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from None


def main() -> None:
    """Entry point of the distribution."""
    app()

"""Command line of the operator's desk."""

import typer

from amos_tools.fleet.direct import direct
from amos_tools.fleet.orders.cli import serve
from amos_tools.fleet.pairing.cli import pair
from amos_tools.fleet.rollout.cli import app as rollout
from amos_tools.fleet.show import packs, show
from amos_tools.fleet.tags.cli import tag

app = typer.Typer(help="The operator's desk: what players are to do, and what they do, through the broker.")
for command in (direct, show, packs, tag, pair, serve):
    app.command()(command)
app.add_typer(rollout, name="rollout")

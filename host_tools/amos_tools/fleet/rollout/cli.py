"""Command line of staged roll-outs."""

import typer

from amos_tools.fleet.rollout.look_commands import show, stop
from amos_tools.fleet.rollout.run_commands import back, go_on, start

app = typer.Typer(help="Give players a pack ring by ring, and stop where they do not bear it.")
app.command()(start)
app.command()(show)
app.command("continue")(go_on)
app.command()(stop)
app.command()(back)

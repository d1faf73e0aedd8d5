"""`amos fleet rollout show` and `stop`: what needs no broker."""

from pathlib import Path
from typing import Annotated

from amos_cli.output import AsJson, print_json
from amos_cli.paths import file_argument
from amos_cli.table import print_table
from amos_tools.fleet.options import fleet_refusals
from amos_tools.fleet.rollout.state import Rollout
from amos_tools.fleet.rollout.store import Store, stopped
from amos_tools.fleet.rollout.words import facts, sentences, table

StateFile = Annotated[Path, file_argument("STATE", help="The roll-out's file, which start made.")]


def show(state: StateFile, as_json: AsJson = False) -> None:
    """Show how far a roll-out is, as its file says; one that runs writes it every few seconds."""
    with fleet_refusals(as_json):
        rollout = Store(state).load()
    tell(rollout, as_json)


def stop(state: StateFile, as_json: AsJson = False) -> None:
    """Stop a roll-out, whether it runs or not: nothing more is sent. What was sent stays."""
    with fleet_refusals(as_json):
        store = Store(state)
        store.load()
        with stopped(store) as rollout:
            pass
    tell(rollout, as_json)


def tell(rollout: Rollout, as_json: bool) -> None:
    """Print how it stands."""
    if as_json:
        return print_json(facts(rollout))
    print_table(table(rollout))
    for line in sentences(rollout):
        print(line)

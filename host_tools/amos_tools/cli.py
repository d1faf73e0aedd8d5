"""The command `amos`: one door to every part. A part is imported only when called, so that each starts quickly."""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from amos_cli.output import asks_json, usage_refusals
from amos_tools.extras import DISTRIBUTION, advice

COMMANDS = {
    "demo": "amos_tools.demo.cli:demo",
    "vault": "amos_tools.vault.cli:app",
    "script": "amos_tools.script.cli:app",
    "pack": "amos_tools.pack.cli:app",
    "render": "amos_tools.render.cli:render",
    "provenance": "amos_tools.render.cli:provenance",
    "device": "amos_tools.device.cli:app",
    "setup": "amos_tools.setup.command:setup",
    "boards": "amos_tools.boards_cli:boards",
    "player": "amos_tools.device.run:player",
    "journal": "amos_tools.journal.cli:app",
    "courier": "amos_sync.cli:app",
    "fleet": "amos_tools.fleet.cli:app",
    "ledger": "amos_ledger.cli:app",
    "pages": "amos_tools.pages.cli:app",
    "pool": "amos_tools.pool.cli:app",
    "report": "amos_tools.report.cli:app",
    "verify": "amos_tools.verify.cli:verify",
    "audit": "amos_tools.audit.cli:audit_command",
    "replay": "amos_tools.replay.cli:replay",
    "key": "amos_tools.device.key:key",
    "bench": "amos_tools.bench.cli:bench",
}
"""Command -> module:object, in the order of the way of a stem; the object is a Typer app, or a function."""


class Doors(TyperGroup):
    """A group whose commands are imported when they are asked for. Its parser's refusals are those of every command."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        self.as_json = asks_json(args)
        with usage_refusals(self.as_json):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        with usage_refusals(self.as_json):
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _colon, attribute = target.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            command: Any = get_group(found)
        else:
            part = typer.Typer(add_completion=False)  # completion is the whole command's, never a part's
            part.command()(found)
            command = get_command(part)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Doors,
    help="An electricity meter for music: signed play time, from the loudspeaker to the payout.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"amos {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def amos(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """An electricity meter for music: signed play time, from the loudspeaker to the payout."""


def run() -> None:
    """Do what the command line says."""
    try:
        app()
    except ModuleNotFoundError as missing:
        sentence = advice(missing.name)
        if sentence is None:
            raise
        sys.exit(f"amos: {sentence}")

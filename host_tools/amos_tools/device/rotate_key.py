"""`amos device rotate-key`: ask a player for another key, which its old one hands over to at the next start.

The request is a file in the player's directory: whoever may write there may ask, and nobody over the link.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from amos.edges.durable_host import write_whole
from amos.edges.key_files import NEXT_KEY, REQUEST, KeyFault
from amos.key_rotation import read_history
from amos.protocol.limits import HANDOVERS_MAX
from amos_cli.output import AsJson, UsageError, print_json
from amos_tools.device import linux_player
from amos_tools.device.call import DeviceError
from amos_tools.device.flash import MOUNT
from amos_tools.device.prompt import PromptError, open_prompt
from amos_tools.device.refusals import device_refusals

SERIAL = "serial:"
CONTENT = b"rotate\n"
"""A file without content is none for some file systems after a power cut."""

BOARD = """
import json, os
with open('/board.json') as file:
 player = json.load(file)['player']
try:
 import amos.key_rotation
 knows = True
except ImportError:
 knows = False
print(repr((player, knows, 'device.key' in os.listdir(player))))
"""


def rotate_key(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A Linux player's directory, or serial:PATH of a board's prompt.")
    ],
    as_json: AsJson = False,
) -> None:
    """Ask a player for another key; its old one hands over to it at the next start. Then enrol the player anew."""
    steps: list[str] = []
    say = steps.append if as_json else typer.echo
    with device_refusals(as_json):
        if target.startswith(SERIAL):
            _ask_board(target, say)
        else:
            _ask_linux(Path(target), say)
    if as_json:
        print_json({"target": target, "steps": steps})


def _ask_linux(directory: Path, say: Callable[[str], None]) -> None:
    if linux_player.device_in(directory) is None:
        raise UsageError(f"{directory}: expected a player's directory with its key, found none")
    try:
        history = read_history(str(directory))
    except KeyFault as error:
        raise DeviceError(str(error)) from None
    if history is not None and len(history.handovers) >= HANDOVERS_MAX:
        raise DeviceError(
            f"{directory}: expected a key that changed less than {HANDOVERS_MAX} times; enrol it as another device"
        )
    request, next_key = Path(f"{directory}{REQUEST}"), Path(f"{directory}{NEXT_KEY}")
    if request.exists() or next_key.exists():
        say("request: was there")
    else:
        write_whole(request, CONTENT, 0o600)
        say(f"request: written to {request}")
    unit = linux_player.unit_of(directory)
    if unit is not None:
        linux_player.run_unit(unit, True, say)
    else:
        say(f"player: restart it for the key to change: amos player {directory}")


def _ask_board(port: str, say: Callable[[str], None]) -> None:
    with open_prompt(port) as prompt:
        prompt.run(MOUNT)
        ((player, knows, has_key),) = prompt.run(BOARD)
        if not knows:
            raise PromptError(f"{port}: expected a firmware that changes keys; amos device provision brings one")
        if not has_key:
            raise PromptError(f"{port}: expected a player with its key in {player}, found none")
        prompt.write(f"{player}{REQUEST}", CONTENT)
        say(f"request: written to {player}{REQUEST}")
        prompt.restart()
    say("board: restarted")

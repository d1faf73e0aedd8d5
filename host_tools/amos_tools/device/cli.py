"""`amos device`: prepare a player, enrol it, ask it how it is."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from amos.config import ConfigError
from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.link import STATES
from amos.protocol.segment import CLOCK_LETTERS
from amos_tools.boards import BoardError, load_board
from amos_tools.device.call import DeviceError, ask_identity, ask_status
from amos_tools.device.prepare import check_fit, write_wiring
from amos_tools.device.prepare import enrol as enrol_device
from amos_tools.device.prepare import prepare as prepare_directory
from amos_tools.device.send import send_pack
from amos_tools.pack.keys import KeyFileError, read_key

app = typer.Typer(help="Prepare players, enrol them, ask how they are.", no_args_is_help=True)

Port = Annotated[str, typer.Argument(metavar="PORT", help="unix:PATH or serial:PATH of a running player.")]


@app.command()
def prepare(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The player's directory; made when absent.")],
    pack: Annotated[Path, typer.Option(metavar="DIR", help="The pack it plays.")],
    publisher_key: Annotated[str, typer.Option(metavar="HEX", help="Public key that signs packs.")],
    ledger_key: Annotated[str, typer.Option(metavar="HEX", help="Public key that signs receipts.")],
    board: Annotated[str | None, typer.Option(metavar="NAME", help="Settings of this board (amos boards).")] = None,
    setting: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Any other setting.")] = None,
) -> None:
    """Write a player's settings. Its key is made by the player itself when it first runs."""
    settings: dict[str, object] = {
        "pack": str(pack.resolve()),
        "publisher_key": publisher_key,
        "ledger_key": ledger_key,
    }
    with _one_line_errors():
        known = load_board(board) if board else None
        if known:
            settings |= known.player_settings(directory.resolve().name)
        for word in setting or []:
            name, equals, value = word.partition("=")
            if not equals:
                raise ConfigError(f"{word}: expected name=value")
            settings[name] = value
        if known:
            check_fit(known, pack, publisher_key)
        prepare_directory(directory, settings)
        wiring = write_wiring(directory, known) if known else None
    if wiring:
        print(f"{directory}: ready; board.json goes to the board's root, the rest to {wiring['player']}, ", end="")
        print(f"the pack to {settings['pack']}")
    else:
        print(f"{directory}: ready; run it with: amos player {directory}")


@app.command()
def enrol(
    port: Port,
    site: Annotated[str, typer.Option(help="The venue: letters a-z, digits, - and _.")],
    name: Annotated[str, typer.Option(help="The player's name there.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The operator's key file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the signed enrolment goes, for amos ledger enrol.")],
    tier: Annotated[int, typer.Option(min=0, max=255, help="User tier, reported with all its play.")] = 0,
    wait_s: Annotated[float, typer.Option(min=0, help="Wait this long for the player to appear.")] = 0,
) -> None:
    """Let a running player prove its key, and sign its enrolment as the operator."""
    with _one_line_errors():
        identity = ask_identity(port, wait_s)
        out.write_bytes(enrol_device(identity, read_key(key), site=site, name=name, tier=tier))
    print(f"{identity.device.hex()} holds its key; enrolment for {name} at {site} signed: {out}")


@app.command()
def status(port: Port, as_json: Annotated[bool, typer.Option("--json", help="Print it as data.")] = False) -> None:
    """Ask a running player how it is."""
    with _one_line_errors():
        found = ask_status(port)
    facts = {name: getattr(found, name) for _key, name, _kind, _bound in found.FIELDS}
    facts |= {"state": STATES[found.state], "clock": CLOCK_LETTERS[found.clock]}
    facts = {name: value.hex() if isinstance(value, bytes) else value for name, value in facts.items()}
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        if value is not None:
            print(f"{name:>16}  {value}")


@app.command()
def pack(
    port: Port,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The pack.")],
    wait_s: Annotated[float, typer.Option(min=0, help="Wait this long for the player to appear.")] = 0,
) -> None:
    """Send a running player a pack, as far as it does not have it; it plays it from its next section on."""
    started = time.monotonic()
    quiet = not sys.stderr.isatty()
    with _one_line_errors(), Progress(console=Console(stderr=True), transient=True, disable=quiet) as shown:
        task = shown.add_task(folder.name, total=None)
        sent = send_pack(port, folder, lambda here, total: shown.update(task, completed=here, total=total), wait_s)
    seconds = time.monotonic() - started
    print(f"{folder}: taken; sent {sent} bytes in {seconds:.1f} s. It plays from the next section on.")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except (BoardError, ConfigError, DeviceError, KeyFileError, LocalError, ProtocolError, OSError) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from None

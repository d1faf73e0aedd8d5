"""`amos device`: provision a player, or its steps one by one; ask it how it is."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from amos.crypto import public_key
from amos.protocol.link import OUTPUTS, STATES
from amos.protocol.segment import OUTPUT_KINDS, PACES
from amos.protocol.usage_reader import CLOCK_LETTERS
from amos_cli.files import write_output
from amos_cli.key_files import read_key
from amos_cli.numbers import finite
from amos_cli.output import AsJson, print_json
from amos_cli.paths import file_option, folder_argument, folder_option
from amos_inputs.vocabulary import ScoreVocabulary
from amos_inputs.words import word_input
from amos_tools.boards import load_board
from amos_tools.device.call import ask_identity, ask_logs, ask_status, send_input
from amos_tools.device.forgo import forgo
from amos_tools.device.linux_player import settings_of
from amos_tools.device.lost import lost
from amos_tools.device.player_vocabulary import PlayerVocabulary
from amos_tools.device.prepare import check_fit, read_score, write_wiring
from amos_tools.device.prepare import enrol as enrol_device
from amos_tools.device.prepare import prepare as prepare_directory
from amos_tools.device.provision_cli import provision, replace
from amos_tools.device.records import is_enrolment
from amos_tools.device.refusals import device_refusals
from amos_tools.device.revoke import revoke
from amos_tools.device.rotate_key import rotate_key
from amos_tools.device.rotate_operator import rotate_operator
from amos_tools.device.send import send_pack
from amos_tools.device.settings import silence_in, wanted

app = typer.Typer(help="Prepare players, enrol them, ask how they are.", no_args_is_help=True)

Port = Annotated[str, typer.Argument(metavar="PORT", help="unix:PATH or serial:PATH of a running player.")]


@app.command()
def prepare(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The player's directory; made when absent.")],
    publisher_key: Annotated[str, typer.Option(metavar="HEX", help="Public key that signs packs.")],
    ledger_key: Annotated[str, typer.Option(metavar="HEX", help="Public key that signs receipts.")],
    pack: Annotated[Path | None, folder_option(help="The pack it plays until another comes.")] = None,
    board: Annotated[str | None, typer.Option(metavar="NAME", help="Settings of this board (amos boards).")] = None,
    setting: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Any other setting.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a player's settings. Its key is made by the player itself when it first runs."""
    pinned: dict[str, object] = {"publisher_key": publisher_key, "ledger_key": ledger_key}
    with device_refusals(as_json):
        known = load_board(board) if board else None
        asked = wanted(known, directory.resolve().name, pack, pinned, setting)
        settings = asked.over(settings_of(directory))
        if known and pack:
            check_fit(known, pack, publisher_key)
        prepare_directory(directory, settings)
        wiring = write_wiring(directory, known) if known else None
    silence = silence_in(settings)
    if silence:
        typer.echo(silence, err=True)
    if as_json:
        print_json({"directory": str(directory), "settings": settings, "wiring": wiring})
    elif wiring:
        print(f"{directory}: ready; board.json goes to the board's root, the rest to {wiring['player']}, ", end="")
        print(f"the pack to {settings['pack']}" if pack else "the pack comes over the link")
    else:
        print(f"{directory}: ready; run it with: amos player {directory}")


@app.command()
def enrol(
    port: Port,
    site: Annotated[str, typer.Option(help="The venue: letters a-z, digits, - and _.")],
    name: Annotated[str, typer.Option(help="The player's name there.")],
    operator_key_file: Annotated[Path, file_option(help="The operator's key file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the signed enrolment goes, for amos ledger enrol.")],
    tier: Annotated[int, typer.Option(min=0, max=255, help="User tier, reported with all its play.")] = 0,
    wait_s: Annotated[float, typer.Option(min=0, callback=finite, help="Wait this long for the player to appear.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Let a running player prove its key, and sign its enrolment as the operator."""
    with device_refusals(as_json):
        identity = ask_identity(port, wait_s)
        seed = read_key(operator_key_file)
        enrolment = enrol_device(identity, seed, site=site, name=name, tier=tier)
        write_output(out, enrolment, ours=lambda path: is_enrolment(path, public_key(seed)))
    if as_json:
        device_id = identity.device_id.hex()
        print_json({"device_id": device_id, "site": site, "name": name, "tier": tier, "path": str(out)})
    else:
        print(f"{identity.device_id.hex()} holds its key; enrolment for {name} at {site} signed: {out}")


@app.command()
def status(port: Port, as_json: AsJson = False) -> None:
    """Ask a running player how it is."""
    with device_refusals(as_json):
        found = ask_status(port)
    facts = {name: getattr(found, name) for _key, name, _kind, _bound in found.FIELDS}
    facts |= {"state": STATES[found.state], "clock": CLOCK_LETTERS[found.clock], "output": OUTPUTS[found.output]}
    facts["output_kind"] = None if found.output_kind is None else OUTPUT_KINDS[found.output_kind]
    facts["pace"] = None if found.pace is None else PACES[found.pace]
    facts = {name: value.hex() if isinstance(value, bytes) else value for name, value in facts.items()}
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if value is not None:
            print(f"{name:>18}  {value}{_in_words(name, value)}")


def _in_words(name: str, value: object) -> str:
    """What a number of the status comes to, for people."""
    if not isinstance(value, int):
        return ""
    if name == "spare_segments":
        return f"  ({value // 6} h of ordinary play until the journal is full)"
    seconds = {"lease_seconds_left": 1, "uptime_ms": 1000, "unsynced_ms": 1000}.get(name)
    if seconds is None:
        return ""
    minutes, rest = divmod(value // seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"  ({hours // 24} d {hours % 24} h {minutes} min {rest} s)"


@app.command()
def logs(port: Port, as_json: AsJson = False) -> None:
    """Print what a running player said lately, each line after the seconds since its start."""
    with device_refusals(as_json):
        said = ask_logs(port)
    if as_json:
        print_json({"lines": said.splitlines()})
    else:
        print(said, end="")


@app.command(name="input", context_settings={"ignore_unknown_options": True})
def give_input(
    port: Port,
    kind: Annotated[
        str, typer.Argument(help="pause, resume, volume, skip, like, dislike, shuffle, announce, or a slider.")
    ],
    value: Annotated[
        str | None, typer.Argument(help="volume: dB, 0 to -60. announce: its name. A slider: its own units.")
    ] = None,
    pack: Annotated[
        Path | None, folder_option(help="The pack it plays, where its player is too old to tell names.")
    ] = None,
    publisher_key: Annotated[str, typer.Option(metavar="HEX", help="Public key that signs packs.")] = "",
    as_json: AsJson = False,
) -> None:
    """Tell a running player something, as a visitor or an operator would. It is logged with its play."""
    with device_refusals(as_json):
        words = ScoreVocabulary(read_score(pack, publisher_key)) if pack else PlayerVocabulary(port)
        found, number = word_input(kind, value, words)
        send_input(port, found, number)
    if as_json:
        print_json({"kind": kind, "value": value, "input_kind": found, "input_value": number})
    else:
        print(f"{kind}{'' if value is None else ' ' + value}: taken")


@app.command()
def pack(
    port: Port,
    folder: Annotated[Path, folder_argument("DIR", help="The pack.")],
    wait_s: Annotated[float, typer.Option(min=0, callback=finite, help="Wait this long for the player to appear.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Send a running player a pack, as far as it does not have it; it plays it from its next section on."""
    started = time.monotonic()
    quiet = not sys.stderr.isatty()
    with device_refusals(as_json), Progress(console=Console(stderr=True), transient=True, disable=quiet) as shown:
        task = shown.add_task(folder.name, total=None)
        sent = send_pack(port, folder, lambda here, total: shown.update(task, completed=here, total=total), wait_s)
    seconds = time.monotonic() - started
    if as_json:
        print_json({"pack": str(folder), "sent_bytes": sent, "took_s": round(seconds, 1)})
    else:
        print(f"{folder}: taken; sent {sent} bytes in {seconds:.1f} s. It plays from the next section on.")


app.command()(provision)
app.command()(replace)
app.command()(revoke)
app.command()(rotate_key)
app.command()(forgo)
app.command()(lost)
app.command()(rotate_operator)

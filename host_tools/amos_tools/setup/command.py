"""`amos setup`: a few questions, and one file for the courier and the players of a venue's machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from amos.settings import ConfigError
from amos_cli.files import OutputRefused, begins_with, output_path, write_output
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.paths import file_option
from amos_mqtt.broker import BrokerSettingError
from amos_sync.addresses import absolute, packs_address
from amos_sync.errors import SettingError
from amos_sync.limits import SPOOL_BYTES_MAX
from amos_sync.options import settings_of
from amos_tools.boards import BoardError, load_board
from amos_tools.device.linux_player import UNIT_STATE, write_settings
from amos_tools.device.linux_player import settings_of as player_settings_of
from amos_tools.device.settings import wanted
from amos_tools.setup.questions import (
    Asker,
    Question,
    board_here,
    broker_fault,
    file_fault,
    key_fault,
    name_fault,
    names_fault,
    out_fault,
    packs_fault,
    ports_fault,
    ports_of,
    serial_ports_here,
    someone_is_there,
    words,
)
from amos_tools.setup.venue_file import MARK, PlayerHere, Venue, parse, render

VENUE_FILE = Path("/etc/amos/amos.toml")
SPOOL = Path("/var/lib/amos-courier")
SOCKETS = "/run/amos"
KEYS = ("publisher_key", "ledger_key", "operator_key")
"""Settings that the courier and each player here have in common."""

SITE = Question("--site", "Name of the venue (a-z, digits, - and _)", name_fault)
BROKER = Question("--broker", "Broker (HOST or HOST:PORT)", broker_fault)
PLAYERS = Question("--player", "Players on this machine (names; empty: none)", names_fault, True)
OUT = Question("--out-device", "Their audio output (alsa:DEVICE; aplay -L lists them)", out_fault)
PORTS = Question("--port", "Other players' ports (unix:PATH, serial:PATH; empty: none)", ports_fault, True)
LEDGER_KEY = Question("--ledger-key", "The ledger's public key (64 hex digits)", key_fault)
PUBLISHER_KEY = Question("--publisher-key", "The publisher's public key (64 hex digits)", key_fault)
OPERATOR_KEY = Question("--operator-key", "The operator's public key (64 hex digits; empty: no desk)", key_fault, True)
CA = Question("--tls-ca", "CA certificate for TLS to the broker (file; empty: no TLS)", file_fault, True)
PACKS = Question("--packs", "Pack for the players (folder or URL; empty: none)", packs_fault, True)


def setup(
    site: Annotated[str | None, typer.Option(help="Name of the venue: a-z, digits, - and _.")] = None,
    broker: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The MQTT broker.")] = None,
    player: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A player on this machine; each.")] = None,
    out_device: Annotated[str | None, typer.Option(metavar="OUT", help="Their output, e.g. alsa:default.")] = None,
    board: Annotated[str | None, typer.Option(metavar="NAME", help="Which board this is (amos boards).")] = None,
    port: Annotated[list[str] | None, typer.Option(metavar="PORT", help="Another player's port; each.")] = None,
    ledger_key: Annotated[str | None, typer.Option(metavar="HEX", help="Public key that signs receipts.")] = None,
    publisher_key: Annotated[str | None, typer.Option(metavar="HEX", help="Public key that signs packs.")] = None,
    operator_key: Annotated[str | None, typer.Option(metavar="HEX", help="Public key that signs directives.")] = None,
    packs: Annotated[str | None, typer.Option(metavar="DIR|URL", help="The pack that players should have.")] = None,
    tls_ca: Annotated[Path | None, file_option(help="Broker's CA certificate (PEM): use TLS.")] = None,
    tls_certificate: Annotated[Path | None, file_option(help="This site's certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, file_option(help="Its private key (PEM).")] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="Name at the broker; else the site's.")] = None,
    password_file: Annotated[Path | None, file_option(help="Its password, in the first line.")] = None,
    spool: Annotated[Path | None, typer.Option(metavar="DIR", help="The courier's folder.")] = None,
    state: Annotated[Path, typer.Option(metavar="DIR", help="Players have their folders there.")] = UNIT_STATE,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the settings go.")] = VENUE_FILE,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: options, what the file has, defaults.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that setup did not make.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask what a venue's machine needs, write its one file, and set up its players. Run again to change answers."""
    asker = Asker(not yes and not as_json and someone_is_there())
    usage = (SettingError, BrokerSettingError, ConfigError, BoardError)
    with refusals(OutputRefused, OSError, usage=usage, as_json=as_json):
        target = output_path(out, force, begins_with(MARK.encode()))
        before = _before(target, force)
        given = {"username": username, "tls-certificate": tls_certificate, "tls-key": tls_key}
        given |= {"password-file": password_file, "spool": spool}
        kept = {key: _text(value) for key, value in given.items() if value is not None}
        courier = before.courier | {"site": asker.answer(SITE, site, before.courier.get("site"))}
        courier["broker"] = asker.answer(BROKER, broker, before.courier.get("broker"))
        authority = asker.answer(CA, _text(tls_ca), before.courier.get("tls-ca", ""))
        courier["tls-ca"] = _text(Path(authority)) if authority else ""
        players = _players(asker, before, player, out_device, board or board_here(), state)
        courier["device"] = _ports(asker, before, port, players)
        courier["ledger-key"] = asker.answer(LEDGER_KEY, ledger_key, before.courier.get("ledger-key"))
        courier["publisher-key"] = asker.answer(PUBLISHER_KEY, publisher_key, before.courier.get("publisher-key"))
        courier["operator-key"] = asker.answer(OPERATOR_KEY, operator_key, before.courier.get("operator-key", ""))
        courier["packs"] = _packs(asker.answer(PACKS, packs, before.courier.get("packs", "")))
        courier = {"spool": str(SPOOL)} | courier | kept
        if courier.get("password-file") and not courier.get("username"):
            courier["username"] = courier["site"]
        venue = Venue({key: value for key, value in courier.items() if value}, players, before.more)
        _check(venue)
        prepared = _prepare(venue)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_output(target, render(venue).encode(), force, begins_with(MARK.encode()))
    if as_json:
        return print_json({"file": str(target), "courier": venue.courier, "players": prepared})
    for directory in prepared:
        print(f"{directory}: ready")
    print(f"{target}: written; next: amos courier check {target}")


def _text(value: str | Path | None) -> str | None:
    """As the file has it: the courier runs in another folder than this command."""
    return str(value.absolute()) if isinstance(value, Path) else value


def _packs(answer: str) -> str:
    """A URL as it is."""
    place = packs_address(answer) if answer else answer
    return str(place.absolute()) if isinstance(place, Path) else place


def _before(target: Path, force: bool) -> Venue:
    """What an earlier run wrote; nothing where there is no file, or one that is to be written over unread."""
    if not target.exists():
        return Venue({})
    try:
        return parse(target.read_text())
    except ValueError as error:
        if force:
            return Venue({})
        raise OutputRefused(f"{target}: {error}; correct it, or write it anew with --force") from None


def _players(
    asker: Asker, before: Venue, given: list[str] | None, out: str | None, board: str | None, state: Path
) -> tuple[PlayerHere, ...]:
    kept = {player.name: player for player in before.players}
    names = words(asker.answer(PLAYERS, None if given is None else " ".join(given), " ".join(kept)))
    if not names:
        return ()
    first = next(iter(kept.values()), None)
    sound = asker.answer(OUT, out, first.out if first else "alsa:default")
    made = [PlayerHere(name, str((state / name).absolute()), sound, board) for name in names]
    return tuple(kept[each.name] if out is None and board is None and each.name in kept else each for each in made)


def _ports(asker: Asker, before: Venue, given: list[str] | None, players: tuple[PlayerHere, ...]) -> list[str]:
    own = [f"unix:{SOCKETS}/{player.name}/link.sock" for player in players]
    was = [f"unix:{SOCKETS}/{player.name}/link.sock" for player in before.players]
    others = [address for address in before.courier.get("device", []) if address not in was] or serial_ports_here()
    named = ports_of(asker.answer(PORTS, None if given is None else " ".join(given), " ".join(others)))
    ports = list(dict.fromkeys([*own, *map(absolute, named)]))
    if not ports:
        raise UsageError("expected a player: --player NAME for one on this machine, or --port PORT")
    return ports


def _check(venue: Venue) -> None:
    """The courier's own reading of these settings; raises what `amos courier run` would."""
    defaults = {"mqtt_version": "auto", "spool_mib": SPOOL_BYTES_MAX >> 20, "opt_outs": None, "home_assistant": False}
    options: dict[str, Any] = dict.fromkeys(
        (
            "packs",
            *KEYS,
            "tls_ca",
            "tls_certificate",
            "tls_key",
            "username",
            "password_file",
        )
    )
    told = {key.replace("-", "_"): value for key, value in (*venue.courier.items(), *venue.more)}
    settings_of(options | defaults | told)


def _prepare(venue: Venue) -> list[str]:
    """Write `player.json` of each player here: what it has stays, but for what was answered."""
    for player in venue.players:
        directory = Path(player.directory)
        named: dict[str, object] = {
            name: venue.courier[name.replace("_", "-")] for name in KEYS if venue.courier.get(name.replace("_", "-"))
        }
        board = load_board(player.board) if player.board else None
        asked = wanted(board, player.name, None, named | {"out": player.out}, None)
        write_settings(directory, asked.over(player_settings_of(directory)))
    return [player.directory for player in venue.players]

"""`amos device provision` and `amos device replace`: a device from nothing to play that counts, by one command."""

import re
from pathlib import Path
from typing import Annotated

import typer

from amos import crypto
from amos.protocol.enrolment import Enrolment
from amos.protocol.printable_host import printable
from amos.settings import ConfigError
from amos_cli.key_files import read_key
from amos_cli.numbers import finite
from amos_cli.output import AsJson, print_json
from amos_cli.paths import file_option, folder_option
from amos_ledger.folder import Folder
from amos_mqtt.broker import Broker, broker_of
from amos_tools.boards import load_board
from amos_tools.device.enrolling import Ledger, ledger_of, pinned_key
from amos_tools.device.linux_player import UNIT_STATE
from amos_tools.device.place import Place, PlaceError
from amos_tools.device.provision import Device
from amos_tools.device.provision import provision as provision_device
from amos_tools.device.records import Record, Records
from amos_tools.device.refusals import device_refusals
from amos_tools.device.settings import wanted

DEVICE_ID = re.compile(r"[0-9a-fA-F]{32}")
PLACE_NAME = re.compile(r"[a-z0-9_-]{1,64}")

Port = Annotated[
    str, typer.Option(metavar="PORT", help="unix:PATH of the player's link; a board's prompt: serial:PATH.")
]
Site = Annotated[str, typer.Option(help="The venue: letters a-z, digits, - and _.")]
OperatorKeyFile = Annotated[Path, file_option(help="The operator's key file.")]
Pack = Annotated[Path | None, folder_option(help="The pack it plays at first; without one it waits for a courier's.")]
BoardName = Annotated[str | None, typer.Option(metavar="NAME", help="Which board it is (amos boards).")]
LedgerFolder = Annotated[Path | None, folder_option(help="The ledger's folder, where it is on this machine.")]
BrokerName = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The broker to a ledger elsewhere.")]
LedgerKey = Annotated[
    str | None, typer.Option(metavar="HEX", help="Public key that signs receipts; --ledger knows it.")
]
PublisherKey = Annotated[
    str | None, typer.Option(metavar="HEX", help="Public key that signs packs; --ledger knows it.")
]
RecordsFolder = Annotated[Path, typer.Option(metavar="DIR", help="Where you keep the signed enrolments.")]
Directory = Annotated[Path | None, typer.Option(metavar="DIR", help="Linux: the player's; else /var/lib/amos/NAME.")]
Link = Annotated[
    str | None, typer.Option(metavar="PORT", help="Board: its second serial channel; else it is looked for.")
]
Index = Annotated[
    str | None, typer.Option(metavar="URL", help="Board: package index for two libraries; else MicroPython's.")
]
Setting = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Any other setting of the player.")]
Wait = Annotated[float, typer.Option(min=0, callback=finite, help="Wait this long for player and ledger, each.")]
TlsCa = Annotated[Path | None, file_option(help="Broker's CA certificate (PEM): use TLS.")]
TlsCertificate = Annotated[Path | None, file_option(help="The operator's certificate (PEM).")]
TlsKey = Annotated[Path | None, file_option(help="Its private key (PEM).")]
Username = Annotated[str | None, typer.Option(metavar="NAME", help="Name to log in with at the broker.")]
PasswordFile = Annotated[Path | None, file_option(help="Its password, in the first line.")]


def provision(
    port: Port,
    site: Site,
    operator_key_file: OperatorKeyFile,
    pack: Pack = None,
    name: Annotated[str, typer.Option(help="The player's name there.")] = "player",
    tier: Annotated[
        int | None,
        typer.Option(min=0, max=255, help="User tier, reported with all its play; else as it was, or 0."),
    ] = None,
    board: BoardName = None,
    ledger: LedgerFolder = None,
    broker: BrokerName = None,
    ledger_key: LedgerKey = None,
    publisher_key: PublisherKey = None,
    records: RecordsFolder = Path("enrolments"),
    directory: Directory = None,
    link: Link = None,
    index: Index = None,
    setting: Setting = None,
    wait_s: Wait = 30,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    username: Username = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Set a device up, let it make and prove its key, enrol it. The same again changes nothing."""
    with device_refusals(as_json):
        tls = tls_ca, tls_certificate, tls_key
        where = ledger_of(ledger, _broker(broker, tls, username, password_file), ledger_key)
        seed = read_key(operator_key_file)
        pinned = _pinned(seed, where, _publisher_key(publisher_key, ledger))
        kept = Records(records, crypto.public_key(seed))
        before = _at_place(kept, site, name, ledger) if tier is None else None
        place = Place(site, name, before.enrolment.tier if before else tier)
        device = _device(port, place, board, pack, pinned, directory, link, index, setting)
        _run(device, place, seed, kept, where, wait_s, as_json)


def replace(
    port: Port,
    old: Annotated[str, typer.Option(metavar="DEVICE", help="The device to be replaced: SITE/NAME, or 32 hex digits.")],
    operator_key_file: OperatorKeyFile,
    pack: Pack = None,
    board: BoardName = None,
    ledger: LedgerFolder = None,
    broker: BrokerName = None,
    ledger_key: LedgerKey = None,
    publisher_key: PublisherKey = None,
    records: RecordsFolder = Path("enrolments"),
    directory: Directory = None,
    link: Link = None,
    index: Index = None,
    setting: Setting = None,
    wait_s: Wait = 30,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    username: Username = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Put another device in the place of one, under its name, site and tier; its history stays with the place."""
    with device_refusals(as_json):
        tls = tls_ca, tls_certificate, tls_key
        where = ledger_of(ledger, _broker(broker, tls, username, password_file), ledger_key)
        seed = read_key(operator_key_file)
        kept = Records(records, crypto.public_key(seed))
        before = _before(kept, old, ledger).enrolment
        place = Place(before.site, before.name, before.tier, before.device_id, by_name="/" in old)
        pinned = _pinned(seed, where, _publisher_key(publisher_key, ledger))
        device = _device(port, place, board, pack, pinned, directory, link, index, setting)
        _run(device, place, seed, kept, where, wait_s, as_json)


def _run(
    device: Device, place: Place, seed: bytes, records: Records, ledger: Ledger, wait_s: float, as_json: bool
) -> None:
    steps: list[str] = []
    say = steps.append if as_json else typer.echo
    record = provision_device(device, place, seed, records, ledger, wait_s, say)
    if as_json:
        print_json({**_enrolment_facts(record.enrolment), "steps": steps})


def _pinned(operator_seed: bytes, ledger: Ledger, publisher_key: str) -> dict[str, str]:
    """The keys that the player believes."""
    operator_key = crypto.public_key(operator_seed).hex()
    return {"publisher_key": publisher_key, "ledger_key": ledger.public_key.hex(), "operator_key": operator_key}


def _enrolment_facts(enrolment: Enrolment) -> dict[str, object]:
    """What an enrolment says of its device's place."""
    before = enrolment.predecessor
    facts = {"device_id": enrolment.device_id.hex(), "site": enrolment.site, "name": enrolment.name}
    return facts | {"tier": enrolment.tier, "predecessor": before.hex() if before is not None else None}


def _before(records: Records, old: str, ledger: Path | None) -> Record:
    """The last enrolment of the device that is to be replaced."""
    site, slash, name = old.partition("/")
    if slash:
        record = _at_place(records, site, name, ledger)
        found = [record] if record is not None else []
    elif DEVICE_ID.fullmatch(old):
        device_id = bytes.fromhex(old)
        found = records.places_of(device_id) or records.of_ledger(ledger, device_id)
    else:
        raise PlaceError(f"old: expected SITE/NAME or 32 hex digits, found {old[:80]!r}")
    if not found:
        raise PlaceError(f"old: expected a device whose enrolment is kept here, found {printable(old)}")
    return max(found, key=lambda record: record.enrolment.unix_s)


def _at_place(records: Records, site: str, name: str, ledger: Path | None) -> Record | None:
    """The enrolment of the device at this place, by the ledger where it is on this machine."""
    if not PLACE_NAME.fullmatch(site) or not PLACE_NAME.fullmatch(name):
        return None  # no such place can be enrolled, and its name is no file's name
    held = records.in_ledger(ledger, site, name) if ledger is not None else None
    return held or records.find(site, name)


def _broker(
    name: str | None, tls: tuple[Path | None, Path | None, Path | None], user: str | None, password_file: Path | None
) -> Broker | None:
    return None if name is None else broker_of(name, "auto", tls, user, password_file)


def _publisher_key(key: str | None, folder: Path | None) -> str:
    known = Folder(folder).trust.publisher_key.hex() if folder is not None else None
    return pinned_key("--publisher-key", key or known).hex()


def _device(
    port: str,
    place: Place,
    board: str | None,
    pack: Path | None,
    pinned: dict[str, str],
    directory: Path | None,
    link: str | None,
    index: str | None,
    words: list[str] | None,
) -> Device:
    known = load_board(board) if board else None
    named: dict[str, object] = {**pinned}
    if place.tier is not None:
        named["tier"] = place.tier
    if port.startswith("unix:"):
        named["link"] = port
    asked = wanted(known, place.name, pack, named, words)
    if place.tier is not None and str(asked.named["tier"]) != str(place.tier):
        raise ConfigError(f"tier: expected {place.tier} as the enrolment says, found {asked.named['tier']}")
    return Device(port, known, pack, asked, directory or UNIT_STATE / place.name, link, index)

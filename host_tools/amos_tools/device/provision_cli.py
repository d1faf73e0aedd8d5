"""`amos device provision` and `amos device replace`: a device from nothing to play that counts, by one command."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from amos import crypto
from amos.config import ConfigError
from amos.protocol.errors import LocalError, ProtocolError
from amos.score.score import ScoreError
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_mqtt.broker import Broker, BrokerSettingError, broker_at
from amos_tools.boards import BoardError, load_board
from amos_tools.device.call import DeviceError
from amos_tools.device.deliver import DeliveryError
from amos_tools.device.linux_player import UNIT_STATE
from amos_tools.device.place import Place, PlaceError
from amos_tools.device.prepare import settings_for, with_words
from amos_tools.device.provision import Device, Ledger
from amos_tools.device.provision import provision as provision_device
from amos_tools.device.records import Record, RecordError, Records
from amos_tools.pack.keys import KeyFileError, read_key
from amos_tools.simulate.inputs import InputFileError

REFUSALS = (BoardError, ConfigError, DeliveryError, DeviceError, KeyFileError, LedgerError, LocalError, PlaceError)
REFUSALS += (InputFileError, ProtocolError, RecordError, ScoreError, BrokerSettingError, OSError, sqlite3.Error)  # type: ignore[assignment]

Port = Annotated[
    str, typer.Option(metavar="PORT", help="unix:PATH of the player's link; a board's prompt: serial:PATH.")
]
Site = Annotated[str, typer.Option(help="The venue: letters a-z, digits, - and _.")]
Key = Annotated[Path, typer.Option(metavar="FILE", help="The operator's key file.")]
Pack = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The pack it plays at first; without one it waits for a courier's.")
]
BoardName = Annotated[str | None, typer.Option(metavar="NAME", help="Which board it is (amos boards).")]
LedgerFolder = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The ledger's folder, where it is on this machine.")
]
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
Wait = Annotated[float, typer.Option(min=0, help="Wait this long for player and ledger, each.")]
TlsCa = Annotated[Path | None, typer.Option(help="Broker's CA certificate (PEM): use TLS.")]
TlsCertificate = Annotated[Path | None, typer.Option(help="The operator's certificate (PEM).")]
TlsKey = Annotated[Path | None, typer.Option(help="Its private key (PEM).")]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Every refusal as one line that names it."""
    try:
        yield
    except REFUSALS as error:
        typer.echo(f"{type(error).__name__}: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(1) from None


def provision(
    port: Port,
    site: Site,
    key: Key,
    pack: Pack = None,
    name: Annotated[str, typer.Option(help="The player's name there.")] = "player",
    tier: Annotated[int, typer.Option(min=0, max=255, help="User tier, reported with all its play.")] = 0,
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
) -> None:
    """Set a device up, let it make and prove its key, enrol it. The same again changes nothing."""
    with one_line_errors():
        where = _ledger(ledger, _broker(broker, tls_ca, tls_certificate, tls_key), ledger_key)
        pinned = {"publisher_key": _publisher_key(publisher_key, ledger), "ledger_key": where.public_key.hex()}
        device = _device(port, name, tier, board, pack, pinned, directory, link, index, setting)
        seed = read_key(key)
        _run(device, Place(site, name, tier), seed, Records(records, crypto.public_key(seed)), where, wait_s)


def replace(
    port: Port,
    old: Annotated[str, typer.Option(metavar="DEVICE", help="The device to be replaced: 32 hex digits.")],
    key: Key,
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
) -> None:
    """Put another device in the place of one, under its name, site and tier; its history stays with the place."""
    with one_line_errors():
        where = _ledger(ledger, _broker(broker, tls_ca, tls_certificate, tls_key), ledger_key)
        seed = read_key(key)
        kept = Records(records, crypto.public_key(seed))
        before = _before(kept, old, ledger).enrolment
        place = Place(before.site, before.name, before.tier, before.device_id)
        pinned = {"publisher_key": _publisher_key(publisher_key, ledger), "ledger_key": where.public_key.hex()}
        device = _device(port, place.name, place.tier, board, pack, pinned, directory, link, index, setting)
        _run(device, place, seed, kept, where, wait_s)


def _run(device: Device, place: Place, seed: bytes, records: Records, ledger: Ledger, wait_s: float) -> None:
    provision_device(device, place, seed, records, ledger, wait_s, lambda step: typer.echo(step))


def _before(records: Records, old: str, ledger: Path | None) -> Record:
    """The last enrolment of the device that is to be replaced."""
    try:
        device = bytes.fromhex(old)
    except ValueError:
        device = b""
    if len(device) != 16:
        raise PlaceError(f"old: expected 32 hex digits, found {old[:80]!r}")
    found = records.places_of(device) or records.of_ledger(ledger, device)
    if not found:
        raise PlaceError(f"old: expected a device whose enrolment is kept here, found {old}")
    return max(found, key=lambda record: record.enrolment.unix_s)


def _broker(name: str | None, ca: Path | None, certificate: Path | None, key: Path | None) -> Broker | None:
    return None if name is None else broker_at(name, ca, certificate, key)


def _ledger(folder: Path | None, broker: Broker | None, key: str | None) -> Ledger:
    known = Folder(folder).public_key.hex() if folder is not None else None
    if known is not None and key not in (None, known):
        raise ConfigError(f"ledger_key: expected {known} of {folder}, found {key}")
    return Ledger(_key("ledger_key", known or key), folder, broker)


def _publisher_key(key: str | None, folder: Path | None) -> str:
    known = Folder(folder).trust.publisher_key.hex() if folder is not None else None
    return _key("publisher_key", key or known).hex()


def _key(name: str, text: str | None) -> bytes:
    try:
        key = bytes.fromhex(text or "")
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigError(f"{name}: expected 64 hex digits, or --ledger DIR, found {text!r}")
    return key


def _device(
    port: str,
    name: str,
    tier: int,
    board: str | None,
    pack: Path | None,
    pinned: dict[str, str],
    directory: Path | None,
    link: str | None,
    index: str | None,
    words: list[str] | None,
) -> Device:
    known = load_board(board) if board else None
    settings = settings_for(known, name, pack) | pinned | {"tier": tier}
    if port.startswith("unix:"):
        settings["link"] = port
    return Device(port, known, pack, with_words(settings, words), directory or UNIT_STATE / name, link, index)

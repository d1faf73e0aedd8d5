"""Options of every command of the desk, and its refusals."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.errors import ProtocolError
from amos_cli.key_files import KeyFileError
from amos_cli.numbers import finite
from amos_cli.output import UsageError, refusals
from amos_cli.paths import file_option, folder_option
from amos_mqtt.broker import BrokerSettingError
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.tags.kept import tags_of_desk
from amos_tools.fleet.tags.tags import Tags

BrokerName = Annotated[str, typer.Option(metavar="HOST:PORT", help="The MQTT broker.")]
OperatorKeyFile = Annotated[Path, file_option(help="The operator's key file.")]
OperatorKey = Annotated[str, typer.Option(metavar="HEX", help="The operator's public key.")]
TlsCa = Annotated[Path | None, file_option(help="Broker's CA certificate (PEM): use TLS.")]
TlsCertificate = Annotated[Path | None, file_option(help="The operator's certificate (PEM).")]
TlsKey = Annotated[Path | None, file_option(help="Its private key (PEM).")]
Username = Annotated[str | None, typer.Option(metavar="NAME", help="Name to log in with at the broker.")]
PasswordFile = Annotated[Path | None, file_option(help="Its password, in the first line.")]
Wait = Annotated[float, typer.Option(min=0, callback=finite, help="Wait so many seconds for players to follow.")]

TagNames = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Players with this tag, or with one of these.")
]
TagsDesk = Annotated[Path | None, folder_option("--desk", help="The folder of amos fleet serve, which keeps the tags.")]


@contextmanager
def fleet_refusals(as_json: bool) -> Iterator[None]:
    """Every refusal as one line that names it, with its exit code."""
    with refusals(FleetError, KeyFileError, ProtocolError, OSError, usage=(BrokerSettingError,), as_json=as_json):
        yield


def tags_at(desk: Path | None, what: str, needed: bool) -> Tags | None:
    """Those of the desk's folder, None without one. Raises `UsageError` where `what` needs one, `FleetError`,
    OSError."""
    if desk is None and needed:
        raise UsageError(f"{what}: expected with --desk, the folder of amos fleet serve, which keeps the tags")
    return None if desk is None else tags_of_desk(desk)

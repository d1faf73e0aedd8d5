"""Options of every command of the desk, and its refusals."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.errors import ProtocolError
from amos_cli.key_files import KeyFileError
from amos_cli.numbers import finite
from amos_cli.output import refusals
from amos_cli.paths import file_option
from amos_mqtt.broker import BrokerSettingError
from amos_tools.fleet.errors import FleetError

BrokerName = Annotated[str, typer.Option(metavar="HOST:PORT", help="The MQTT broker.")]
OperatorKeyFile = Annotated[Path, file_option(help="The operator's key file.")]
OperatorKey = Annotated[str, typer.Option(metavar="HEX", help="The operator's public key.")]
TlsCa = Annotated[Path | None, file_option(help="Broker's CA certificate (PEM): use TLS.")]
TlsCertificate = Annotated[Path | None, file_option(help="The operator's certificate (PEM).")]
TlsKey = Annotated[Path | None, file_option(help="Its private key (PEM).")]
Username = Annotated[str | None, typer.Option(metavar="NAME", help="Name to log in with at the broker.")]
PasswordFile = Annotated[Path | None, file_option(help="Its password, in the first line.")]
Wait = Annotated[float, typer.Option(min=0, callback=finite, help="Wait so many seconds for players to follow.")]


@contextmanager
def fleet_refusals(as_json: bool) -> Iterator[None]:
    """Every refusal as one line that names it, with its exit code."""
    with refusals(FleetError, KeyFileError, ProtocolError, OSError, usage=(BrokerSettingError,), as_json=as_json):
        yield

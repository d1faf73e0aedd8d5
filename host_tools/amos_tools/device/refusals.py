"""What can be wrong when a player is prepared, provisioned or asked, and the exit code of each."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from amos.protocol.errors import LocalError, ProtocolError
from amos.score.score import ScoreError
from amos.settings import ConfigError
from amos_cli.files import OutputRefused
from amos_cli.key_files import KeyFileError
from amos_cli.output import refusals
from amos_inputs.words import InputWordError
from amos_ledger.errors import LedgerError
from amos_mqtt.broker import BrokerSettingError
from amos_sync.errors import SettingError
from amos_tools.boards import BoardError
from amos_tools.device.call import DeviceError
from amos_tools.device.deliver import DeliveryError
from amos_tools.device.place import PlaceError
from amos_tools.device.prepare import PackDoesNotFit
from amos_tools.device.records import RecordError

USAGE = (BoardError, BrokerSettingError, ConfigError, InputWordError, SettingError)

FINDINGS = (DeliveryError, DeviceError, LedgerError, LocalError, OutputRefused, PlaceError, ProtocolError, RecordError)
FINDINGS += (KeyFileError, PackDoesNotFit, ScoreError)  # type: ignore[assignment]


@contextmanager
def device_refusals(as_json: bool = False) -> Iterator[None]:
    """Every refusal as one line that names it, with its exit code."""
    with refusals(*FINDINGS, OSError, sqlite3.Error, usage=USAGE, as_json=as_json):
        yield

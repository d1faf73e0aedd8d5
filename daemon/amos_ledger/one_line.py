"""How the ledger's commands end that cannot do what they are told: with one line that names why."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amos.protocol.errors import MessageError
from amos_cli.output import error_sentence, refusals, refuse
from amos_ledger.errors import BrokerUnusable, LedgerError, StorageFailed
from amos_mqtt.broker import BrokerSettingError


@contextmanager
def one_line_errors(folder: Path, as_json: bool = False, usage: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """End the command for a refusal, and for what disk or database refuse. `usage` are wrong uses of the command."""
    kinds = (LedgerError, MessageError)
    try:
        with refusals(*kinds, usage=(BrokerSettingError, *usage), unreachable=(BrokerUnusable,), as_json=as_json):
            yield
    except (OSError, sqlite3.Error) as error:
        refuse(StorageFailed(f"{folder}: {error_sentence(error)}"), as_json)

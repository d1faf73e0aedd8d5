"""What the ledger's commands share: their folder, and how they refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.errors import MessageError
from amos_batches.errors import BatchError
from amos_cli.output import error_sentence, refusals, refuse
from amos_cli.paths import folder_argument
from amos_ledger.errors import BrokerUnusable, LedgerError, StorageFailed
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_metrics.errors import MetricsUnusable
from amos_mqtt.broker import BrokerSettingError

LedgerFolder = Annotated[Path, folder_argument("DIR", help="The ledger's folder.")]

Unasked = Annotated[
    bool,
    typer.Option("--unasked", help="Ask nobody, not even the broker that the ledger serves."),
]


@contextmanager
def one_line_errors(folder: Path, as_json: bool = False, usage: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Every error ends the command as one line that names it."""
    kinds = (LedgerError, MessageError, BatchError, MetricsUnusable)
    try:
        with refusals(*kinds, usage=(BrokerSettingError, *usage), unreachable=(BrokerUnusable,), as_json=as_json):
            yield
    except (OSError, *DATABASE_ERRORS) as error:
        refuse(StorageFailed(f"{folder}: {error_sentence(error)}"), as_json)


LAST_UNIX_S = 253_402_300_799
"""The end of the year 9999, after which there are no dates: an alert may be snoozed for longer."""


def utc(unix_s: int) -> str:
    """The instant, for people."""
    return f"{datetime.fromtimestamp(min(unix_s, LAST_UNIX_S), UTC):%Y-%m-%d %H:%M:%S} UTC"

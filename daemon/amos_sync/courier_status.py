"""What the courier says of itself, retained at `topics.courier_status_topic(site)`; its will says `OFFLINE`."""

from importlib.metadata import PackageNotFoundError, version

from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U16, U64, Record

OFFLINE = 0
ONLINE = 1

try:
    VERSION = version("amos")
except PackageNotFoundError:  # run from a source tree that is not installed
    VERSION = "unknown"


class CourierStatus(Record):
    """CBOR map: `waiting` segments are not yet returned, `spool_bytes` are their payloads; `full`: pulling stopped."""

    NAME = "courier status"
    FIELDS = (
        (1, "state", "uint", 1),
        (2, "version", "text", SMALL_TEXT_BYTES_MAX),
        (3, "devices", "uint?", U16),
        (4, "waiting", "uint?", U64),
        (5, "spool_bytes", "uint?", U64),
        (6, "full", "bool?", None),
    )

    state: int
    version: str
    devices: "int | None"
    waiting: "int | None"
    spool_bytes: "int | None"
    full: "bool | None"

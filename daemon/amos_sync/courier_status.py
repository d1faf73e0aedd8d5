"""What the courier says of itself, retained at `topics.courier_status_topic(site)`; its will says `OFFLINE`."""

from importlib.metadata import PackageNotFoundError, version

from amos.protocol.errors import MessageError
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U16, U63, U64, Record

OFFLINE = 0
ONLINE = 1

try:
    VERSION = version("amos")
except PackageNotFoundError:  # run from a source tree that is not installed
    VERSION = "unknown"


REFUSALS_MAX = 64
REFUSAL_TEXT_BYTES_MAX = 120
COURIER_STATUS_BYTES_MAX = 16_384
"""With so many refusals of packs, each of at most 200 bytes."""


class PackRefusal(Record):
    """A player, the pack that it refuses, why, and the serial of the directive that it has (0: none)."""

    NAME = "pack refusal"
    FIELDS = (
        (1, "device_id", "bytes", 16),
        (2, "pack", "bytes", 32),
        (3, "text", "text", REFUSAL_TEXT_BYTES_MAX),
        (4, "directive_serial", "uint", U63),
    )

    device_id: bytes
    pack: bytes
    text: str
    directive_serial: int


class CourierStatus(Record):
    """CBOR map: `waiting` segments are not yet returned, `spool_bytes` are their payloads; `full`: pulling stopped.

    `refusals`: of packs, by the players that are connected; absent where nobody refuses one.
    """

    NAME = "courier status"
    FIELDS = (
        (1, "state", "uint", 1),
        (2, "version", "text", SMALL_TEXT_BYTES_MAX),
        (3, "devices", "uint?", U16),
        (4, "waiting", "uint?", U64),
        (5, "spool_bytes", "uint?", U64),
        (6, "full", "bool?", None),
        (7, "refusals", "records?", (PackRefusal, REFUSALS_MAX)),
    )

    state: int
    version: str
    devices: "int | None"
    waiting: "int | None"
    spool_bytes: "int | None"
    full: "bool | None"
    refusals: "list[PackRefusal] | None"


def decode_courier_status(data: bytes) -> CourierStatus:
    """Raises `CborError`, `MessageError`."""
    if len(data) > COURIER_STATUS_BYTES_MAX:
        raise MessageError(f"courier status: expected at most {COURIER_STATUS_BYTES_MAX} bytes, found {len(data)}")
    status: CourierStatus = CourierStatus.decode(data)
    return status

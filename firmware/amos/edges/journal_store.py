"""Where a player's journal stands (the setting `journal`), and what is kept beside its key."""

from amos.compat import MICROPYTHON, const
from amos.edges.address import AddressError
from amos.edges.sector_device import FileSectorDevice, PartitionSectorDevice

_PAGE_BYTES = const(4096)
_RESERVATION_SECTORS = const(2)
"""A page each."""

_PAGED_BYTES_MIN = const(256 * _PAGE_BYTES)
"""From this size on, files on Linux have sectors of a page. The system writes whole pages: with smaller ones, a page
that a cut turns into garbage could take acknowledged neighbours along. A smaller ring would have too few for rows."""

RESERVED_BLOCK = 64 if MICROPYTHON else 1
"""Sequence numbers reserved at once. A board's internal flash is heard when it is written: 64 segments are ten hours of
play, and each boot reserves anew before music begins. Elsewhere each segment is noted, and nothing is ever skipped."""


def open_store(address: str, directory: str, size_bytes: int):
    """The journal's SectorDevice: `file` in the player's directory, of `size_bytes` when it is made; `raw:sd`, the
    partition on a board's card; `raw:PATH`, a partition of the system. Raises `AddressError`, OSError.
    """
    if address == "file":
        store = FileSectorDevice(directory + "/journal.ring", size_bytes)
        if not MICROPYTHON and store.sector_count * store.sector_bytes >= _PAGED_BYTES_MIN:
            store.regroup(_PAGE_BYTES)
        return store
    kind, _colon, path = address.partition(":")
    if kind != "raw" or not path:
        raise AddressError("journal: expected file, raw:sd or raw:PATH, found %s" % address)
    if path != "sd":
        return PartitionSectorDevice(path)
    # Only here, at the start: most journals stand in a file, and need no room for it.
    from amos.edges import sd_card
    from amos.edges.card_partition import CardSectorDevice

    return CardSectorDevice(sd_card.mounted(), sd_card.restart)


def open_reserved(directory: str, device_id: bytes):
    """The SectorDevice of the reservation beside the key of `device`. Raises OSError."""
    path = directory + "/" + device_id.hex() + ".reserved"
    store = FileSectorDevice(path, _RESERVATION_SECTORS * _PAGE_BYTES, _PAGE_BYTES)
    if store.sector_count < _RESERVATION_SECTORS:
        store.grow(_RESERVATION_SECTORS)
    return store

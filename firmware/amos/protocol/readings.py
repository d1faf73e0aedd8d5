"""The meter readings of a period: the tables to which its closing commits (SPEC.md section 12).

A *cell* is what one device played of one stem. Cells are looked at twice: in the row of their device, and in the row of
their stem. Each is a Merkle sum tree: every node commits to the hash and to the sum of both its children, so that no
stem-time can be added, dropped or counted below zero between a cell and the closing.
"""

import hashlib

from amos.protocol.errors import LocalError, ProofError
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.merkle import leaf_hash
from amos.protocol.record import U8, U32, U63, UNIX_S_MAX, Record

PAID = 0
FROZEN_LATE = 1
OVER_TIME = 2
POST_LEASE = 3
STEM_LEASE = 4
POST_OPT_OUT = 5
REVOKED = 6
STANDINGS = ("paid", "frozen_late", "over_time", "post_lease", "stem_lease", "post_opt_out", "revoked")
"""How play stands, by number. What is paid and frozen late earns; the others do not."""

EARNING = (PAID, FROZEN_LATE)

SUM_BYTES = 16
"""Ticks of a second times seconds need more than 64 bits in the largest periods."""

NO_ROWS = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""

PARTS_MAX = 4096
"""Of a cell or row: catalogues in force in one period, times standings, tiers and rates."""

RUN_NUMBERS_MAX = 1 << 20
"""Of a device in a period; a player that seals every ten minutes has one run, or a few."""

RATE_HZ_MAX = 192_000

BY_CLOCK = 0
LATE = 1
BY_RECEPTION = 2
BY_ENROLMENT = 3
ACCRUALS = ("by_clock", "late", "by_reception", "by_enrolment")
"""Why play accrues to the period, by number: the player's clock says so; that says an earlier one which was closed; it
says nothing that is believed, so the reception decided; or a time before the device's first enrolment, which did."""


class Part(Record):
    """Play of one kind. `rights` is the serial of the catalogue whose splits hold, `plays` how many placements began,
    first and last the seconds in which rows of it began and ended, of those that are dated."""

    NAME = "part"
    FIELDS = (
        (1, "rights", "uint", U63),
        (2, "standing", "uint", len(STANDINGS) - 1),
        (3, "accrual", "uint", len(ACCRUALS) - 1),
        (4, "tier", "uint", U8),
        (5, "rate_hz", "uint", RATE_HZ_MAX),
        (6, "frames", "uint", U63),
        (7, "plays", "uint", U63),
        (8, "first_unix_s", "uint?", UNIX_S_MAX),
        (9, "last_unix_s", "uint?", UNIX_S_MAX),
    )

    rights: int
    standing: int
    accrual: int
    tier: int
    rate_hz: int
    frames: int
    plays: int
    first_unix_s: "int | None"
    last_unix_s: "int | None"


class Cell(Record):
    """What one device played of one stem; parts ascend, each kind once. `ticks` is their earning stem-time."""

    NAME = "cell"
    FIELDS = (
        (1, "stem_id", "bytes", 16),
        (2, "device_id", "bytes", 16),
        (3, "ticks", "bytes", SUM_BYTES),
        (4, "parts", "records", (Part, PARTS_MAX)),
    )

    stem_id: bytes
    device_id: bytes
    ticks: bytes
    parts: "list[Part]"


class DeviceRow(Record):
    """A device's settled segments as runs of sequence numbers (pairs of the gap since the end of the run before, and
    the count; the first gap is from 0), and the tree over its cells in order of stem."""

    NAME = "device-row"
    FIELDS = (
        (1, "device_id", "bytes", 16),
        (2, "sequences", "uints", (U63, RUN_NUMBERS_MAX)),
        (3, "ticks", "bytes", SUM_BYTES),
        (4, "cells", "uint", U32),
        (5, "cells_root", "bytes", 32),
    )

    device_id: bytes
    sequences: "list[int]"
    ticks: bytes
    cells: int
    cells_root: bytes


class StemRow(Record):
    """A stem's play in all, and the tree over its cells in order of device. `lead` is the payee of its largest split,
    so that the stems of one payee stand side by side."""

    NAME = "stem-row"
    FIELDS = (
        (1, "stem_id", "bytes", 16),
        (2, "lead", "slug", SMALL_TEXT_BYTES_MAX),
        (3, "ticks", "bytes", SUM_BYTES),
        (4, "parts", "records", (Part, PARTS_MAX)),
        (5, "cells", "uint", U32),
        (6, "cells_root", "bytes", 32),
    )

    stem_id: bytes
    lead: str
    ticks: bytes
    parts: "list[Part]"
    cells: int
    cells_root: bytes


def sum_bytes(ticks: int) -> bytes:
    """Ticks as they are hashed: unsigned, big-endian. Raises `LocalError` for a sum that does not fit."""
    if not 0 <= ticks < 1 << 8 * SUM_BYTES:
        raise LocalError("ticks: expected from 0 to 2^%d - 1, found %d" % (8 * SUM_BYTES, ticks))
    return ticks.to_bytes(SUM_BYTES, "big")


def sum_leaf(data: bytes, ticks: int) -> "tuple[bytes, int]":
    """(hash, sum) of a cell or a row: its bytes say the sum."""
    return leaf_hash(data), ticks


def sum_node(left: "tuple[bytes, int]", right: "tuple[bytes, int]") -> "tuple[bytes, int]":
    """(hash, sum) of a node: SHA-256 of 0x02, and hash and sum of the left and of the right child."""
    ticks = left[1] + right[1]
    sum_bytes(ticks)
    data = b"\x02" + left[0] + sum_bytes(left[1]) + right[0] + sum_bytes(right[1])
    return hashlib.sha256(data).digest(), ticks


def roots_from_nodes(leaves: dict, size: int, nodes: list) -> "tuple[bytes, int]":
    """(hash, sum) of the root of a tree of `size` leaves, some of which are known: index → (hash, sum).

    `nodes` are (hash, sum) of the largest subtrees that hold no known leaf, from left to right; subtrees are those of
    RFC 9162 §2.1. Raises `ProofError` when there are more of them or fewer, or a leaf is outside.
    """
    if not leaves or max(leaves) >= size or min(leaves) < 0:
        raise ProofError("proof: expected leaves below %d" % size)
    rest = list(reversed(nodes))
    root = _root_of(leaves, sorted(leaves), 0, size, rest)
    if rest:
        raise ProofError("proof: expected %d nodes, found %d" % (len(nodes) - len(rest), len(nodes)))
    return root


def _root_of(leaves: dict, known: list, first: int, end: int, rest: list) -> "tuple[bytes, int]":
    if not known:
        if not rest:
            raise ProofError("proof: expected more nodes")
        return rest.pop()
    if end - first == 1:
        return leaves[first]
    middle = first + split(end - first)
    left = _root_of(leaves, [index for index in known if index < middle], first, middle, rest)
    return sum_node(left, _root_of(leaves, [index for index in known if index >= middle], middle, end, rest))


def split(count: int) -> int:
    """The largest power of two below `count`."""
    result = 1
    while result * 2 < count:
        result *= 2
    return result

"""The closing of a period: the ledger's signed entry in its own log, which fixes what was settled (SPEC.md section 12).

It is a COSE_Sign1 of type `amos-statement+cose` by the ledger's key. Amounts are micro-units of the currency. The pool
is the income plus what the closing before carried in that currency; what nobody earned is carried out.
"""

from amos.protocol.cose import open_typed, sign
from amos.protocol.errors import LocalError
from amos.protocol.ledger_limits import CLOSING_BYTES_MAX
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U8, U32, U63, Record

TYP_STATEMENT = "amos-statement+cose"

VERSION = 6
"""Of a log in which a pool of its own was opened: the closing is of one pool."""
VERSION_METERED = 4
"""Of a period's first closing, which settles its usage."""
VERSION_FURTHER = 5
"""Of one that divides by the same readings in a further currency."""
VERSION_ALL_PAID = 1
"""Written by ledgers that paid every row."""
VERSION_REVOKED_PAID = 2
"""Written by ledgers that paid what nobody can date of a key that was revoked."""
VERSION_LISTED = 3
"""The last that lists the leaves that it settles, and pays by the newest catalogue alone. Readers take all six."""

COMMUNAL = "communal"
"""The pool of all devices whose site no entry places in another."""

METERED = ("pool", "segments", "ticks_hz", "ticks", "devices", "devices_root", "stems", "stems_root")
"""The fields since version 4, but for `readings_of`."""

RANGE_NUMBERS_MAX = 16_384
"""8,192 ranges of settled leaves; with gaps and counts below 65,536 they take at most 48 KiB."""

YEAR_MIN = 2000
YEAR_MAX = 9998
"""Years that a period may name: `datetime` ends at 9999 and the month after the last must exist."""


class Closing(Record):
    """Payload of a closing.

    One of version 4 has constant size: it settles all usage in front of it that accrues to its period, and commits to
    the meter readings of that (`readings`), once by device and once by stem. One of version 5 settles nothing: it
    divides what was taken in in another currency by the readings of the period's first closing, whose leaf index is
    `readings_of`, and commits to these again. One of version 6 is of one pool of several: it commits to the readings of
    that pool's segments alone. The period's first, which has no `readings_of`, fixes for all pools what is in the
    period; of the further ones it is the leaf index. Those before version 4 list what they settle:
    `settled` holds runs of leaf indexes, ascending, as pairs: gap since the end of the run before, and count.
    """

    NAME = "closing"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "period", "text", 7),
        (3, "currency", "text", 3),
        (4, "income_micro", "uint", U63),
        (5, "carry_in_micro", "uint", U63),
        (6, "pool_micro", "uint", U63),
        (7, "carry_out_micro", "uint", U63),
        (8, "catalogue_sha256", "bytes", 32),
        (9, "previous", "uint?", U63),
        (10, "settled", "uints?", (U63, RANGE_NUMBERS_MAX)),
        (11, "statements_root", "bytes", 32),
        (12, "statements", "uint", U32),
        (13, "pool", "slug?", SMALL_TEXT_BYTES_MAX),
        (14, "segments", "uint?", U63),
        (15, "ticks_hz", "uint?", U63),
        (16, "ticks", "bytes?", 16),
        (17, "devices", "uint?", U32),
        (18, "devices_root", "bytes?", 32),
        (19, "stems", "uint?", U32),
        (20, "stems_root", "bytes?", 32),
        (21, "readings_of", "uint?", U63),
    )

    version: int
    period: str
    currency: str
    income_micro: int
    carry_in_micro: int
    pool_micro: int
    carry_out_micro: int
    catalogue_sha256: bytes
    previous: "int | None"
    settled: "list[int] | None"
    statements_root: bytes
    statements: int
    pool: "str | None"
    segments: "int | None"
    ticks_hz: "int | None"
    ticks: "bytes | None"
    devices: "int | None"
    devices_root: "bytes | None"
    stems: "int | None"
    stems_root: "bytes | None"
    readings_of: "int | None"

    def fault(self) -> "str | None":
        if not VERSION_ALL_PAID <= self.version <= VERSION:
            return "version: expected %d to %d, found %d" % (VERSION_ALL_PAID, VERSION, self.version)
        text_fault = period_fault(self.period) or currency_fault(self.currency)
        if text_fault:
            return text_fault
        if (self.readings_of is not None) != (self.version == VERSION_FURTHER) and self.version != VERSION:
            return "readings_of: expected a value in version 5, and none before"
        if self.readings_of is not None and (self.previous is None or self.previous < self.readings_of):
            return "previous: expected the closing at leaf %d, or a later one" % self.readings_of
        if self.pool_micro != self.income_micro + self.carry_in_micro:
            return "pool_micro: expected income and carry, %d + %d" % (self.income_micro, self.carry_in_micro)
        if self.carry_out_micro not in (0, self.pool_micro):
            return "carry_out_micro: expected 0 or the whole pool of %d" % self.pool_micro
        if self.previous is None and self.carry_in_micro and self.version <= VERSION_LISTED:
            return "carry_in_micro: expected 0 in the first closing"
        return self._listed_fault() if self.version <= VERSION_LISTED else self._metered_fault()

    def _listed_fault(self) -> "str | None":
        for name in METERED:
            if getattr(self, name) is not None:
                return "%s: expected none before version 4" % name
        if self.settled is None:
            return "settled: expected a value, found none"
        if len(self.settled) % 2 or 0 in self.settled[1::2] or 0 in self.settled[2::2]:
            return "settled: expected pairs of a gap and a count, both above 0 but for the first gap"
        return None

    def _metered_fault(self) -> "str | None":
        for name in METERED:
            if getattr(self, name) is None:
                return "%s: expected a value, found none" % name
        if self.settled is not None:
            return "settled: expected none since version 4"
        if self.pool != COMMUNAL and self.version < VERSION:
            return "pool: expected %s, found %s" % (COMMUNAL, self.pool)
        if not self.ticks_hz:
            return "ticks_hz: expected from 1, found 0"
        return None

    def title(self) -> str:
        """What tells it from every other closing, and names its file and the folder of its statements: its period, the
        pool if that is not the communal one, and the currency, in whatever order pools and currencies are settled. One
        that lists its leaves is the only one of its period."""
        return self.period if self.version <= VERSION_LISTED else self.period + self._of_pool() + "-" + self.currency

    def earlier_title(self) -> str:
        """As ledgers of earlier store schemas named it: a period's first closing, if communal, by the period alone."""
        pool = self._of_pool()
        return self.period + pool + ("-" + self.currency if pool or self.readings_of is not None else "")

    def _of_pool(self) -> str:
        return "" if self.pool in (None, COMMUNAL) else "-" + str(self.pool)

    def ranges(self) -> "list[tuple[int, int]]":
        """Settled leaf indexes as (first, count), ascending; none since version 4."""
        result = []
        at = 0
        settled = self.settled or []
        for gap, count in zip(settled[::2], settled[1::2]):
            result.append((at + gap, count))
            at += gap + count
        return result

    def leaves(self) -> "list[int]":
        """Settled leaf indexes, ascending. Bound `ranges` by the size of the log before calling."""
        return [index for first, count in self.ranges() for index in range(first, first + count)]


def period_fault(text: str) -> "str | None":
    """What is wrong with the name of a period, or None: a UTC calendar month like 2026-11."""
    digits = text[:4] + text[5:]
    written = len(text) == 7 and text[4] == "-" and all(["0" <= digit <= "9" for digit in digits])
    if not written or not 1 <= int(text[5:]) <= 12:
        return "period: expected a year and month like 2026-11, found %r" % text[:40]
    if not YEAR_MIN <= int(text[:4]) <= YEAR_MAX:
        return "period: expected a year from %d to %d, found %d" % (YEAR_MIN, YEAR_MAX, int(text[:4]))
    return None


def currency_fault(text: str) -> "str | None":
    """What is wrong with a currency, or None: three capital letters, as ISO 4217 has them."""
    if len(text) == 3 and all(["A" <= letter <= "Z" for letter in text]):
        return None
    return "currency: expected three capital letters like EUR, found %r" % text[:20]


def runs(leaves) -> "list[tuple[int, int]]":
    """(first, count) of each run of consecutive indexes. Raises `LocalError` unless they ascend, each once."""
    result: list = []
    for index in leaves:
        add_to_runs(result, index)
    return result


def add_to_runs(result: list, index: int) -> None:
    """One more index, above all that are in the runs. Raises `LocalError`."""
    first, count = result[-1] if result else (index, 0)
    if index < first + count:
        raise LocalError("leaves: expected above %d, found %d" % (first + count - 1, index))
    if index == first + count:
        result[-1:] = [(first, count + 1)]
    else:
        result.append((index, 1))


def settled_of(ranges) -> "list[int]":
    """The field `settled` for these runs of leaf indexes."""
    numbers = []
    at = 0
    for first, count in ranges:
        numbers += [first - at, count]
        at = first + count
    if len(numbers) > RANGE_NUMBERS_MAX:
        told = (RANGE_NUMBERS_MAX // 2, len(numbers) // 2)
        raise LocalError("closing.settled: expected at most %d ranges, found %d" % told)
    return numbers


def sign_closing(closing: Closing, ledger: bytes, sign_message) -> bytes:
    """The entry's bytes; `ledger` is the key id of the ledger's key. Raises `LocalError` when they do not fit one."""
    entry = sign(closing.encode(), TYP_STATEMENT, ledger, sign_message)
    if len(entry) > CLOSING_BYTES_MAX:
        raise LocalError("closing: expected at most %d bytes, found %d" % (CLOSING_BYTES_MAX, len(entry)))
    return entry


def open_closing(entry: bytes, ledger_key: bytes, verify) -> Closing:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Closing.decode(open_typed(entry, TYP_STATEMENT, CLOSING_BYTES_MAX, ledger_key, verify))

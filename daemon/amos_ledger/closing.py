"""The closing of a period: the ledger's signed entry in its own log, which fixes what was settled (DESIGN section 12).

    closing = {1: version, 2: period, 3: currency, 4: income, 5: carry in, 6: pool, 7: carry out, 8: catalogue hash,
               9: leaf index of the closing before (absent in the first), 10: settled leaves, 11: statements' root,
               12: count of statements}

Pure. It is a COSE_Sign1 of type `amos-statement+cose` by the ledger's key. Amounts are micro-units of the currency. The
pool is the income plus what the closing before carried in that currency; what nobody earned is carried out, to the
account `carry/<currency>`.

A statement proves the closing and the closing commits to the statements, so the two are cut apart: the closing holds
the RFC 9162 root over the *cores* of the statements in order of payee (`statement.core_bytes`), and the proofs around a
core are outside of what is hashed.
"""

from collections.abc import Iterable, Sequence

from amos.protocol.cose import TYP_STATEMENT, open_typed, sign
from amos.protocol.errors import LocalError
from amos.protocol.merkle import leaf_hash
from amos.protocol.record import U8, U32, U64, Record
from amos_ledger.log.tree import grow, inclusion_path, root
from amos_ledger.settlement.money import parse_currency
from amos_ledger.settlement.periods import parse_period

VERSION = 1

CLOSING_BYTES_MAX = 65_535
"""An entry of a tlog-tiles bundle has a 16-bit length."""

RANGE_NUMBERS_MAX = 16_384
"""8,192 ranges of settled leaves; with gaps and counts below 65,536 they take at most 48 KiB."""


class Closing(Record):
    """Payload of a closing.

    `settled` holds runs of leaf indexes, ascending, as pairs: gap since the end of the run before, and count.
    """

    NAME = "closing"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "period", "text", 7),
        (3, "currency", "text", 3),
        (4, "income_micro", "uint", U64),
        (5, "carry_in_micro", "uint", U64),
        (6, "pool_micro", "uint", U64),
        (7, "carry_out_micro", "uint", U64),
        (8, "catalogue_sha256", "bytes", 32),
        (9, "previous", "uint?", U64),
        (10, "settled", "uints", (U64, RANGE_NUMBERS_MAX)),
        (11, "statements_root", "bytes", 32),
        (12, "statements", "uint", U32),
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
    settled: "list[int]"
    statements_root: bytes
    statements: int

    def fault(self) -> str | None:
        if self.version != VERSION:
            return f"version: expected {VERSION}, found {self.version}"
        try:
            parse_period(self.period)
            parse_currency(self.currency)
        except ValueError as error:
            return str(error)
        if self.pool_micro != self.income_micro + self.carry_in_micro:
            return f"pool_micro: expected income and carry, {self.income_micro} + {self.carry_in_micro}"
        if self.carry_out_micro not in (0, self.pool_micro):
            return f"carry_out_micro: expected 0 or the whole pool of {self.pool_micro}"
        if self.previous is None and self.carry_in_micro:
            return "carry_in_micro: expected 0 in the first closing"
        if len(self.settled) % 2 or 0 in self.settled[1::2] or 0 in self.settled[2::2]:
            return "settled: expected pairs of a gap and a count, both above 0 but for the first gap"
        return None

    def ranges(self) -> list[tuple[int, int]]:
        """Settled leaf indexes as (first, count), ascending."""
        result = []
        at = 0
        for gap, count in zip(self.settled[::2], self.settled[1::2], strict=True):
            result.append((at + gap, count))
            at += gap + count
        return result

    def leaves(self) -> list[int]:
        """Settled leaf indexes, ascending. Bound `ranges` by the size of the log before calling."""
        return [index for first, count in self.ranges() for index in range(first, first + count)]


def runs(leaves: Iterable[int]) -> list[tuple[int, int]]:
    """(first, count) of each run of consecutive indexes. Raises `LocalError` when an index comes twice."""
    result: list[tuple[int, int]] = []
    for index in sorted(leaves):
        first, count = result[-1] if result else (index, 0)
        if index == first + count:
            result[-1:] = [(first, count + 1)]
        elif index < first + count:
            raise LocalError(f"leaves: expected each once, found {index} twice")
        else:
            result.append((index, 1))
    return result


def settled_of(leaves: Iterable[int]) -> list[int]:
    """The field `settled` for these leaf indexes, in any order."""
    numbers = []
    at = 0
    for first, count in runs(leaves):
        numbers += [first - at, count]
        at = first + count
    if len(numbers) > RANGE_NUMBERS_MAX:
        raise LocalError(
            f"closing.settled: expected at most {RANGE_NUMBERS_MAX // 2} ranges, found {len(numbers) // 2}"
        )
    return numbers


def sign_closing(closing: Closing, ledger: bytes, sign_message: object) -> bytes:
    """The entry's bytes; `ledger` is the key id of the ledger's key. Raises `LocalError` when they do not fit one."""
    entry: bytes = sign(closing.encode(), TYP_STATEMENT, ledger, sign_message)
    if len(entry) > CLOSING_BYTES_MAX:
        raise LocalError(f"closing: expected at most {CLOSING_BYTES_MAX} bytes, found {len(entry)}")
    return entry


def open_closing(entry: bytes, ledger_key: bytes, verify: object) -> Closing:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    closing: Closing = Closing.decode(open_typed(entry, TYP_STATEMENT, CLOSING_BYTES_MAX, ledger_key, verify))
    return closing


class StatementsTree:
    """The RFC 9162 tree over the cores of a period's statements, in order of payee."""

    def __init__(self, cores: Sequence[bytes]) -> None:
        self._count = len(cores)
        self._hashes: dict[tuple[int, int], bytes] = {}
        for level, index, value in grow(0, map(leaf_hash, cores), self._read):
            self._hashes[level, index] = value

    @property
    def root(self) -> bytes:
        """Of no statements, the hash of nothing (RFC 9162 §2.1.1)."""
        return root(self._count, self._read)

    def path(self, index: int) -> list[bytes]:
        """From core `index` up to the root."""
        return inclusion_path(index, self._count, self._read)

    def _read(self, level: int, index: int) -> bytes:
        return self._hashes[level, index]

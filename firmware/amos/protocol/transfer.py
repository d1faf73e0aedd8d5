"""Money that goes from one account to another: a signed entry of the ledger's log (SPEC section 16).

Double entry: every transfer takes from one account what it gives to another. Nothing is edited; what was wrong is put
right by a transfer more.
"""

from amos.protocol.closing import COMMUNAL, currency_fault, period_fault
from amos.protocol.cose import open_typed, sign
from amos.protocol.ledger_limits import TITLE_BYTES_MAX, TRANSFER_BYTES_MAX
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U8, U63, UNIX_S_MAX, Record

VERSION = 1
TYP_TRANSFER = "amos-transfer+cose"

INCOME = "income"
CORRECTION = "correction"
REFUND = "refund"
HOLD = "hold"
RELEASE = "release"
PAYOUT = "payout"
KINDS = (INCOME, CORRECTION, REFUND, HOLD, RELEASE, PAYOUT)

SOURCES = ("subscription", "enterprise", "sync", "training", "buyout", "other")
"""Where income comes from."""

POOL = "pool/" + COMMUNAL
CARRY = "carry"
BANK = "bank"
PAYEE = "payee/"
FROZEN_LATE = "frozen-late/"
HELD = "held/"
SOURCE = "income/"

ACCOUNT_BYTES_MAX = 96


class Transfer(Record):
    """Payload of a transfer; accounts are named in the table of SPEC section 16."""

    NAME = "transfer"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "number", "uint", U63),
        (3, "unix_s", "uint", UNIX_S_MAX),
        (4, "kind", "slug", SMALL_TEXT_BYTES_MAX),
        (5, "currency", "text", 3),
        (6, "debit", "text", ACCOUNT_BYTES_MAX),
        (7, "credit", "text", ACCOUNT_BYTES_MAX),
        (8, "amount_micro", "uint", U63),
        (9, "period", "text?", 7),
        (10, "reason", "text", TITLE_BYTES_MAX),
    )

    version: int
    number: int
    unix_s: int
    kind: str
    currency: str
    debit: str
    credit: str
    amount_micro: int
    period: "str | None"
    reason: str

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        if not self.number or not self.amount_micro:
            return "number, amount_micro: expected from 1, found %d and %d" % (self.number, self.amount_micro)
        text_fault = currency_fault(self.currency) or (period_fault(self.period) if self.period is not None else None)
        if text_fault:
            return text_fault
        if self.kind == INCOME and self.period is None:
            return "period: expected the one whose pool the income is for"
        if any([letter < " " or "\x7f" <= letter < "\xa0" for letter in self.reason]):
            return "reason: expected text on one line, without control characters"
        if self.kind not in KINDS:
            return "kind: expected one of %s, found %s" % (", ".join(KINDS), self.kind)
        if not _may_go(self.kind, self.debit, self.credit):
            return "debit, credit: expected accounts between which a %s goes, found %s and %s" % (
                self.kind,
                self.debit[:80],
                self.credit[:80],
            )
        return None


def _may_go(kind: str, debit: str, credit: str) -> bool:
    if kind == INCOME:
        return _is_source(debit) and credit == POOL
    if kind == CORRECTION:
        return debit != credit and _is_kept(debit) and _is_kept(credit)
    if kind == REFUND:
        return _is_kept(debit) and _is_source(credit)
    if kind == PAYOUT:
        return credit == BANK and (_names(PAYEE, debit) or _names(FROZEN_LATE, debit))
    first, other = (debit, credit) if kind == HOLD else (credit, debit)
    return _names(PAYEE, first) and other == HELD + first[len(PAYEE) :]


def _is_source(account: str) -> bool:
    return account[: len(SOURCE)] == SOURCE and account[len(SOURCE) :] in SOURCES


def _is_kept(account: str) -> bool:
    return account == CARRY or _names(PAYEE, account)


def _names(prefix: str, account: str) -> bool:
    name = account[len(prefix) :]
    slug = all(["a" <= letter <= "z" or "0" <= letter <= "9" or letter in "-_" for letter in name])
    return account[: len(prefix)] == prefix and 1 <= len(name) <= SMALL_TEXT_BYTES_MAX and slug


def sign_transfer(transfer: Transfer, ledger: bytes, sign_message) -> bytes:
    """The entry's bytes; `ledger` is the key id of the ledger's key."""
    return sign(transfer.encode(), TYP_TRANSFER, ledger, sign_message)


def open_transfer(entry, ledger_key: bytes, verify) -> Transfer:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Transfer.decode(open_typed(entry, TYP_TRANSFER, TRANSFER_BYTES_MAX, ledger_key, verify))

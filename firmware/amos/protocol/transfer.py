"""Money that goes from one account to another: a signed entry of the ledger's log (SPEC section 16).

Double entry: every transfer takes from one account what it gives to another. Nothing is edited; what was wrong is put
right by a transfer more. Each has a reference of its own, so that a command that is given twice moves once.
"""

import hashlib

from amos.protocol.closing import COMMUNAL, currency_fault, period_fault
from amos.protocol.cose import open_typed, sign
from amos.protocol.ledger_limits import TITLE_BYTES_MAX, TRANSFER_BYTES_MAX
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U8, U63, UNIX_S_MAX, Record

VERSION = 4
"""Of one that takes income out of a pool."""
VERSION_POOL = 3
"""Of another that names a pool which is not the communal one, or what that carries."""
VERSION_COMMUNAL = 2
VERSION_WITHOUT_REFERENCE = 1
"""Written by ledgers that could not tell a repetition from a second transfer; readers take all four."""

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

POOLS = "pool/"
POOL = POOLS + COMMUNAL
CARRY = "carry"
"""Of the communal pool; of another one, `CARRIES` and its name."""
CARRIES = "carry/"
BANK = "bank"
PAYEE = "payee/"
FROZEN_LATE = "frozen-late/"
HELD = "held/"
SOURCE = "income/"

ACCOUNT_BYTES_MAX = 96
REFERENCE_BYTES_MAX = 64

DERIVED = "auto-"
"""How references begin that follow from what a transfer says."""

_DIGITS = 32
"""Of a SHA-256 in a derived reference: 128 bits."""


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
        (11, "reference", "text?", REFERENCE_BYTES_MAX),
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
    reference: "str | None"

    def fault(self) -> "str | None":
        if not VERSION_WITHOUT_REFERENCE <= self.version <= VERSION:
            return "version: expected %d to %d, found %d" % (VERSION_WITHOUT_REFERENCE, VERSION, self.version)
        if max(self.version, VERSION_COMMUNAL) != version_between(self.debit, self.credit):
            told = "4 from a pool, 3 where one of its own is named, else 2 or 1"
            return "version: expected %s, found %d" % (told, self.version)
        if (self.reference is None) != (self.version == VERSION_WITHOUT_REFERENCE):
            return "reference: expected one since version 2, and none before"
        if not self.number or not self.amount_micro:
            return "number, amount_micro: expected from 1, found %d and %d" % (self.number, self.amount_micro)
        text_fault = currency_fault(self.currency) or (period_fault(self.period) if self.period is not None else None)
        if text_fault:
            return text_fault
        if self.period is None and pools_of(self.debit, self.credit):
            return "period: expected the one whose pool the income is for"
        for name in ("reason", "reference"):
            fault = line_fault(name, getattr(self, name) or "")
            if fault:
                return fault
        if self.kind not in KINDS:
            return "kind: expected one of %s, found %s" % (", ".join(KINDS), self.kind)
        if not _may_go(self.kind, self.debit, self.credit):
            return "debit, credit: expected accounts of the kind %s, found %s and %s" % (
                self.kind,
                self.debit[:80],
                self.credit[:80],
            )
        return None


def account_of_pool(pool: str) -> str:
    """Where the income of that pool waits."""
    return POOLS + pool


def carry_of(pool: str) -> str:
    """Where what nobody earned of that pool waits."""
    return CARRY if pool == COMMUNAL else CARRIES + pool


def pool_named(debit: str, credit: str) -> "str | None":
    """The account of a pool that is not the communal one among these, or None."""
    for account in (debit, credit):
        if account != POOL and (account[: len(POOLS)] == POOLS or account[: len(CARRIES)] == CARRIES):
            return account
    return None


def pools_of(debit: str, credit: str) -> "list[str]":
    """The pools whose income grows or shrinks by a transfer between these accounts."""
    return [account[len(POOLS) :] for account in (debit, credit) if account[: len(POOLS)] == POOLS]


def version_between(debit: str, credit: str) -> int:
    """Of a transfer between these accounts that has a reference."""
    if debit[: len(POOLS)] == POOLS:
        return VERSION
    return VERSION_COMMUNAL if pool_named(debit, credit) is None else VERSION_POOL


def line_fault(name: str, text: str) -> "str | None":
    """What is wrong with a line of text, or None: control characters are."""
    if any([letter < " " or "\x7f" <= letter < "\xa0" for letter in text]):
        return "%s: expected text on one line, without control characters" % name
    return None


def derived_reference(transfer: Transfer, occurrence: int) -> str:
    """The reference of the first, second or later transfer that says the same but for its number and its time."""
    said = (transfer.kind, transfer.currency, transfer.debit, transfer.credit, str(transfer.amount_micro))
    lines = "".join([text + "\n" for text in said]) + "%s\n%s\n" % (transfer.period or "", transfer.reason)
    digits = "".join(["%02x" % byte for byte in hashlib.sha256(lines.encode()).digest()])
    return "%s%s-%d" % (DERIVED, digits[:_DIGITS], occurrence)


def _may_go(kind: str, debit: str, credit: str) -> bool:
    if kind == INCOME:
        return _is_source(debit) and _names(POOLS, credit)
    if kind == CORRECTION:
        between_pools = _names(POOLS, debit) and _names(POOLS, credit)
        return debit != credit and (between_pools or (_is_kept(debit) and _is_kept(credit)))
    if kind == REFUND:
        return (_is_kept(debit) or _names(POOLS, debit)) and _is_source(credit)
    if kind == PAYOUT:
        return credit == BANK and (_names(PAYEE, debit) or _names(FROZEN_LATE, debit))
    first, other = (debit, credit) if kind == HOLD else (credit, debit)
    return _names(PAYEE, first) and other == HELD + first[len(PAYEE) :]


def _is_source(account: str) -> bool:
    return account[: len(SOURCE)] == SOURCE and account[len(SOURCE) :] in SOURCES


def _is_kept(account: str) -> bool:
    return account == CARRY or _names(PAYEE, account) or (_names(CARRIES, account) and account != CARRIES + COMMUNAL)


def _names(prefix: str, account: str) -> bool:
    return account[: len(prefix)] == prefix and is_name(account[len(prefix) :])


def is_name(text: str) -> bool:
    """Whether a catalogue can name a payee so."""
    slug = all(["a" <= letter <= "z" or "0" <= letter <= "9" or letter in "-_" for letter in text])
    return slug and 1 <= len(text) <= SMALL_TEXT_BYTES_MAX


def sign_transfer(transfer: Transfer, ledger: bytes, sign_message) -> bytes:
    """The entry's bytes; `ledger` is the key id of the ledger's key."""
    return sign(transfer.encode(), TYP_TRANSFER, ledger, sign_message)


def open_transfer(entry, ledger_key: bytes, verify) -> Transfer:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Transfer.decode(open_typed(entry, TYP_TRANSFER, TRANSFER_BYTES_MAX, ledger_key, verify))

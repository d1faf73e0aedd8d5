"""Transfers between accounts, and what they leave on a payee's (SPEC sections 12 and 16), for light and full check."""

import re
from collections.abc import Iterable
from typing import Any

from amos_tools.verify.errors import Difference, same
from amos_tools.verify.light_closing import Head
from amos_tools.verify.light_formats import (
    U8,
    U63,
    UNIX_S_MAX,
    Schema,
    base64_bytes,
    fields,
    hash_path,
    objects,
    record,
    signed,
)
from amos_tools.verify.light_trees import check_path, leaf_hash

TYP_TRANSFER = "amos-transfer+cose"
TRANSFER: Schema = {
    **{1: ("version", int, U8), 2: ("number", int, U63), 3: ("unix_s", int, UNIX_S_MAX), 4: ("kind", str, 64)},
    **{5: ("currency", str, 3), 6: ("debit", str, 96), 7: ("credit", str, 96), 8: ("amount_micro", int, U63)},
    **{9: ("period?", str, 7), 10: ("reason", str, 256), 11: ("reference?", str, 64)},
}
_PAYEE, _FROZEN, _HELD = (rf"{name}/[a-z0-9_-]{{1,64}}" for name in ("payee", "frozen-late", "held"))
_SOURCE = "income/(subscription|enterprise|sync|training|buyout|other)"
_POOL = "[a-z0-9_-]{1,64}"
_KEPT = f"({_PAYEE}|carry|carry/(?!communal$){_POOL})"
_INCOME = f"pool/{_POOL}"
WAYS = {
    "income": {_SOURCE: _INCOME},
    "correction": {_KEPT: _KEPT, _INCOME: _INCOME},
    "refund": {_KEPT: _SOURCE, _INCOME: _SOURCE},
    "hold": {_PAYEE: _HELD},
    "release": {_HELD: _PAYEE},
    "payout": {f"({_PAYEE}|{_FROZEN})": "bank"},
}
"""Kind → from which accounts it goes → to which."""
OUTSIDE = re.compile(f"{_SOURCE}|bank|pool/{_POOL}")
POOL_NAMED = re.compile(f"pool/(?!communal$){_POOL}|carry/{_POOL}")
ACCOUNTS_OF = {"payable": "payee/", "frozen_late": "frozen-late/", "held": "held/"}

Transfer = dict[str, Any]


def read_transfer(label: str, entry: bytes, key: bytes) -> Transfer:
    """The transfer that an entry is, by this key of the ledger's. Raises `Difference`."""
    found = record(label, signed(label, entry, TYP_TRANSFER, key, "the ledger's key in force there"), TRANSFER)
    if found["version"] not in (1, 2, 3, 4):
        raise Difference(f"{label}.version", "1 to 4", found["version"])
    named = any(POOL_NAMED.fullmatch(found[side]) for side in ("debit", "credit"))
    if max(found["version"], 2) != (4 if found["debit"].startswith("pool/") else 3 if named else 2):
        told = "4 from a pool, 3 where one of its own is named, else 2 or 1"
        raise Difference(f"{label}.version", told, found["version"])
    if ("reference" in found) != (found["version"] > 1):
        raise Difference(f"{label}.reference", "one since version 2, none before", found.get("reference", "none"))
    for name in ("number", "amount_micro"):
        if not found[name]:
            raise Difference(f"{label}.{name}", "from 1", 0)
    if not re.fullmatch("[A-Z]{3}", found["currency"]):
        raise Difference(f"{label}.currency", "three capital letters", found["currency"])
    if "period" in found and not re.fullmatch(r"[2-9]\d{3}-(0[1-9]|1[0-2])", found["period"], re.ASCII):
        raise Difference(f"{label}.period", "a month like 2026-11", found["period"])
    for name in ("reason", "reference"):
        if re.search("[\x00-\x1f\x7f-\x9f]", found.get(name, "")):
            raise Difference(f"{label}.{name}", "text on one line", found[name])
    _check_way(label, found)
    return found


def carry_account(pool: str) -> str:
    """Where what nobody earned of a pool waits."""
    return "carry" if pool == "communal" else f"carry/{pool}"


def check_reference(label: str, transfer: Transfer, before: set[str]) -> None:
    """No transfer is made twice: its reference is none of those before, to which it is added. Raises `Difference`."""
    reference = transfer.get("reference")
    if reference in before:
        raise Difference(f"{label}.reference", "one that no transfer before has", reference)
    if reference is not None:
        before.add(reference)


def _check_way(label: str, transfer: Transfer) -> None:
    kind, debit, credit = transfer["kind"], transfer["debit"], transfer["credit"]
    if kind not in WAYS:
        raise Difference(f"{label}.kind", f"one of {', '.join(WAYS)}", kind)
    to = next((pattern for origin, pattern in WAYS[kind].items() if re.fullmatch(origin, debit)), None)
    if to is None:
        raise Difference(f"{label}.debit", f"an account of the kind {kind}", debit)
    if not re.fullmatch(to, credit):
        raise Difference(f"{label}.credit", f"an account of the kind {kind}", credit)
    if kind in ("hold", "release") and debit.partition("/")[2] != credit.partition("/")[2]:
        raise Difference(f"{label}.credit", f"the account of {debit.partition('/')[2]}", credit)
    if debit == credit:
        raise Difference(f"{label}.credit", "another account than the debit", credit)
    if "period" not in transfer and (debit.startswith("pool/") or credit.startswith("pool/")):
        raise Difference(f"{label}.period", "the one whose pool it is for", "none")


class Accounts:
    """Balances in one currency. Raises `Difference` where one falls below 0 that may not."""

    def __init__(self) -> None:
        self.balances: dict[str, int] = {}

    def credit(self, account: str, micro: int) -> None:
        """A closing gives to an account."""
        self.balances[account] = self.balances.get(account, 0) + micro

    def move(self, label: str, transfer: Transfer, known: Iterable[str] | None = None) -> None:
        """A transfer; `known`: the accounts whose balances are known here, all when None."""
        for account, sign in ((transfer["debit"], -1), (transfer["credit"], 1)):
            if known is None or account in known:
                self.credit(account, sign * transfer["amount_micro"])
        debit = transfer["debit"]
        may_owe = debit.startswith("payee/") and transfer["kind"] in ("correction", "refund")
        if self.balances.get(debit, 0) < 0 and not may_owe and not OUTSIDE.fullmatch(debit):
            raise Difference(f"{label}.amount_micro", f"no more than {debit} had", transfer["amount_micro"])


def effect(transfer: Transfer, account: str) -> int:
    """What a transfer adds to an account."""
    times = (transfer["credit"] == account) - (transfer["debit"] == account)
    return int(times) * int(transfer["amount_micro"])


def touches(transfer: Transfer, payee: str) -> bool:
    """Whether a transfer is to or from an account of the payee."""
    mine = {prefix + payee for prefix in ACCOUNTS_OF.values()}
    return transfer["debit"] in mine or transfer["credit"] in mine


def balance_part(
    opening: dict[str, int], transfers: list[tuple[int, Transfer]], amount: int, frozen: int, payee: str
) -> dict[str, Any]:
    """The part `balance` of a core, from each account's opening balance, the transfers since, and what is credited."""
    credited = {"payable": amount - frozen, "frozen_late": frozen, "held": 0}
    part: dict[str, Any] = {}
    for name, prefix in ACCOUNTS_OF.items():
        moved = sum(effect(transfer, prefix + payee) for _index, transfer in transfers)
        closing = opening[name] + moved + credited[name]
        part[name] = {"opening_micro": opening[name], "closing_micro": closing}
    names = ("number", "unix_s", "kind", "debit", "credit", "amount_micro", "reason")
    part["transfers"] = [
        {name: transfer[name] for name in names} | {"index": index, "period": transfer.get("period", "")}
        for index, transfer in transfers
    ]
    return part


def proved_transfers(label: str, part: object, head: Head, closing_index: int) -> list[tuple[int, Transfer]]:
    """(leaf index, transfer) of each that the file proves, in the log before the closing, in order."""
    found: list[tuple[int, Transfer]] = []
    references: set[str] = set()
    for number, item in enumerate(objects(label, part, entry=str, index=int, path=list)):
        place = f"{label}[{number}]"
        index, entry = item["index"], base64_bytes(f"{place}.entry", item["entry"])
        path = hash_path(f"{place}.path", item["path"])
        check_path(place, leaf_hash(entry), index, head.size, path, head.root)
        transfer = read_transfer(f"{place}.entry", entry, head.key_at(index))
        last, last_number = (found[-1][0], found[-1][1]["number"]) if found else (0, 0)
        if not last < index < closing_index or transfer["number"] <= last_number:
            raise Difference(place, "transfers in their order, before the closing", f"number {transfer['number']}")
        check_reference(f"{place}.entry", transfer, references)
        found.append((index, transfer))
    return found


def stated_balance(
    part: object, transfers: list[tuple[int, Transfer]], payee: str, currency: str, credited: tuple[int, int]
) -> dict[str, Any]:
    """The part `balance` that follows from its own opening balances; `credited`: amount, and what of it is frozen."""
    whole = fields("core.balance", part, frozen_late=dict, held=dict, payable=dict, transfers=list)
    opening = {}
    for name in ACCOUNTS_OF:
        label = f"core.balance.{name}.opening_micro"
        opening[name] = whole[name].get("opening_micro")
        if type(opening[name]) is not int or (opening[name] < 0 and name != "payable"):
            raise Difference(label, "an integer, from 0 but for payable", opening[name])
    accounts = Accounts()
    accounts.balances = {prefix + payee: opening[name] for name, prefix in ACCOUNTS_OF.items()}
    known = set(accounts.balances)
    for number, (_index, transfer) in enumerate(transfers):
        label = f"proof.transfers[{number}]"
        same(f"{label}.currency", currency, transfer["currency"])
        if not touches(transfer, payee):
            raise Difference(label, f"one of an account of {payee}", f"{transfer['debit']} to {transfer['credit']}")
        accounts.move(label, transfer, known)
    return balance_part(opening, transfers, *credited, payee)

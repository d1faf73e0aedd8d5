"""The delegation of opt-outs in force, as operators are told of it, and when the publisher signs another."""

from collections.abc import Iterator
from typing import Any

from amos.protocol.delegated import Delegation
from amos_ledger.command import utc
from amos_ledger.delegated import desk_of
from amos_ledger.folder import Folder
from amos_ledger.store.store import Store

SOON_S = 30 * 86_400
"""The publisher is asked for the next delegation so long before one ends."""


def delegation_facts(folder: Folder, store: Store) -> dict[str, Any] | None:
    """What programs are told; None without a delegation. Raises `OptOutsRefused`."""
    desk = desk_of(folder, store)
    if desk.delegation is None:
        return None
    serial, until_unix_s, ledger = desk.delegation.serial, desk.delegation.until_unix_s, desk.delegation.ledger.hex()
    counted = {"stems": len(desk.delegation), "withdrawn": len(desk.withdrawn)}
    return {"serial": serial, "until_unix_s": until_unix_s, "ledger_key": ledger} | counted


def delegation_lines(folder: Folder, store: Store, now_s: int) -> list[str]:
    """What people are told, no line without a delegation. Raises `OptOutsRefused`."""
    desk = desk_of(folder, store)
    found = desk.delegation
    if found is None:
        return []
    counted = f"{len(found)} stems until {utc(found.until_unix_s)}, {len(desk.withdrawn)} of them withdrawn"
    return [f"delegation {found.serial}: payees may withdraw {counted}", *_due(folder, found, now_s)]


def delegation_due(folder: Folder, store: Store, now_s: int) -> list[str]:
    """Why the publisher should sign another, if it should. Raises `OptOutsRefused`."""
    found = desk_of(folder, store).delegation
    return [] if found is None else list(_due(folder, found, now_s))


def _due(folder: Folder, found: Delegation, now_s: int) -> Iterator[str]:
    if not len(found):
        return
    why = []
    if found.ledger != folder.public_key:
        why.append("names a key of this ledger that gave way, so that players set up since refuse what payees withdraw")
    if now_s > found.until_unix_s:
        why.append("has ended, so that payees withdraw nothing and bring nothing back")
    elif now_s > found.until_unix_s - SOON_S:
        why.append(f"ends at {utc(found.until_unix_s)}")
    if why:
        yield (
            f"delegation {found.serial} {', and '.join(why)}; have the publisher sign another: amos pack delegate"
            f" --serial {found.serial + 1} --ledger-key {folder.public_key.hex()}"
        )

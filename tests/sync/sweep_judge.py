"""What has to hold after each run of the fault sweep, told by what the players noted and by a checker of its own."""

from pathlib import Path

from ledger_check import Check
from stranger import FORGED_UNIX_MS
from sweep_processes import NotedPlayer

from amos_ledger.folder import Folder

_SEQUENCE, _DEVICE, _ANCHOR_UNIX_MS = 3, 2, 14
_BIT = 1000


def judge(folder: Folder, path: Path, players: list[NotedPlayer]) -> int:
    """The ledger has what the players sealed, each once; nothing is trimmed that it has not signed for.

    How many segments there are.
    """
    check = Check(path, folder.trust.origin, folder.public_key)
    sealed: dict[tuple[bytes, int], bytes] = {}
    receipts: set[tuple[bytes, bytes]] = set()
    for player in players:
        its = _sealed(player)
        sealed |= {(player.device_id, number): data for number, data in its.items()}
        receipts |= _receipts_behind_trims(player, its, check)
    there = [check.entries[index] for index in check.segments]
    missing = [f"{device.hex()[:8]} {number}" for (device, number), data in sealed.items() if data not in set(there)]
    assert not missing, f"sealed, and not in the ledger: {missing}"
    assert sorted(there) == sorted(sealed.values()), "in the ledger, and sealed by nobody, or twice"
    for _signed, usage in check.segments.values():
        assert usage.get(_ANCHOR_UNIX_MS, 0) < FORGED_UNIX_MS - _BIT, "a player believes the stranger's time"
    check.once(set(sealed.values()))
    check.receipts(receipts)
    check.totals()
    return len(there)


def _sealed(player: NotedPlayer) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for number, data in player.told("sealed"):
        assert found.setdefault(number, data) == data, f"{player.name} sealed two segments {number}"
    assert sorted(found) == list(range(1, len(found) + 1)), f"{player.name}: a number without a segment"
    return found


def _receipts_behind_trims(player: NotedPlayer, sealed: dict[int, bytes], check: Check) -> set[tuple[bytes, bytes]]:
    """For each trim a receipt for the last segment of it that is genuine; and in the end everything is trimmed."""
    handed = player.told("receipt")
    found = set()
    for number, _nothing in player.told("trimmed"):
        true = [data for sequence, data in handed if sequence == number and _holds(check, sealed[number], data)]
        assert true, f"{player.name} has trimmed up to {number} without a genuine receipt"
        found.add((sealed[number], true[0]))
    if not sealed:
        return found  # whoever was killed before it began to play
    last = max(sealed)
    at_last = [data for number, data in handed if number == last and _holds(check, sealed[last], data)]
    assert at_last, f"{player.name} has left without a receipt for {last}"
    return found


def _holds(check: Check, segment: bytes, receipt: bytes) -> bool:
    try:
        check.receipts([(segment, receipt)])
    except Exception:  # whatever a forgery makes of the reader
        return False
    return True

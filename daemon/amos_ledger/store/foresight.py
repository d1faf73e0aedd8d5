"""What a batch is about to ask for, device by device, asked for all of its devices at once.

It only fills what the database remembers, under the names of the finders in `chain.py`, `sessions.py`, `anchors.py`,
`signed_heads.py` and `quarantines.py`, and asks for nothing that is remembered from a batch before. Whatever is not
foreseen, or is forgotten meanwhile, they find themselves.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from amos.protocol.segment import NO_SEED_ROOT, Usage
from amos_ledger.records import DatedPlay, SessionPlay
from amos_ledger.store.chain import SEALED, Chain, device_of
from amos_ledger.store.database import Database, Row, marks
from amos_ledger.store.sessions import PLAY
from amos_ledger.store.signed_heads import GIVEN, given_of

ASKED_AT_ONCE = 256
"""Of which one statement tells: a batch is of no more messages."""

_LAST = f"""
    SELECT asked.column1, {SEALED} FROM {{asked}} CROSS JOIN usage WHERE usage.device_id = asked.column1
        AND sequence = (SELECT max(sequence) FROM usage AS own WHERE own.device_id = asked.column1)
"""
_DATED = """
    SELECT asked.column1, asked.column2, sequence, boot, start_unix_ms, end_unix_ms FROM {asked} CROSS JOIN usage
        WHERE usage.device_id = asked.column1 AND sequence = (
            SELECT sequence FROM usage AS own WHERE own.device_id = asked.column1 AND own.clock_epoch = asked.column2
            AND own.start_unix_ms IS NOT NULL ORDER BY own.start_unix_ms DESC, own.sequence DESC LIMIT 1)
"""
_ANCHORS = """
    SELECT asked.column1, asked.column2, anchor.clock_epoch, boot, own_ms FROM {asked} CROSS JOIN anchor
        WHERE anchor.device_id = asked.column1 AND anchor.unix_ms = asked.column2
"""
_ROOTS = f"""
    SELECT asked.column1, asked.column2, {GIVEN.format("asked.column1")}
        FROM {{asked}} CROSS JOIN head WHERE root = asked.column2
"""


class Foresight:
    """Looks ahead in the tables of `chain`. To be asked inside the store's transaction, when nothing waits."""

    def __init__(self, database: Database, chain: Chain) -> None:
        self._database = database
        self._chain = chain

    def devices(self, device_ids: Iterable[bytes]) -> None:
        """Usage of these comes: what is known of each, and whether anything of it is held or was rejected."""
        knows = self._database.devices.knows
        wanted = sorted(device_id for device_id in set(device_ids) if not knows(("rejected", device_id)))
        for start in range(0, len(wanted), ASKED_AT_ONCE):
            self._devices(wanted[start : start + ASKED_AT_ONCE])

    def _devices(self, wanted: Sequence[bytes]) -> None:
        database, among = self._database, f"IN ({marks(len(wanted))})"
        keys: dict[bytes, list[tuple[int, bytes]]] = {}
        sql = f"SELECT device_id, first_sequence, public_key FROM device_key WHERE device_id {among}"
        for device_id, first, key in database.rows(f"{sql} ORDER BY device_id, number", wanted):
            keys.setdefault(device_id, []).append((first, key))
        found = {row[0]: row for row in self._chain.device_rows(wanted)}
        for device_id in wanted:
            row = found.get(device_id)
            database.devices.note(("device", device_id), row and device_of(keys.get(device_id, []), row))
        for table in ("held", "rejected"):
            sql = (
                f"SELECT device_id FROM device WHERE device_id {among}"
                f" AND EXISTS (SELECT 1 FROM {table} WHERE {table}.device_id = device.device_id)"
            )
            some = {device_id for (device_id,) in database.rows(sql, wanted)}
            for device_id in found:
                database.devices.note((table, device_id), device_id in some)

    def usage(self, usages: Iterable[Usage]) -> None:
        """These are to be decided about, in any order."""
        coming = list(usages)
        self._lasts(self._unknown("last", {(usage.device_id,) for usage in coming}))
        for column in ("session", "boot"):
            self._plays(column, self._unknown(column, {(usage.device_id, getattr(usage, column)) for usage in coming}))
        anchors = {(usage.device_id, at) for usage in coming if (at := usage.anchor_unix_ms) is not None}
        self._anchors(self._unknown("anchor", anchors))
        roots = {(usage.device_id, usage.seed_root) for usage in coming if usage.seed_root not in (None, NO_SEED_ROOT)}
        self._roots(self._unknown("root", roots))

    def _unknown(self, kind: str, keys: set[Any]) -> list[Any]:
        """Those of the keys of which nothing of this kind is remembered."""
        knows = self._database.devices.knows
        return [key for key in keys if not knows((kind, *key))]

    def _lasts(self, devices: Sequence[tuple[bytes]]) -> None:
        found = {row[0]: row[1:] for row in self._asked(_LAST, devices)}
        for (device_id,) in devices:
            self._chain.note_last(device_id, found.get(device_id))

    def _plays(self, column: str, pairs: Sequence[tuple[bytes, int]]) -> None:
        sql = (
            f"SELECT asked.column1, asked.column2, {PLAY} FROM {{asked}} CROSS JOIN session WHERE session.device_id"
            f" = asked.column1 AND session.{column} = asked.column2 GROUP BY asked.column1, asked.column2"
        )
        found = {row[:2]: SessionPlay(*row[2:]) for row in self._asked(sql, pairs)}
        for pair in pairs:
            self._database.devices.note((column, *pair), found.get(pair))

    def _anchors(self, pairs: Sequence[tuple[bytes, int]]) -> None:
        found = {row[:2]: row[2:] for row in self._asked(_ANCHORS, pairs)}
        anchors = self._chain.anchors
        epochs = set()
        for pair, row in found.items():
            anchors.note_issued(*pair, *row)
            epochs.add((pair[0], row[0]))
        unknown = self._unknown("dated", epochs)
        latest = {row[:2]: DatedPlay(*row[2:]) for row in self._asked(_DATED, unknown)}
        for device_id, epoch in unknown:
            self._database.devices.note(("dated", device_id, epoch), latest.get((device_id, epoch)))

    def _roots(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        given = {row[:2]: row[2:] for row in self._asked(_ROOTS, pairs)}
        for pair in pairs:
            self._chain.heads.note_given(*pair, given_of(given.get(pair)))

    def _asked(self, sql: str, keys: Iterable[Sequence[object]]) -> list[Row]:
        rows, found = list(keys), []
        for start in range(0, len(rows), ASKED_AT_ONCE):
            part = rows[start : start + ASKED_AT_ONCE]
            asked = ", ".join([f"({marks(len(part[0]))})"] * len(part))
            values = [value for row in part for value in row]
            found += self._database.rows(sql.format(asked=f"(VALUES {asked}) AS asked"), values)
        return found

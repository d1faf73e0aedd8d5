"""Two stores held against each other: the live one, and the one that its log gives. And what the log does not give,
carried from the one to the other.

`COUNTING` names the columns that follow from the log, `CARRIED` the tables of which nothing does. The table `earned`
follows from it too, but is worked out only when somebody asks.
"""

from collections.abc import Iterator

from amos.protocol.document import CATALOGUE, MANIFEST
from amos_ledger.store.database import Database, Row
from amos_ledger.store.place import StorePlace

COUNTING: dict[str, str] = {
    "ledger": "schema_version, origin, public_key",
    "log_head": "size",
    "entry": "leaf_index, bytes",
    "node": "position, hash",
    "device": (
        "device_id, leaf_index, site, name, tier, voices, enrolled_unix_s, quarantine, predecessor,"
        " retired_unix_s, first_enrolled_unix_s, counted_ms"
    ),
    "device_key": "device_id, number, first_sequence, public_key",
    "usage": (
        "device_id, sequence, sha256, previous, leaf_index, boot, session, first_frame, end_frame, played_frames,"
        " period, late, sounding, pcm_sha256"
    ),
    "session": (
        "device_id, session, boot, version, output_kind, pace, seed_root, first_frame, start_ms, end_ms, delivered_ms,"
        " segments, played_frames"
    ),
    "flag": "device_id, sequence, flag, frames",
    "quarantine": "leaf_index, device_id, lifted_leaf_index",
    "rejected": "device_id, sha256, leaf_index",
    "manifest": "pack, bytes",
    "catalogue": "serial, sha256, bytes, leaf_index, since_unix_s",
    "batch": "leaf_index, unix_s",
    "opt_out_list": "serial, leaf_index",
    "delegated_opt_out_list": "leaf_index",
    "delegated_withdrawal": "stem_id, payee",
    "rollup": "period, stem_id, tier, rate_hz, frames",
    "closing": "period, leaf_index",
    "forgone": "leaf_index",
    "rotation": "leaf_index, role, number",
    "transfer": "number, leaf_index",
    "pool_entry": "number, leaf_index, since_unix_s",
}
"""Table → what of it follows from the log."""

CARRIED = ("held", "evidence", "anchor", "head", "receipted_later", "tally", "lost", "wanted")
"""What the ledger knows beside the log: of its clock, of messages that it has not logged, of receipts that it gave."""

USAGE_BESIDE = "received_unix_s, site, message_sha256, clock_epoch, start_unix_ms, end_unix_ms"
"""Of accepted segments, in the same way."""

LEDGER_BESIDE = "anchors_since_ms, clock_ms, clock_epoch, heads_forgotten"

NOT_LOGGED_LOSS = (
    "(declared_by > 0 AND NOT EXISTS"
    " (SELECT 1 FROM {0}.usage WHERE usage.device_id = lost.device_id AND sequence = declared_by))"
)
"""A loss that only a held segment declares so far, or one that is evidence."""


class Comparison:
    """`database` with the live store at `place` beside it. Reads of both belong into one `snapshot`."""

    def __init__(self, database: Database, place: StorePlace) -> None:
        self._database = database
        place.attach(database)

    def size(self) -> int:
        """Count of the live log's entries."""
        row = self._database.one("SELECT max(leaf_index) FROM live.entry")
        return 0 if row is None or row[0] is None else int(row[0]) + 1

    def entries(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        """(leaf index, bytes) as the live store has them, sound or not."""
        sql = "SELECT leaf_index, bytes FROM live.entry WHERE leaf_index BETWEEN ? AND ? ORDER BY leaf_index"
        for start in range(first, end, 1024):
            yield from self._database.rows(sql, (start, min(start + 1024, end) - 1))

    def rows(self, sql: str) -> list[Row]:
        """Rows of the live store, whose tables the query calls `live.…`."""
        return self._database.rows(sql)

    def each(self, sql: str) -> Iterator[Row]:
        """The same one by one."""
        return self._database.each(sql)

    def document(self, kind: str, sha256: bytes) -> bytes | None:
        """The bytes that the live store has for a document that the log names, sound or not."""
        column = {MANIFEST: "pack", CATALOGUE: "sha256"}[kind]
        rows = self._database.rows(f"SELECT bytes FROM live.{kind} WHERE {column} = ?", (sha256,))
        return bytes(rows[0][0]) if rows else None

    def missing(self, table: str) -> list[Row]:
        """Up to four rows of the table that follow from the log and that the live store does not have."""
        return self._less(table, "main", "live")

    def surplus(self, table: str) -> list[Row]:
        """Up to four rows of the table in the live store that do not follow from the log."""
        return self._less(table, "live", "main")

    def _less(self, table: str, left: str, right: str) -> list[Row]:
        columns = COUNTING[table]
        sql = f"SELECT {columns} FROM {left}.{table} EXCEPT SELECT {columns} FROM {right}.{table} LIMIT 4"
        return self._database.rows(sql)

    def losses(self) -> list[Row]:
        """Losses that a logged segment declares and that are in one of the stores only."""
        logged = "device_id, first, last FROM {0}.lost WHERE NOT " + NOT_LOGGED_LOSS
        main, live = (f"SELECT {logged.format(name)}" for name in ("main", "live"))
        plain = "SELECT device_id, first, last FROM {0}.lost"
        missing, surplus = f"({main} EXCEPT {plain.format('live')}) AS missing", f"({live} EXCEPT {main}) AS surplus"
        sql = f"SELECT * FROM {missing} UNION SELECT * FROM {surplus} LIMIT 4"
        return self._database.rows(sql)

    def carry(self, table: str) -> int:
        """Copy what the log does not give; how many rows."""
        if table == "lost":
            kept = f"SELECT * FROM live.lost WHERE {NOT_LOGGED_LOSS.format('live')}"
            sql = f"INSERT INTO main.lost {kept} ON CONFLICT DO NOTHING"
        elif table == "held":
            sql = (
                "INSERT INTO main.held SELECT * FROM live.held WHERE NOT EXISTS ("
                "SELECT 1 FROM main.usage WHERE usage.device_id = held.device_id AND usage.sequence = held.sequence)"
            )
        else:
            sql = f"INSERT INTO main.{table} SELECT * FROM live.{table}"
        return self._database.run(sql)

    def carry_usage(self) -> int:
        """Copy whom accepted segments were answered to, with what, and when they came to the second."""
        beside = ", ".join(f"found.{name.strip()}" for name in USAGE_BESIDE.split(","))
        return self._database.run(
            f"UPDATE main.usage SET ({USAGE_BESIDE}) = ({beside}) FROM live.usage AS found WHERE"
            " found.device_id = usage.device_id AND found.sequence = usage.sequence AND found.sha256 = usage.sha256"
        )

    def carry_clock(self) -> None:
        """Copy what is known of the ledger's own clock."""
        sql = f"UPDATE main.ledger SET ({LEDGER_BESIDE}) = (SELECT {LEDGER_BESIDE} FROM live.ledger)"
        self._database.run(sql)

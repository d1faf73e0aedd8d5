"""The past of a fleet, written into a ledger's database as intake would have left it: how section `ledger` gets a log
of millions of segments in minutes.

Each row is a copy of one that intake wrote, with its own place, number and hash. Entries are random bytes; the tree
over them is grown as ever, so roots, receipts and published files are what they would be.
"""

import random
import sqlite3
import time
from array import array
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from amos.protocol.batch import batch_entry
from amos.protocol.merkle import leaf_hash
from amos_ledger.log import tree
from amos_tools.bench.ledger_fleet import NOON, SEGMENT_S, SPAN

BATCH = 256
"""Segments that share a batch entry and a tree head."""

SESSION_SEGMENTS = 72
"""A day of twelve hours."""

_CHUNK = 64 * BATCH
_COPIED = ("device", "device_key", "usage", "session", "anchor")
Rows = dict[str, list[tuple[Any, ...]]]


class History:
    """Writes to the database at `path`, where intake has taken a segment of each device of `played`. Others are made up
    as they are needed: one to `segments_each` of the log."""

    def __init__(self, path: Path, played: Sequence[bytes], segments_each: int) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        for setting in ("synchronous=OFF", "cache_size=-262144"):
            self._database.execute(f"PRAGMA {setting}")
        self._models = {table: self._model(table, played[0]) for table in _COPIED}
        self._devices, self._segments_each = list(played), segments_each
        self._played, self._previous = array("q", bytes(8 * len(played))), [bytes(32)] * len(played)
        self._entry_bytes = self._turn = 0

    def close(self) -> None:
        """Close the database; the file is small again beside its log."""
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.close()

    @property
    def devices(self) -> int:
        """Count of devices that have played."""
        return len(self._devices)

    def last(self, number: int) -> tuple[int, bytes, int]:
        """(sequence, hash, session) of the last segment of a device."""
        index = self._played[number] - 1
        return index + 2, self._previous[number], 2 + index // SESSION_SEGMENTS

    @property
    def end_s(self) -> int:
        """When all that is written had been played."""
        return NOON + (max(self._played) + 2) * SEGMENT_S

    def grow(self, size: int, entry_bytes: int) -> None:
        """Write until the log has `size` entries or a few more, at the least until each device has played. Entries have
        so many bytes."""
        self._entry_bytes = entry_bytes
        self._database.execute("BEGIN IMMEDIATE")
        self._enrol(size // self._segments_each)
        while (missing := max(size - self._size(), self.devices - self._turn)) > 0:
            for table, rows in self._chunk(self._size(), min(_CHUNK, missing)).items():
                places = ", ".join("?" * len(rows[0]))
                self._database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places})", rows)
        self._database.execute("UPDATE log_head SET size = ?", (self._size(),))
        self._database.execute("COMMIT")

    def _model(self, table: str, device_id: bytes) -> dict[str, Any]:
        return dict(self._database.execute(f"SELECT * FROM {table} WHERE device_id = ?", (device_id,)).fetchone())

    def _size(self) -> int:
        [size] = self._database.execute("SELECT max(leaf_index) FROM entry").fetchone()
        return int(size) + 1

    def _enrol(self, count: int) -> None:
        for number in range(self.devices, count):
            device_id = sha256(b"device %d" % number).digest()[:16]
            for table, changed in (("device", {"name": f"player-{number}"}), ("device_key", {})):
                row = self._models[table] | {"device_id": device_id} | changed
                self._database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
            self._devices.append(device_id)
            self._played.append(0)
            self._previous.append(bytes(32))

    def _chunk(self, first: int, count: int) -> Rows:
        """Rows of `count` segments and of the batch entries between them, from leaf `first` on."""
        rows: Rows = {table: [] for table in ("entry", "node", "usage", "session", "anchor", "head", "batch")}
        leaf = first
        for index in range(count):
            if index % BATCH == 0:
                size = min(leaf + BATCH, first + count) + 1
                at_s = NOON + SEGMENT_S * self._played[self._turn % self.devices]
                rows["batch"].append((leaf, at_s))
                rows["entry"].append((leaf, batch_entry(at_s)))
                rows["head"].append((size, *(random.randbytes(count) for count in (32, 16, 64))))
                leaf += 1
            self._add_segment(rows, leaf)
            leaf += 1
        rows["node"] = self._nodes(first, (leaf_hash(entry) for _leaf, entry in rows["entry"]))
        return {table: found for table, found in rows.items() if found}

    def _add_segment(self, rows: Rows, leaf: int) -> None:
        number = self._turn % self.devices
        entry = random.randbytes(self._entry_bytes)
        day, index = divmod(self._played[number], SESSION_SEGMENTS)
        start_ms = (NOON + SEGMENT_S * self._played[number]) * 1000
        own = {"device_id": self._devices[number], "boot": 2 + day, "session": 2 + day}
        hashed = {"sha256": sha256(entry).digest(), "previous": self._previous[number]}
        usage = self._models["usage"] | own | hashed
        usage |= {"sequence": self._played[number] + 2, "leaf_index": leaf}
        usage |= {"first_frame": index * SPAN, "end_frame": (index + 1) * SPAN, "received_unix_s": start_ms // 1000}
        usage |= {"start_unix_ms": start_ms, "end_unix_ms": start_ms + SEGMENT_S * 1000}
        usage |= {"period": time.strftime("%Y-%m", time.gmtime(start_ms // 1000))}
        usage |= {"pcm_sha256": random.randbytes(32), "message_sha256": random.randbytes(32)}
        rows["usage"].append(tuple(usage.values()))
        session = self._models["session"] | own | {"segments": index + 1}
        session |= {"end_ms": (index + 1) * SEGMENT_S * 1000, "delivered_ms": (index + 1) * SEGMENT_S * 1000}
        rows["session"].append(tuple(session.values()))
        if index == 0:
            anchor = self._models["anchor"] | {"device_id": own["device_id"], "unix_ms": start_ms, "boot": 2 + day}
            rows["anchor"].append(tuple(anchor.values()))
        rows["entry"].append((leaf, entry))
        self._previous[number] = hashed["sha256"]
        self._played[number] += 1
        self._turn += 1

    def _nodes(self, first: int, leaf_hashes: Iterable[bytes]) -> list[tuple[int, bytes]]:
        """Rows of the tree's stored hashes."""
        grown = tree.grow(first, leaf_hashes, self._node)
        return [(place, value) for place, (_, _, value) in enumerate(grown, tree.stored_position(0, first))]

    def _node(self, level: int, index: int) -> bytes:
        sql = "SELECT hash FROM node WHERE position = ?"
        return bytes(self._database.execute(sql, (tree.stored_position(level, index),)).fetchone()[0])

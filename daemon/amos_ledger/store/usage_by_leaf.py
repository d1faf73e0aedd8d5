"""The step from schema 7 to 8: usage lies in the order of the log."""

from amos_ledger.store.database import Database

_TO_8 = """
ALTER TABLE usage RENAME TO usage_of_7;
CREATE TABLE usage (
    leaf_index INTEGER PRIMARY KEY, device_id BLOB NOT NULL, sequence INTEGER NOT NULL, sha256 BLOB NOT NULL,
    previous BLOB, boot INTEGER NOT NULL, session INTEGER NOT NULL,
    first_frame INTEGER NOT NULL, end_frame INTEGER NOT NULL, played_frames INTEGER NOT NULL,
    period TEXT NOT NULL, late INTEGER NOT NULL, received_unix_s INTEGER NOT NULL,
    site TEXT NOT NULL, message_sha256 BLOB NOT NULL, sounding BLOB, pcm_sha256 BLOB,
    clock_epoch INTEGER, start_unix_ms INTEGER, end_unix_ms INTEGER,
    UNIQUE (device_id, sequence)
);
INSERT INTO usage SELECT leaf_index, device_id, sequence, sha256, previous, boot, session, first_frame, end_frame,
    played_frames, period, late, received_unix_s, site, message_sha256, sounding, pcm_sha256, clock_epoch,
    start_unix_ms, end_unix_ms FROM usage_of_7 ORDER BY leaf_index;
DROP TABLE usage_of_7;
CREATE INDEX usage_of_period ON usage (period, leaf_index);
CREATE INDEX usage_dated ON usage (device_id, clock_epoch, start_unix_ms) WHERE start_unix_ms IS NOT NULL
"""


def to_8(database: Database, _now_ms: int) -> None:
    """What a batch adds to the table `usage` lies together; before, it lay where the rows of its devices did."""
    database.run_script(_TO_8)

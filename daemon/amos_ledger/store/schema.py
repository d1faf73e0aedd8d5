"""The tables of `ledger.sqlite`; DESIGN.md says what each is for."""

SCHEMA_VERSION = 10

SCHEMA = """
CREATE TABLE ledger (
    schema_version INTEGER NOT NULL, origin TEXT NOT NULL, public_key BLOB NOT NULL,
    anchors_since_ms INTEGER NOT NULL DEFAULT 0, clock_ms INTEGER NOT NULL DEFAULT 0,
    clock_epoch INTEGER NOT NULL DEFAULT 0, heads_forgotten INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE log_head (size INTEGER NOT NULL, decided INTEGER NOT NULL, stopped INTEGER NOT NULL);
CREATE TABLE entry (leaf_index INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE node (position INTEGER PRIMARY KEY, hash BLOB NOT NULL CHECK (length(hash) = 32));

CREATE TABLE device (
    device_id BLOB PRIMARY KEY, leaf_index INTEGER NOT NULL, site TEXT NOT NULL, name TEXT NOT NULL,
    tier INTEGER NOT NULL, voices INTEGER NOT NULL, enrolled_unix_s INTEGER NOT NULL,
    quarantine TEXT, predecessor BLOB UNIQUE, retired_unix_s INTEGER, first_enrolled_unix_s INTEGER NOT NULL DEFAULT 0,
    counted_ms INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE device_key (
    device_id BLOB NOT NULL, number INTEGER NOT NULL, first_sequence INTEGER NOT NULL, public_key BLOB NOT NULL,
    PRIMARY KEY (device_id, number)
) WITHOUT ROWID;

CREATE TABLE usage (
    leaf_index INTEGER PRIMARY KEY, device_id BLOB NOT NULL, sequence INTEGER NOT NULL, sha256 BLOB NOT NULL,
    previous BLOB, boot INTEGER NOT NULL, session INTEGER NOT NULL,
    first_frame INTEGER NOT NULL, end_frame INTEGER NOT NULL, played_frames INTEGER NOT NULL,
    period TEXT NOT NULL, late INTEGER NOT NULL, received_unix_s INTEGER NOT NULL,
    site TEXT NOT NULL, message_sha256 BLOB NOT NULL, sounding BLOB, pcm_sha256 BLOB,
    clock_epoch INTEGER, start_unix_ms INTEGER, end_unix_ms INTEGER,
    UNIQUE (device_id, sequence)
);
CREATE INDEX usage_of_period ON usage (period, leaf_index);
CREATE INDEX usage_dated ON usage (device_id, clock_epoch, start_unix_ms) WHERE start_unix_ms IS NOT NULL;

CREATE TABLE session (
    device_id BLOB NOT NULL, session INTEGER NOT NULL, boot INTEGER NOT NULL, version INTEGER NOT NULL,
    output_kind INTEGER, pace INTEGER, seed_root BLOB, first_frame INTEGER NOT NULL, start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL, delivered_ms INTEGER NOT NULL, segments INTEGER NOT NULL, played_frames INTEGER NOT NULL,
    PRIMARY KEY (device_id, session)
) WITHOUT ROWID;
CREATE INDEX session_of_boot ON session (device_id, boot);

CREATE TABLE flag (
    device_id BLOB NOT NULL, sequence INTEGER NOT NULL, flag TEXT NOT NULL, frames INTEGER NOT NULL,
    PRIMARY KEY (device_id, flag, sequence)
) WITHOUT ROWID;

CREATE TABLE anchor (
    device_id BLOB NOT NULL, unix_ms INTEGER NOT NULL, clock_epoch INTEGER NOT NULL, boot INTEGER, own_ms INTEGER,
    PRIMARY KEY (device_id, unix_ms)
) WITHOUT ROWID;
CREATE TABLE head (
    size INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE, key_id BLOB NOT NULL, signature BLOB NOT NULL
);
CREATE TABLE receipted_later (leaf_index INTEGER PRIMARY KEY, head_size INTEGER NOT NULL);
CREATE TABLE forgone (leaf_index INTEGER PRIMARY KEY);
CREATE TABLE rotation (leaf_index INTEGER PRIMARY KEY, role INTEGER NOT NULL, number INTEGER NOT NULL,
    UNIQUE (role, number)
);

CREATE TABLE held (
    device_id BLOB NOT NULL, sequence INTEGER NOT NULL, sha256 BLOB NOT NULL, segment BLOB NOT NULL,
    site TEXT NOT NULL, message_sha256 BLOB NOT NULL, verdict INTEGER NOT NULL, waits_for INTEGER NOT NULL,
    pack BLOB NOT NULL, received_unix_s INTEGER NOT NULL,
    PRIMARY KEY (device_id, sequence)
) WITHOUT ROWID;
CREATE INDEX held_for_pack ON held (verdict, pack);

CREATE TABLE wanted (
    device_id BLOB NOT NULL, sequence INTEGER NOT NULL, site TEXT NOT NULL, message_sha256 BLOB NOT NULL,
    PRIMARY KEY (device_id, sequence)
) WITHOUT ROWID;

CREATE TABLE lost (
    device_id BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, declared_by INTEGER NOT NULL,
    PRIMARY KEY (device_id, first, last)
) WITHOUT ROWID;

CREATE TABLE evidence (
    device_id BLOB NOT NULL, sha256 BLOB NOT NULL, sequence INTEGER NOT NULL, segment BLOB NOT NULL,
    verdict INTEGER NOT NULL, detail TEXT NOT NULL, received_unix_s INTEGER NOT NULL, finding TEXT,
    site TEXT, message_sha256 BLOB,
    PRIMARY KEY (device_id, sha256)
) WITHOUT ROWID;

CREATE TABLE quarantine (leaf_index INTEGER PRIMARY KEY, device_id BLOB NOT NULL, lifted_leaf_index INTEGER);
CREATE TABLE rejected (
    device_id BLOB NOT NULL, sha256 BLOB NOT NULL, leaf_index INTEGER NOT NULL, PRIMARY KEY (device_id, sha256)
) WITHOUT ROWID;

CREATE TABLE manifest (pack BLOB PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE catalogue (
    serial INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL,
    leaf_index INTEGER NOT NULL DEFAULT 0, since_unix_s INTEGER
);

CREATE TABLE batch (leaf_index INTEGER PRIMARY KEY, unix_s INTEGER NOT NULL);
CREATE TABLE opt_out_list (serial INTEGER PRIMARY KEY, leaf_index INTEGER NOT NULL UNIQUE);
CREATE TABLE delegated_opt_out_list (leaf_index INTEGER PRIMARY KEY);
CREATE TABLE delegated_withdrawal (stem_id BLOB PRIMARY KEY, payee TEXT NOT NULL);

CREATE TABLE rollup (
    period TEXT NOT NULL, stem_id BLOB NOT NULL, tier INTEGER NOT NULL, rate_hz INTEGER NOT NULL,
    frames INTEGER NOT NULL, PRIMARY KEY (period, stem_id, tier, rate_hz)
) WITHOUT ROWID;
CREATE TABLE transfer (number INTEGER PRIMARY KEY, leaf_index INTEGER NOT NULL UNIQUE);
CREATE TABLE pool_entry (
    number INTEGER PRIMARY KEY, leaf_index INTEGER NOT NULL UNIQUE, since_unix_s INTEGER NOT NULL
);
CREATE TABLE earned (
    period TEXT NOT NULL, payee TEXT NOT NULL, amount_micro INTEGER NOT NULL, frozen_late_micro INTEGER NOT NULL,
    PRIMARY KEY (period, payee)
) WITHOUT ROWID;
CREATE TABLE closing (period TEXT PRIMARY KEY, leaf_index INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tally (verdict INTEGER PRIMARY KEY, messages INTEGER NOT NULL);
"""

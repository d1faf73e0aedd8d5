"""Older versions of the schema brought to the present one: a step for each, each in one transaction with its number."""

from collections.abc import Callable

from amos.crypto import verify
from amos.protocol.answer import FORK, IMPOSSIBLE
from amos.protocol.batch import batch_entry, minute_of
from amos.protocol.cose import TYP_MANIFEST, parse_typed
from amos.protocol.document import CATALOGUE, MANIFEST, PREFIX_UNDATED, document_entry, read_document
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import KeyLine
from amos.protocol.ledger_limits import ENROLMENT_BYTES_MAX
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.manifest import Manifest
from amos.protocol.receipt import parse_receipt
from amos.protocol.record import U63
from amos.protocol.rotation import LEDGER
from amos.protocol.segment import Usage
from amos_ledger.intake.placements import sounding_after
from amos_ledger.limits import DELIVERED_MS_MAX
from amos_ledger.log import tree
from amos_ledger.records import SignedHead, severed
from amos_ledger.settlement.periods import assign_period, claimed_period, period_at
from amos_ledger.settlement.rollup import roll_up
from amos_ledger.store.anchors import Anchors
from amos_ledger.store.database import Database, marks
from amos_ledger.store.documents import Documents
from amos_ledger.store.entries import Log
from amos_ledger.store.opt_out_lists import to_10
from amos_ledger.store.quarantines import Quarantines
from amos_ledger.store.rotations import Rotations
from amos_ledger.store.sessions import Sessions
from amos_ledger.store.titles import to_9
from amos_ledger.store.usage_by_leaf import to_8

_TO_3 = """
ALTER TABLE ledger ADD COLUMN anchors_since_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN clock_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN clock_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device RENAME COLUMN device TO device_id;
ALTER TABLE device ADD COLUMN first_enrolled_unix_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN counted_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage RENAME COLUMN device TO device_id;
ALTER TABLE held RENAME COLUMN device TO device_id;
ALTER TABLE lost RENAME COLUMN device TO device_id;
ALTER TABLE evidence RENAME COLUMN device TO device_id;
ALTER TABLE evidence ADD COLUMN finding TEXT;
ALTER TABLE usage ADD COLUMN head_size INTEGER;
ALTER TABLE usage ADD COLUMN sounding BLOB;
ALTER TABLE usage ADD COLUMN pcm_sha256 BLOB;
ALTER TABLE usage ADD COLUMN clock_epoch INTEGER;
ALTER TABLE usage ADD COLUMN start_unix_ms INTEGER;
ALTER TABLE usage ADD COLUMN end_unix_ms INTEGER;
CREATE INDEX usage_receipted_at ON usage (device_id, head_size);
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
CREATE TABLE head (size INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE);
CREATE TABLE batch (leaf_index INTEGER PRIMARY KEY, unix_s INTEGER NOT NULL);
CREATE TABLE opt_out_list (serial INTEGER PRIMARY KEY, leaf_index INTEGER NOT NULL UNIQUE);
"""

_TO_4_HEADS = """
ALTER TABLE ledger ADD COLUMN heads_forgotten INTEGER NOT NULL DEFAULT 0;
CREATE TABLE forgone (leaf_index INTEGER PRIMARY KEY);
"""


def _to_3(database: Database, now_ms: int) -> None:
    """What findings and reports rest on. Sessions and the roots of receipts follow from what is stored; anchors were
    not remembered, so that those from before this moment are not judged."""
    database.run_script(_TO_3)
    Anchors(database).forget(now_ms)
    log, sessions = Log(database), Sessions(database)
    sizes = set()
    for device_id, sequence, leaf_index, receipt in database.rows(
        "SELECT device_id, sequence, leaf_index, receipt FROM usage"
    ):
        usage = log.usage(leaf_index)
        sessions.add(usage, usage.played_frames())
        if receipt is not None:
            size = parse_receipt(receipt).tree_size
            sizes.add(size)
            database.run(
                "UPDATE usage SET head_size = ? WHERE device_id = ? AND sequence = ?", (size, device_id, sequence)
            )
    counted = "SELECT coalesce(sum(delivered_ms), 0) FROM session WHERE session.device_id = device.device_id"
    database.run(f"UPDATE device SET counted_ms = ({counted})")
    _first_enrolments(database)
    read = log.cached()
    database.run_many("INSERT INTO head VALUES (?, ?)", [(size, tree.root(size, read)) for size in sorted(sizes)])


def _first_enrolments(database: Database) -> None:
    sql = "SELECT bytes FROM entry WHERE leaf_index NOT IN (SELECT leaf_index FROM usage) ORDER BY leaf_index DESC"
    for (entry,) in database.rows(sql):
        try:
            enrolment = Enrolment.decode(parse_typed(entry, TYP_ENROLMENT, ENROLMENT_BYTES_MAX).payload)
        except ProtocolError:
            continue  # another kind of entry; what was verified when it came need not be again
        sql = "UPDATE device SET first_enrolled_unix_s = ? WHERE device_id = ?"
        database.run(sql, (enrolment.unix_s, enrolment.device_id))


_TO_4_KEYS = """
CREATE TABLE device_key (
    device_id BLOB NOT NULL, number INTEGER NOT NULL, first_sequence INTEGER NOT NULL, public_key BLOB NOT NULL,
    PRIMARY KEY (device_id, number)
) WITHOUT ROWID;
INSERT INTO device_key SELECT device_id, 1, 1, public_key FROM device;
ALTER TABLE device DROP COLUMN public_key;
"""

_TO_4_QUARANTINE = """
ALTER TABLE evidence ADD COLUMN site TEXT;
ALTER TABLE evidence ADD COLUMN message_sha256 BLOB;
CREATE TABLE quarantine (leaf_index INTEGER PRIMARY KEY, device_id BLOB NOT NULL, lifted_leaf_index INTEGER);
CREATE TABLE rejected (
    device_id BLOB NOT NULL, sha256 BLOB NOT NULL, leaf_index INTEGER NOT NULL, PRIMARY KEY (device_id, sha256)
) WITHOUT ROWID
"""


def _to_4(database: Database, _now_ms: int) -> None:
    _to_5_head(database)
    _to_4_keys(database)
    _to_4_sound(database)
    _to_4_documents(database)
    _to_4_quarantine(database)
    _to_4_heads(database)
    _to_4_time(database)


def _to_4_keys(database: Database) -> None:
    """A device may have several keys, each from a sequence number on."""
    database.run_script(_TO_4_KEYS)


def _to_4_sound(database: Database) -> None:
    """What sounds on after a segment, and the hash of its sound, of those from before version 3 too."""
    log = Log(database)
    before = "SELECT session, sounding FROM usage WHERE device_id = ? AND sequence = ? AND leaf_index < ?"
    sql = "SELECT device_id, sequence, leaf_index FROM usage WHERE sounding IS NULL ORDER BY leaf_index"
    for device_id, sequence, leaf_index in database.rows(sql):
        usage = log.usage(leaf_index)
        row = None if severed(usage) else database.one(before, (device_id, sequence - 1, leaf_index))
        sounding = sounding_after(usage, row[1] if row is not None and row[0] == usage.session else None)
        sound = usage.pcm_sha256 if len(usage.stems) and any(usage.pcm_sha256) else None
        known = "UPDATE usage SET sounding = ?, pcm_sha256 = ? WHERE leaf_index = ?"
        database.run(known, (sounding, sound, leaf_index))


def _to_4_documents(database: Database) -> None:
    """Every document in force is named in the log, as a later one will be when it is published."""
    named = []
    for pack, data in database.rows("SELECT pack, bytes FROM manifest ORDER BY rowid"):
        manifest = Manifest.decode(parse_typed(data, TYP_MANIFEST, MANIFEST_BYTES_MAX).payload)
        named.append(document_entry(MANIFEST, manifest.serial, pack, None))
    for serial, sha256 in database.rows("SELECT serial, sha256 FROM catalogue ORDER BY serial"):
        named.append(document_entry(CATALOGUE, serial, sha256, None))
    Log(database).append(named)


def _to_4_quarantine(database: Database) -> None:
    """Quarantines in force become entries of the log, each with the segment that is kept as its first proof."""
    database.run_script(_TO_4_QUARANTINE)
    kept = (
        "SELECT sequence, sha256 FROM evidence WHERE device_id = ? AND verdict IN (?, ?)"
        " ORDER BY received_unix_s, sequence LIMIT 1"
    )
    quarantines = Quarantines(database, Log(database))
    sql = "SELECT device_id, quarantine FROM device WHERE quarantine IS NOT NULL ORDER BY leaf_index"
    for device_id, reason in database.rows(sql):
        sequence, sha256 = database.one(kept, (device_id, FORK, IMPOSSIBLE)) or (0, bytes(32))
        quarantines.begin(device_id, sequence, sha256, reason)


def _to_4_heads(database: Database) -> None:
    """What a recovered ledger has to forgive, and the heads that were given up."""
    database.run_script(_TO_4_HEADS)


def _to_4_time(database: Database) -> None:
    """Play that is dated before the enrolment takes of the device's time, as all does."""
    sql = (
        "SELECT device_id, leaf_index FROM usage JOIN flag USING (device_id, sequence) WHERE flag = 'before_enrolment'"
    )
    for device_id, leaf_index in database.rows(sql):
        taken_ms = min(Log(database).usage(leaf_index).delivered_ms(), DELIVERED_MS_MAX)
        database.run("UPDATE device SET counted_ms = counted_ms + ? WHERE device_id = ?", (taken_ms, device_id))


_TO_5_ROTATE = """
CREATE TABLE rotation (leaf_index INTEGER PRIMARY KEY, role INTEGER NOT NULL, number INTEGER NOT NULL,
    UNIQUE (role, number)
);
"""

_TO_5_WANTED = """
CREATE TABLE wanted (
    device_id BLOB NOT NULL, sequence INTEGER NOT NULL, site TEXT NOT NULL, message_sha256 BLOB NOT NULL,
    PRIMARY KEY (device_id, sequence)
) WITHOUT ROWID
"""

_TO_5_HEAD = """
CREATE TABLE log_head (size INTEGER NOT NULL, decided INTEGER NOT NULL, stopped INTEGER NOT NULL);
INSERT INTO log_head SELECT count(*), (SELECT count(*) FROM closing), 0 FROM entry
"""


def _to_5(database: Database, _now_ms: int) -> None:
    _to_5_head(database)
    _to_5_rotate(database)
    database.run_script("CREATE INDEX held_for_pack ON held (verdict, pack)")
    database.run_script(_TO_5_WANTED)


def _to_5_head(database: Database) -> None:
    """The row under whose lock indexes are given. Whatever an earlier step appended needed it already."""
    if not database.has_table("log_head"):
        database.run_script(_TO_5_HEAD)


def _to_5_rotate(database: Database) -> None:
    """The keys of operator and ledger may give way to others."""
    database.run_script(_TO_5_ROTATE)


_TO_6_RIGHTS = """
ALTER TABLE catalogue ADD COLUMN leaf_index INTEGER NOT NULL DEFAULT 0;
ALTER TABLE catalogue ADD COLUMN since_unix_s INTEGER
"""


_TO_6_ACCOUNTS = """
CREATE TABLE transfer (number INTEGER PRIMARY KEY, leaf_index INTEGER NOT NULL UNIQUE);
CREATE TABLE earned (
    period TEXT NOT NULL, payee TEXT NOT NULL, amount_micro INTEGER NOT NULL, frozen_late_micro INTEGER NOT NULL,
    PRIMARY KEY (period, payee)
) WITHOUT ROWID
"""


def _to_6(database: Database, now_ms: int) -> None:
    _to_6_receipts(database)
    _to_6_rights(database)
    database.run_script(_TO_6_ACCOUNTS)
    _to_6_undated(database, now_ms)


def _to_6_rights(database: Database) -> None:
    """Since when each catalogue was known: the last reception in front of the entry that names it."""
    database.run_script(_TO_6_RIGHTS)
    others = "leaf_index NOT IN (SELECT leaf_index FROM usage) AND leaf_index NOT IN (SELECT leaf_index FROM batch)"
    before = "SELECT unix_s FROM batch WHERE leaf_index < ? ORDER BY leaf_index DESC LIMIT 1"
    for index, entry in database.rows(f"SELECT leaf_index, bytes FROM entry WHERE {others} ORDER BY leaf_index"):
        document = read_document(entry) if entry.startswith(PREFIX_UNDATED) else None
        if document is not None and document[0] == CATALOGUE:
            known = database.one(before, (index,))
            sql = "UPDATE catalogue SET leaf_index = ?, since_unix_s = ? WHERE sha256 = ?"
            database.run(sql, (index, known[0] if known else None, document[2]))


def _to_6_undated(database: Database, now_ms: int) -> None:
    """What was taken in before receptions were entries accrues by what the log says of it: a closing of version 4 lists
    no leaves. Where nothing in the log dates it, this moment does."""
    first = database.one("SELECT leaf_index, unix_s FROM batch ORDER BY leaf_index LIMIT 1")
    sql = (
        "SELECT device_id, sequence, leaf_index, period FROM usage"
        " WHERE period NOT IN (SELECT period FROM closing) AND leaf_index < ?"
    )
    waiting = database.rows(sql, (U63 if first is None else first[0],))
    if waiting and first is None:
        log, minute_s = Log(database), minute_of(now_ms // 1000)
        first = log.append([batch_entry(minute_s)]), minute_s
        log.note_batch(*first)
    closed = {period for (period,) in database.rows("SELECT period FROM closing")}
    for device_id, sequence, leaf_index, period in waiting:
        assert first is not None
        usage = Log(database).usage(leaf_index)
        claimed = claimed_period(usage)
        accrues_to, _late = assign_period(claimed or period_at(first[1]), closed)
        if accrues_to != period:
            late = int(claimed is not None and claimed < accrues_to)
            sql = "UPDATE usage SET period = ?, late = ? WHERE device_id = ? AND sequence = ?"
            database.run(sql, (accrues_to, late, device_id, sequence))
            _move_rollup(database, usage, period, accrues_to)


def _move_rollup(database: Database, usage: Usage, before: str, after: str) -> None:
    manifest = Documents(database, Log(database)).manifest(usage.pack)
    assert manifest is not None
    sql = (
        "INSERT INTO rollup VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (period, stem_id, tier, rate_hz) DO UPDATE SET frames = rollup.frames + excluded.frames"
    )
    for key, frames in roll_up(usage, manifest).items():
        database.run(sql, (before, *key, -frames))
        database.run(sql, (after, *key, frames))
    database.run("DELETE FROM rollup WHERE period = ? AND frames = 0", (before,))


_TO_6_RECEIPTS = """
ALTER TABLE head RENAME TO head_of_5;
CREATE TABLE head (
    size INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE, key_id BLOB NOT NULL, signature BLOB NOT NULL
);
CREATE TABLE receipted_later (leaf_index INTEGER PRIMARY KEY, head_size INTEGER NOT NULL);
"""

_TO_6_ONE_EACH = """
INSERT INTO receipted_later SELECT leaf_index, head_size FROM usage WHERE head_size IN (SELECT size FROM head)
    AND head_size != (SELECT min(size) FROM head WHERE size > leaf_index);
DROP TABLE head_of_5;
DROP INDEX usage_without_receipt;
DROP INDEX usage_receipted_at;
ALTER TABLE usage DROP COLUMN receipt;
ALTER TABLE usage DROP COLUMN head_size;
CREATE INDEX usage_of_device ON usage (device_id, leaf_index)
"""


def _to_6_receipts(database: Database) -> None:
    """The signature that the receipts of a tree have in common is kept with its head, in place of them. A head of which
    no receipt is sound is forgotten: its segments are given others, and what names its root is not judged."""
    row = database.one("SELECT origin, public_key FROM ledger")
    assert row is not None
    line = Rotations(database, Log(database), row[0]).line(LEDGER, row[1])
    roots: dict[int, bytes] = dict(database.rows("SELECT size, root FROM head"))
    database.run_script(_TO_6_RECEIPTS)
    for size, receipt in database.each("SELECT head_size, receipt FROM usage WHERE receipt IS NOT NULL"):
        head = _head_of(receipt, size, roots[size], line) if size in roots else None
        if head is not None:
            database.run(f"INSERT INTO head VALUES ({marks(4)})", head)
            del roots[size]
    if roots:
        database.run("UPDATE ledger SET heads_forgotten = 1")
    database.run_script(_TO_6_ONE_EACH)


def _head_of(receipt: bytes, size: int, root: bytes, line: KeyLine) -> SignedHead | None:
    """The head that a receipt was given for, None when the ledger did not sign it."""
    try:
        message = parse_receipt(receipt).message
        message.check(line.by_id(message.kid) or b"", verify, root)
    except ProtocolError:
        return None
    return SignedHead(size, root, message.kid, message.signature)


_TO_7 = """
CREATE TABLE pool_entry (
    number INTEGER PRIMARY KEY, leaf_index INTEGER NOT NULL UNIQUE, since_unix_s INTEGER NOT NULL
)
"""


def _to_7(database: Database, now_ms: int) -> None:
    """No log of before opens pools."""
    database.run_script(_TO_7)


Step = Callable[[Database, int], None]

_STEPS: dict[int, Step] = {2: _to_3, 3: _to_4, 4: _to_5, 5: _to_6, 6: _to_7, 7: to_8, 8: to_9, 9: to_10}
"""Version → what makes the next one of it."""

MIGRATED_FROM = frozenset(_STEPS)


def migrate(database: Database, version: int, now_ms: int) -> int:
    """The version to which a store of `version` could be brought, durably; the same when no step leads on."""
    while version in _STEPS:
        with database.transaction():
            ((present,),) = database.locked("SELECT schema_version FROM ledger")
            if present == version:  # else another process was here between
                _STEPS[version](database, now_ms)
                database.run("UPDATE ledger SET schema_version = ?", (version + 1,))
        version += 1
    return version

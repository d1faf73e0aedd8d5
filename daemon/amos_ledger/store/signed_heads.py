"""Tree heads that the ledger signed in receipts, in the database, and the receipts that follow from them.

The receipt of a segment is for the first of these trees that has it, so a head is all that is stored of the receipts of
a batch, and a receipt is put together whenever it is wanted: the signature is kept, and paths follow from the log. So a
head must come behind those that are there, and one that is there stays.

`receipted_later` names the segments of before schema 6 whose receipt is for a later tree than that.
"""

from collections.abc import Sequence

from amos_ledger.errors import EntryDamaged
from amos_ledger.log.receipts import encoded_receipts
from amos_ledger.log.tree import Read
from amos_ledger.records import Receipted, SeedRoot, SignedHead, Wanted
from amos_ledger.store.database import Database, Row, marks
from amos_ledger.store.entries import Log

_HEAD = "size, root, key_id, signature"
_SEGMENT = "leaf_index, device_id, sequence, site, message_sha256"

GIVEN = """
    size,
    (SELECT min(CASE WHEN usage.device_id = {0} THEN sequence END) FROM usage WHERE leaf_index < head.size
        AND leaf_index >= (SELECT coalesce(max(size), 0) FROM head AS before WHERE before.size < head.size)
        AND leaf_index NOT IN (SELECT leaf_index FROM receipted_later)),
    (SELECT min(sequence) FROM receipted_later JOIN usage USING (leaf_index)
        WHERE usage.device_id = {0} AND receipted_later.head_size = head.size)
"""
"""What `given_of` takes, of a row of `head` and the device that stands in the place of `{0}`."""


class SignedHeads:
    """The tables `head`, `receipted_later` and `wanted`. Writes belong inside the store's transaction."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._log = log

    def last_size(self) -> int:
        """Every segment below this leaf has its receipt."""
        row = self._database.one("SELECT max(size) FROM head")
        return 0 if row is None or row[0] is None else int(row[0])

    def some_missing(self) -> bool:
        """Whether any segment has no receipt."""
        sql = "SELECT 1 FROM usage WHERE leaf_index >= (SELECT coalesce(max(size), 0) FROM head) LIMIT 1"
        return self._database.one(sql) is not None

    def segments(self, first: int, end: int, count: int) -> list[Row]:
        """(leaf index, device, sequence, site, message hash) of the first segments in leaves [first, end)."""
        sql = f"SELECT {_SEGMENT} FROM usage WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index LIMIT ?"
        return self._database.rows(sql, (first, end, count))

    def keep(self, head: SignedHead) -> None:
        """Give each segment of this tree that has none its receipt. All of a tree that was receipted are known here
        before anybody may name its root. Call it with the log locked, for the tree of all that it has."""
        self._database.run(f"INSERT INTO head VALUES ({marks(4)}) ON CONFLICT DO NOTHING", head, of_devices=False)

    def all(self) -> list[SignedHead]:
        """In no order."""
        return [SignedHead(*row) for row in self._database.rows(f"SELECT {_HEAD} FROM head")]

    def of(self, leaf_index: int) -> SignedHead | None:
        """The head that the receipt of the segment at this leaf is for; None while it has none."""
        later = self._database.one("SELECT head_size FROM receipted_later WHERE leaf_index = ?", (leaf_index,))
        return self.first(later[0] if later else leaf_index + 1)

    def first(self, size: int) -> SignedHead | None:
        """The one of the smallest tree of at least this size, None: there is none."""
        row = self._database.one(f"SELECT {_HEAD} FROM head WHERE size >= ? ORDER BY size LIMIT 1", (size,))
        return SignedHead(*row) if row else None

    def receipted(self, device_id: bytes, sequence: int) -> tuple[int, bytes] | None:
        """(leaf index, original receipt) of an accepted segment; None while it has none. Raises `EntryDamaged`."""
        sql = f"SELECT {_SEGMENT} FROM usage WHERE device_id = ? AND sequence = ?"
        row = self._database.one(sql, (device_id, sequence))
        head = self.of(row[0]) if row else None
        if row is None or head is None:
            return None
        [made] = self.receipts(head, [row])
        return row[0], made.receipt

    def receipts(self, head: SignedHead, segments: Sequence[Row], read: Read | None = None) -> list[Receipted]:
        """The receipts for this head of segments, as `segments` gives these; `read` gives the stored hashes to whoever
        has just read them. Raises `EntryDamaged`."""
        leaves = [row[0] for row in segments]
        if read is None:
            close = leaves[-1] - leaves[0] < 2 * len(leaves)
            read = self._log.cached(leaves[0], leaves[-1] + 1) if close else self._log.cached()
        try:
            receipts = encoded_receipts(head.size, head.root, leaves, read, head.key_id, head.signature)
        except LookupError as error:
            raise EntryDamaged(str(error)) from None
        return [
            Receipted(device_id, sequence, site, message_sha256, receipt)
            for (_leaf, device_id, sequence, site, message_sha256), receipt in zip(segments, receipts, strict=True)
        ]

    def forget(self, size: int) -> None:
        """No tree of this size was signed; its segments are given other receipts. Whoever was given one may name its
        root."""
        self._database.run("DELETE FROM head WHERE size = ?", (size,))
        self._database.run("DELETE FROM receipted_later WHERE head_size = ?", (size,))
        self.forget_all()

    def forget_impossible(self) -> None:
        """No receipt is for a tree that was not signed, or that does not have its segment."""
        self._database.run(
            "DELETE FROM receipted_later WHERE head_size <= leaf_index OR head_size NOT IN (SELECT size FROM head)"
            " OR leaf_index NOT IN (SELECT leaf_index FROM usage)"
        )

    def forget_all(self) -> None:
        """Judge no root that is not known: receipts were given that are not remembered. A player may name a root for
        as long as it runs, so there is no end to it."""
        self._database.run("UPDATE ledger SET heads_forgotten = 1")

    def _some_forgotten(self) -> bool:
        row = self._database.first("SELECT heads_forgotten FROM ledger")
        return row is not None and bool(row[0])

    # What devices may rest on.

    def seed_root(self, device_id: bytes, sequence: int, root: bytes) -> SeedRoot | None:
        """What is known of a root that the device's segment names; None when it is not to be judged."""
        name = "root", device_id, root
        known: tuple[int | None, int | None] | None = self._database.devices.known(name)
        if known is None:
            known = self._database.remembered(name, lambda: self.given(device_id, root))
            self.note_given(device_id, root, known)
        size, first = known
        if size is None and self._database.remembered("heads forgotten", self._some_forgotten):
            return None
        return SeedRoot(size, first is not None and first < sequence)

    def note_given(self, device_id: bytes, root: bytes, given: tuple[int | None, int | None]) -> None:
        """Remember what `given` gives. For which segments a receipt is for a tree is settled with its head; a root that
        no head has may be that of the next one."""
        (self._database.devices if given[0] is not None else self._database).note(("root", device_id, root), given)

    def given(self, device_id: bytes, root: bytes) -> tuple[int | None, int | None]:
        """(size of the tree with this root, the device's first segment with a receipt for it). What waits to be written
        has no receipt."""
        row = self._database.first(f"SELECT {GIVEN.format('?1')} FROM head WHERE root = ?2", (device_id, root))
        return given_of(row)

    # Receipts that a worker cannot make.

    def want(self, segment: Wanted) -> None:
        """Note that somebody waits for a receipt by the ledger's key in force, of a segment that has one by an earlier
        key. Who notes it has no key."""
        sql = f"INSERT INTO wanted VALUES ({marks(4)}) ON CONFLICT DO NOTHING"
        self._database.run(sql, segment)

    def wanted(self, count: int) -> list[Wanted]:
        """Some of the segments for whose receipt somebody waits."""
        sql = "SELECT device_id, sequence, site, message_sha256 FROM wanted ORDER BY device_id, sequence LIMIT ?"
        return [Wanted(*row) for row in self._database.rows(sql, (count,))]

    def want_no_more(self, segments: Sequence[Wanted]) -> None:
        """They were sent one."""
        sql = "DELETE FROM wanted WHERE device_id = ? AND sequence = ?"
        self._database.run_many(sql, [(segment.device_id, segment.sequence) for segment in segments])


def given_of(row: Row | None) -> tuple[int | None, int | None]:
    """As `SignedHeads.given`, of the columns `GIVEN` of the tree with that root, None: there is none."""
    if row is None:
        return None, None
    size, *firsts = row
    return size, min((first for first in firsts if first is not None), default=None)

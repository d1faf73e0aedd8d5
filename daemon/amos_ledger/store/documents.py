"""Signed manifests and catalogues in the database; each is named by an entry of the log."""

import hashlib

from amos.protocol.cose import TYP_MANIFEST, parse_typed
from amos.protocol.document import CATALOGUE, MANIFEST, document_entry
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.manifest import Manifest
from amos_ledger.errors import EntryDamaged
from amos_ledger.limits import MANIFESTS_CACHED_MAX
from amos_ledger.store.database import Database
from amos_ledger.store.entries import Log


class Documents:
    """What publishers signed; verified before it was put here."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._log = log
        self._manifests: dict[bytes, Manifest] = {}

    def add_manifest(self, serial: int, pack: bytes, data: bytes, unix_s: int) -> bool:
        """Keep a verified manifest under its SHA-256 and name it in the log, as taken in at that moment; whether it was
        not there before."""
        fresh = self.keep_manifest(pack, data)
        if fresh:
            self._log.append([document_entry(MANIFEST, serial, pack, unix_s)])
        return fresh

    def add_catalogue(self, serial: int, sha256: bytes, data: bytes, unix_s: int) -> bool:
        """Keep a verified catalogue and name it in the log, as taken in at that moment; whether it was not there
        before."""
        if self.catalogue_hash(serial) is not None:
            return False
        index = self._log.append([document_entry(CATALOGUE, serial, sha256, unix_s)])
        return self.keep_catalogue(serial, sha256, data, index, max(unix_s, self._log.last_batch() or 0))

    def keep_manifest(self, pack: bytes, data: bytes) -> bool:
        """Keep a verified manifest that the log names; whether it was not there before."""
        return self._database.run("INSERT INTO manifest VALUES (?, ?) ON CONFLICT DO NOTHING", (pack, data)) == 1

    def keep_catalogue(self, serial: int, sha256: bytes, data: bytes, leaf_index: int, unix_s: int | None) -> bool:
        """Keep a verified catalogue that the entry at `leaf_index` names, known since then; whether it was not there
        before. None: from ever."""
        sql = "INSERT INTO catalogue VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        return self._database.run(sql, (serial, sha256, data, leaf_index, unix_s)) == 1

    def catalogues(self, size: int) -> list[tuple[int | None, bytes]]:
        """(known since, signed bytes) of those named in the first `size` entries of the log, in its order."""
        sql = "SELECT since_unix_s, sha256, bytes FROM catalogue WHERE leaf_index < ? ORDER BY leaf_index"
        return [(since, _sound("catalogue", sha256, data)) for since, sha256, data in self._database.rows(sql, (size,))]

    def manifest(self, pack: bytes) -> Manifest | None:
        """The manifest whose bytes have this SHA-256, or None."""
        found = self._manifests.get(pack)
        if found is None:
            row = self._database.first("SELECT bytes FROM manifest WHERE pack = ?", (pack,))  # which never waits
            if row is None:
                return None
            data = _sound("manifest", pack, row[0])
            found = Manifest.decode(parse_typed(data, TYP_MANIFEST, MANIFEST_BYTES_MAX).payload)
            if len(self._manifests) >= MANIFESTS_CACHED_MAX:
                self._manifests.clear()
            self._manifests[pack] = found
        return found

    def catalogue_hash(self, serial: int) -> bytes | None:
        """SHA-256 of the catalogue with this serial, or None."""
        row = self._database.one("SELECT sha256 FROM catalogue WHERE serial = ?", (serial,))
        return bytes(row[0]) if row else None

    def latest_serial(self) -> int | None:
        """The highest serial of a catalogue, or None."""
        row = self._database.one("SELECT max(serial) FROM catalogue")
        return row[0] if row else None

    def latest_catalogue(self) -> bytes | None:
        """The signed catalogue with the highest serial."""
        row = self._database.one("SELECT sha256, bytes FROM catalogue ORDER BY serial DESC LIMIT 1")
        return _sound("catalogue", *row) if row else None

    def names(self) -> list[tuple[str, bytes]]:
        """(folder, SHA-256) of every document, for publication."""
        sql = "SELECT 'manifests', pack FROM manifest UNION ALL SELECT 'catalogues', sha256 FROM catalogue"
        return [(folder, bytes(sha256)) for folder, sha256 in self._database.rows(sql)]

    def bytes_of(self, folder: str, sha256: bytes) -> bytes:
        """The document named by `names`."""
        table, column = {"manifests": ("manifest", "pack"), "catalogues": ("catalogue", "sha256")}[folder]
        row = self._database.one(f"SELECT bytes FROM {table} WHERE {column} = ?", (sha256,))
        if row is None:
            raise LookupError(f"{folder}: expected {sha256.hex()}")
        return _sound(table, sha256, row[0])


def _sound(kind: str, sha256: bytes, data: bytes) -> bytes:
    if hashlib.sha256(data).digest() != sha256:
        raise EntryDamaged(f"{kind} {sha256.hex()}: expected the bytes of this hash, found others")
    return bytes(data)

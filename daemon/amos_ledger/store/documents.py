"""Signed manifests and catalogues in the database."""

from amos.protocol.cose import TYP_MANIFEST, parse_typed
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.manifest import Manifest
from amos_ledger.limits import MANIFESTS_CACHED_MAX
from amos_ledger.store.database import Database


class Documents:
    """What publishers signed; verified before it was put here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._manifests: dict[bytes, Manifest] = {}

    def add_manifest(self, pack: bytes, data: bytes) -> bool:
        """Keep a verified manifest under its SHA-256; whether it was not there before."""
        return self._database.run("INSERT OR IGNORE INTO manifest VALUES (?, ?)", (pack, data)) == 1

    def add_catalogue(self, serial: int, sha256: bytes, data: bytes) -> bool:
        """Keep a verified catalogue; whether it was not there before."""
        sql = "INSERT OR IGNORE INTO catalogue VALUES (?, ?, ?)"
        return self._database.run(sql, (serial, sha256, data)) == 1

    def manifest(self, pack: bytes) -> Manifest | None:
        """The manifest whose bytes have this SHA-256, or None."""
        found = self._manifests.get(pack)
        if found is None:
            row = self._database.one("SELECT bytes FROM manifest WHERE pack = ?", (pack,))
            if row is None:
                return None
            found = Manifest.decode(parse_typed(row[0], TYP_MANIFEST, MANIFEST_BYTES_MAX).payload)
            if len(self._manifests) >= MANIFESTS_CACHED_MAX:
                self._manifests.clear()
            self._manifests[pack] = found
        return found

    def catalogue_hash(self, serial: int) -> bytes | None:
        """SHA-256 of the catalogue with this serial, or None."""
        row = self._database.one("SELECT sha256 FROM catalogue WHERE serial = ?", (serial,))
        return bytes(row[0]) if row else None

    def latest_catalogue(self) -> bytes | None:
        """The signed catalogue with the highest serial."""
        row = self._database.one("SELECT bytes FROM catalogue ORDER BY serial DESC LIMIT 1")
        return bytes(row[0]) if row else None

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
        return bytes(row[0])

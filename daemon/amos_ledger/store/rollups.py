"""Stem-time by period in the database: what settlement's figures are held against."""

from amos.protocol.manifest import Manifest
from amos.protocol.segment import Usage
from amos_ledger.settlement.rollup import by_stem_id, check_pack, digest_of, stem_frames
from amos_ledger.store.database import Database


class Rollups:
    """The table `rollup`. Writes belong inside the store's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def digest(self, period: str) -> bytes:
        """As `rollup.digest_of` has it, of the usage that accrues to the period."""
        sql = "SELECT stem_id, tier, rate_hz, frames FROM rollup WHERE period = ? ORDER BY stem_id, tier, rate_hz"
        rows = self._database.each(sql, (period,))
        return digest_of((bytes(stem), tier, rate_hz, frames) for stem, tier, rate_hz, frames in rows)

    def played_stems(self) -> set[bytes]:
        """Every stem of which there is play, in whatever period."""
        return {bytes(stem) for (stem,) in self._database.rows("SELECT DISTINCT stem_id FROM rollup")}

    def add(self, period: str, usage: Usage, manifest: Manifest, checked: bool = False) -> None:
        """Add one segment's frames to the period; `manifest` is that of its pack, which intake has `checked`. Raises
        `MessageError` when it is not."""
        if not checked:
            check_pack(usage, manifest)
        if usage.stems:
            gathered = self._database.gathered(self._write)
            gathered.setdefault((period, usage.pack, usage.tier), (manifest, []))[1].append(usage)

    def _write(self, gathered: dict[tuple[str, bytes, int], tuple[Manifest, list[Usage]]]) -> None:
        sql = (
            "INSERT INTO rollup VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (period, stem_id, tier, rate_hz) DO UPDATE SET frames = rollup.frames + excluded.frames"
        )
        for (period, _pack, tier), (manifest, usages) in gathered.items():
            totals = stem_frames(usages, manifest)
            found = by_stem_id(totals, manifest, tier, manifest.rate_hz)
            self._database.all_later(sql, [(period, *key, frames) for key, frames in found.items()])

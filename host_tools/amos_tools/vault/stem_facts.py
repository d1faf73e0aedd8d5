"""A stem of the vault as programs read it."""

from typing import Any

from amos_tools.stems import Credits, StemFacts


def stem_facts(stem: StemFacts) -> dict[str, Any]:
    """For JSON."""
    facts = {name: getattr(stem, name) for name in ("title", "artist", "role", "key", "tempo_mbpm", "beats", "isrc")}
    measured = {name: getattr(stem, name) for name in ("frames", "rate_hz", "loudness_mlufs", "opt_in")}
    splits = [{"payee": split.payee, "ppm": split.ppm} for split in stem.splits]
    told = {"splits": splits} | _credit_facts(stem.credits) | {"tags": dict(stem.tags)}
    return {"stem": stem.stem_id.hex()} | facts | measured | told


def _credit_facts(credits: Credits) -> dict[str, Any]:
    names = ("iswc", "publisher", "label", "upc", "ai_use", "training")
    composers = [{"name": who.name, "ipi": who.ipi} for who in credits.composers]
    return {name: getattr(credits, name) for name in names} | {"composers": composers}

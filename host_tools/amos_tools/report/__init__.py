"""Reports of a period for others: societies, royalty reporting, play logs, registries (REPORTS.md)."""

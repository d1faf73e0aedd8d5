"""What the ledger keeps, in SQLite. It decides nothing."""

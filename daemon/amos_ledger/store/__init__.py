"""What the ledger keeps, in SQLite or PostgreSQL. It decides nothing."""

"""`amos pool`: settle a period of a ledger, and read the statements that come of it."""

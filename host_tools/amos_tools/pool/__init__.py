"""`amos pool`: settle a period of a ledger, read its statements, and try other rules on made-up play."""

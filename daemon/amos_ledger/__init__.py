"""The ledger: verifies segments, appends them to a Merkle tree, answers with receipts, and settles periods."""

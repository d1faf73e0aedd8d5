"""Pages of a ledger: for its operators, and for the payees of its statements. They decide nothing."""

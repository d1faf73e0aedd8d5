"""Pages of a ledger: for its operators, and for the payees of its statements. They read, and decide nothing."""

"""`amos verify`: recomputes a statement from published data and keys pinned elsewhere.

It shares formats with the ledger, and no arithmetic: the tree, the roll-up, the apportionment and the statement's core
are computed here a second time, in plain Python, so that the two check each other. It opens no ledger storage.

    published.py   the public directory: named, size-capped reads
    note.py        the checkpoint: a C2SP signed note
    tree.py        entry bundles and hash tiles against the checkpoint's root
    log.py         every entry of the log: signatures, chains, closings
    recompute.py   roll-up, apportionment and the cores that follow
    reader.py      the statement's file, taken apart
    audit.py       the order of the checks
"""

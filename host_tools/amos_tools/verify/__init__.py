"""`amos verify`: recomputes a statement from published data and keys pinned elsewhere.

It shares formats with the ledger, and no arithmetic: the tree, the readings, the apportionment and the statement's core
are computed here a second time, in plain Python, so that the two check each other. It opens no ledger storage.

A statement of version 4, and the proof that a segment was counted, are verified by themselves, in files that share
nothing with the ledger but the words of SPEC.md:

    light.py, light_reading.py   what follows from the file and the ledger's key; other `light_…` are their parts

    statement_file.py            the file itself, compressed or plain

The full check:

    published.py   the public directory: named, size-capped reads
    note.py        the checkpoint: a C2SP signed note
    tree.py        entry bundles and hash tiles against the checkpoint's root
    opened.py      what each entry says by itself
    noted.py       what the first reading keeps for the later ones
    documents.py   manifests and catalogues by the publisher's key
    log.py         every entry of the log: signatures, chains, closings, transfers
    readings.py    how each row of a period stands, and whose it is; rights.py and sums.py are its parts
    metered.py     both trees and the statements that follow (version 4)
    books.py       the accounts as a closing finds them
    recompute.py   roll-up, apportionment and the cores that follow (versions 1 to 3)
    reader.py      a statement of version 1 to 3, taken apart
    audit.py       the order of the checks; ground.py is what reports take from it
"""
